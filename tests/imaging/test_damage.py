"""Damaged files are shown as far as they can be read, with a note; strictly they are refused."""

import struct
import zlib

import pytest
from PIL import Image

from imgfn.core.faults import BadImage
from imgfn.core.plan import parse_path
from imgfn.imaging.codecs.decode import inspect
from imgfn.imaging.limits import Limits
from imgfn.imaging.render import Rendered, render
from tests.pictures import animation, encoded, opened, scene

SIZE = (240, 160)
LENIENT, STRICT = Limits(), Limits(strict=True)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunk(source: bytes, bad: bytes) -> bytes:
    return source[:33] + bad + source[33:]


def half(source: bytes) -> bytes:
    return source[: len(source) // 2]


JPEG = encoded(scene(SIZE), "JPEG", quality=90)
PNG = encoded(scene(SIZE), "PNG")
BAD_TEXT = chunk(b"tEXt", b"Comment\0hello")[:-1] + b"!"
DAMAGED = {
    "half a JPEG": half(JPEG),
    "half a progressive JPEG": half(encoded(scene(SIZE), "JPEG", progressive=True)),
    "half a grey JPEG": half(encoded(scene(SIZE).convert("L"), "JPEG")),
    "half a CMYK JPEG": half(encoded(scene(SIZE).convert("CMYK"), "JPEG")),
    "a JPEG without its end": JPEG.removesuffix(b"\xff\xd9"),
    "half a PNG": half(PNG),
    "half a PNG with a palette": half(encoded(scene(SIZE).quantize(64), "PNG")),
    "half an interlaced PNG of 16 bits": half(encoded(scene(SIZE).convert("I;16"), "PNG")),
    "half a PNG with alpha": half(encoded(scene(SIZE, "RGBA"), "PNG")),
    "a PNG without IEND": PNG[:-12],
    "a PNG with a bad CRC in tEXt": with_chunk(PNG, BAD_TEXT),
    "a PNG with a palette and a bad CRC in tEXt": with_chunk(encoded(scene(SIZE).quantize(64), "PNG"), BAD_TEXT),
    "a PNG with a bad CRC in eXIf": with_chunk(PNG, chunk(b"eXIf", b"nonsense")[:-1] + b"!"),
    "half a GIF": half(encoded(scene(SIZE), "GIF")),
    "a GIF without its trailer": encoded(scene(SIZE), "GIF")[:-1],
    "half a BMP": half(encoded(scene(SIZE), "BMP")),
}
TRAILED = {
    name: encoded(scene(SIZE), name) + b"\0more\xff\xd9\xff\xda" * 50 for name in ("JPEG", "PNG", "GIF", "BMP", "WEBP")
}
# Nothing of these can be shown.
HOPELESS = {
    "a JPEG that ends before its scan": JPEG[: JPEG.index(b"\xff\xda")],
    "a PNG that ends before its pixels": PNG[: PNG.index(b"IDAT") + 6],
    "a PNG whose pixels are none": PNG[: PNG.index(b"IDAT") + 4] + bytes(len(PNG)),
    "a GIF that ends before its picture": encoded(scene(SIZE), "GIF")[:800][:13],
    "half an AVIF": half(encoded(scene(SIZE), "AVIF")),
    "half a WebP": half(encoded(scene(SIZE), "WEBP")),
}


def do(source: bytes, plan: str = "format/png", limits: Limits = LENIENT) -> Rendered:
    return render(source, parse_path(plan + "/x")[0], limits)


def rows_alike(one: Image.Image, other: Image.Image) -> int:
    """How many rows from the top are nearly the same."""
    one, other = one.convert("RGB"), other.convert("RGB")
    for row in range(one.height):
        pairs = zip(
            one.crop((0, row, one.width, row + 1)).tobytes(),
            other.crop((0, row, one.width, row + 1)).tobytes(),
            strict=True,
        )
        if sum(abs(a - b) for a, b in pairs) > 12 * 3 * one.width:
            return row
    return one.height


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize(
    "plan", ["format/png", "resize/w_60/format/png", "rotate/10/format/webp", "keep/all/format/png"]
)
def test_damaged_files_are_shown_with_a_note(name: str, plan: str) -> None:
    made = do(DAMAGED[name], plan)
    assert any("damaged" in note or "ends early" in note for note in made.notes), made.notes
    assert len(made.notes) == len(set(made.notes))
    opened(made.body)


@pytest.mark.parametrize("name", ["half a JPEG", "half a PNG"])
def test_what_is_there_is_shown(name: str) -> None:
    assert SIZE[1] * 0.2 < rows_alike(opened(do(DAMAGED[name]).body), scene(SIZE)) < SIZE[1]


def test_what_a_jpeg_lacks_is_grey() -> None:
    made = opened(do(DAMAGED["half a JPEG"]).body).convert("RGB")
    assert made.crop((0, SIZE[1] - 8, SIZE[0], SIZE[1])).getextrema() == ((128, 128),) * 3


@pytest.mark.parametrize(
    "name",
    ["a PNG without IEND", "a PNG with a bad CRC in tEXt", "a JPEG without its end", "a GIF without its trailer"],
)
def test_no_pixel_is_missing_where_only_marks_are(name: str) -> None:
    whole = {"P": PNG, "J": JPEG, "G": encoded(scene(SIZE), "GIF")}[name[2]]
    assert opened(do(DAMAGED[name]).body).tobytes() == opened(do(whole).body).tobytes()


@pytest.mark.parametrize("name", DAMAGED)
def test_strictly_they_are_refused(name: str) -> None:
    with pytest.raises(BadImage):
        do(DAMAGED[name], limits=STRICT)
    with pytest.raises(BadImage):
        inspect(DAMAGED[name], STRICT)


@pytest.mark.parametrize("name", TRAILED)
def test_bytes_behind_the_end_are_nobodys_business(name: str) -> None:
    for limits in (Limits(), STRICT):
        made = do(TRAILED[name], limits=limits)
        assert made.notes == ()
        assert opened(made.body).size == SIZE


@pytest.mark.parametrize("name", HOPELESS)
def test_what_cannot_be_shown_is_refused(name: str) -> None:
    with pytest.raises(BadImage):
        do(HOPELESS[name])
    with pytest.raises(BadImage):
        inspect(HOPELESS[name], Limits())


def test_an_animation_keeps_the_frames_that_are_there() -> None:
    source = animation("GIF", 5)
    made = do(source[: len(source) * 4 // 5], "format/gif")
    assert 2 <= getattr(opened(made.body), "n_frames", 1) <= 5
    assert made.notes


def test_pixels_with_a_bad_checksum_are_shown() -> None:
    broken = bytearray(encoded(scene(SIZE).quantize(64), "PNG"))
    broken[-13] ^= 0xFF  # the CRC of the last IDAT
    assert rows_alike(opened(do(bytes(broken)).body), scene(SIZE).quantize(64)) > SIZE[1] * 0.9


def test_whole_files_have_no_notes() -> None:
    for name in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF"):
        assert inspect(encoded(scene(SIZE), name), STRICT).notes == ()
