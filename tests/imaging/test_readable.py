"""Files that others show are shown: what is not needed for the picture cannot make it unreadable."""

import io
import json
import struct

import pytest
from PIL import Image

from imgfn.core.faults import ImageTooLarge
from imgfn.imaging.codecs.decode import inspect
from imgfn.imaging.limits import Limits
from tests.imaging.rendering import pixels, rendered
from tests.pictures import chunk, difference, encoded, oriented, quarters, scene

RED, GREEN = (200, 30, 30), (30, 180, 30)
SIZE = (48, 32)


def heic(primary: int) -> bytes:
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False)
    images = [Image.new("RGB", (64, 64), RED), Image.new("RGB", (96, 64), GREEN)]
    file = io.BytesIO()
    images[0].save(file, "HEIF", save_all=True, append_images=images[1:], primary_index=primary, quality=95)
    return file.getvalue()


@pytest.mark.parametrize(("primary", "colour", "width"), [(0, RED, 64), (1, GREEN, 96)])
def test_the_primary_picture_of_a_heic_is_shown(primary: int, colour: tuple[int, ...], width: int) -> None:
    source = heic(primary)
    assert inspect(source, Limits()).size == (width, 64)
    assert pixels("format/png", source).getpixel((9, 9)) == pytest.approx(colour, abs=6)
    assert pixels("resize/w_32/format/png", source).getpixel((9, 9)) == pytest.approx(colour, abs=6)


@pytest.mark.parametrize("behind", [b"\xff\xda\0\x08" * 200, b"\0\0\0\x18ftypmp42" + b"\xff\xda" * 500])
def test_scans_are_counted_up_to_the_end_of_the_image(behind: bytes) -> None:
    photo = encoded(scene(), "JPEG", quality=90)
    assert difference(pixels("format/png", photo + behind), pixels("format/png", photo)) == 0


def test_bytes_in_an_application_segment_are_no_scans() -> None:
    photo = encoded(scene(), "JPEG")
    segment = b"\xff\xe5" + struct.pack(">H", 2 + 2 * 300) + b"\xff\xda" * 300
    assert inspect(photo[:2] + segment + photo[2:], Limits()).size == scene().size


def test_scans_behind_fill_bytes_and_restart_markers_are_still_counted() -> None:
    photo = encoded(scene(), "JPEG", progressive=True)
    last = photo.rindex(b"\xff\xda")
    scan = photo[last:-2]
    for filler in (b"", b"\xff\xff", b"\xff\xd0"):
        with pytest.raises(ImageTooLarge, match="scans"):
            inspect(photo[:-2] + (filler + scan) * 200 + b"\xff\xd9", Limits())


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"tEXt", b"Raw profile type exif\0\nexif\n      12\n4578696600004d4dzz\n"),
        chunk(b"eXIf", b"no such record"),
        chunk(b"eXIf", b"MM\0*\0\0\0\x08\xff\xff"),
        chunk(b"eXIf", b""),
    ],
)
@pytest.mark.parametrize("plan", ["resize/w_24", "keep/all", "keep/copyright", "auto-orient/0/keep/all/format/jpg"])
def test_a_broken_record_costs_no_picture(extra: bytes, plan: str) -> None:
    body = encoded(scene())
    source = body[:33] + extra + body[33:]
    assert pixels(plan, source).size[0] in (24, scene().width)
    assert json.loads(rendered("info", source).body)["ImageWidth"] == {"value": str(scene().width)}


@pytest.mark.parametrize("target", ["jpg", "png", "webp", "avif", "heic", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_that_is_not_done_is_kept_with_everything(target: str, orientation: int) -> None:
    source = oriented(orientation)
    for plan in (f"auto-orient/0/keep/all/format/{target}", f"keep/all/format/{target}"):
        made = rendered(plan, source).body
        assert difference(pixels("format/png", made), quarters()) < 8


def test_without_keep_all_no_orientation_leaves() -> None:
    made = rendered("auto-orient/0/format/jpg", oriented(6)).body
    assert inspect(made, Limits()).orientation == 1


SVG = (
    '<{p}svg xmlns{q}="http://www.w3.org/2000/svg" width="{w}" height="{w}">'
    '<{p}rect width="999" height="999"/></{p}svg>'
)


@pytest.mark.parametrize(
    ("length", "side"),
    [("100mm", 378), ("10cm", 378), ("2in", 192), ("72pt", 96), ("6pc", 96), ("80px", 80), ("80", 80)],
)
def test_lengths_of_an_svg_are_those_of_css(length: str, side: int) -> None:
    source = SVG.format(p="", q="", w=length).encode()
    assert pixels("format/png", source).size == (side, side)
    assert pixels("resize/w_50/format/png", source).size == (50, 50)


@pytest.mark.parametrize("head", ["", "<?xml version='1.0'?>\n", "<!-- a drawing -->", "<!DOCTYPE svg>"])
@pytest.mark.parametrize("prefix", ["", "ns0:", "svg:", "a-b.c:"])
def test_an_svg_may_have_a_prefix(head: str, prefix: str) -> None:
    source = (head + SVG.format(p=prefix, q=f":{prefix[:-1]}" if prefix else "", w=20)).encode()
    assert pixels("format/png", source).getpixel((5, 5))[3] == 255  # type: ignore[index]


def bmp(masks: tuple[int, ...], pixel: int, bits: int = 32, down: bool = False, compression: int = 3) -> bytes:
    """A BMP of one colour, 5 x 3, whose first row in the file is black."""
    row = pixel.to_bytes(bits // 8, "little") * 5
    row += bytes(-len(row) % 4)
    head = struct.pack("<IiiHHIIiiII", 40, 5, -3 if down else 3, 1, bits, compression, 3 * len(row), 0, 0, 0, 0)
    fields = struct.pack(f"<{len(masks)}I", *masks)
    start = 14 + len(head) + len(fields)
    body = head + fields + bytes(len(row)) + row * 2
    return b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, start) + body


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize(
    ("masks", "pixel", "bits", "expected"),
    [
        ((0xFF, 0xFF00, 0xFF0000), 0x003264C8, 32, (200, 100, 50)),
        ((0xFF00, 0xFF0000, 0xFF000000), 0x3264C800, 32, (200, 100, 50)),
        ((0xFF0000, 0xFF00, 0xFF), 0x00C86432, 32, (200, 100, 50)),
        ((0x3FF00000, 0xFFC00, 0x3FF), 0x3FF001FF, 32, (255, 0, 127)),
        ((0xF00, 0xF0, 0xF), 0xF80, 16, (255, 136, 0)),
        ((0x1F, 0x7E0, 0xF800), 0x001F, 16, (255, 0, 0)),
        ((0xF800, 0x7E0, 0x1F), 0xF800, 16, (255, 0, 0)),
    ],
)
def test_bit_fields_of_a_bmp_may_lie_anywhere(
    masks: tuple[int, ...], pixel: int, bits: int, expected: tuple[int, ...], down: bool
) -> None:
    image = pixels("format/png", bmp(masks, pixel, bits, down)).convert("RGB")
    assert image.size == (5, 3)
    assert image.getpixel((4, 1)) == pytest.approx(expected, abs=1)
    assert image.getpixel((2, 0 if down else 2)) == (0, 0, 0)


def test_bit_fields_with_alpha_and_alpha_that_is_left_empty() -> None:
    masks = (0xFF, 0xFF00, 0xFF0000, 0xFF000000)
    clear = pixels("format/png", bmp(masks, 0x803264C8, compression=6))
    assert clear.getpixel((2, 0)) == (200, 100, 50, 128)
    empty = pixels("format/png", bmp(masks, 0x003264C8, compression=6))
    assert empty.convert("RGBA").getpixel((2, 0)) == (200, 100, 50, 255)
