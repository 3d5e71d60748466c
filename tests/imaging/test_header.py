"""What a file claims is checked before anything of it is decoded; what is broken is refused, never half shown."""

import struct
import tracemalloc
import zlib

import pytest
from PIL import Image

from imgfn.core.faults import BadImage, ImageTooLarge, UnsupportedMediaType
from imgfn.imaging.codecs.decode import inspect
from imgfn.imaging.limits import Limits
from tests.imaging.rendering import pixels, rendered
from tests.pictures import animation, difference, encoded, oriented, png, quarters, scene

FORMATS = {
    "jpg": encoded(scene(), "JPEG"),
    "png": encoded(scene()),
    "webp": encoded(scene(), "WEBP"),
    "avif": encoded(scene(), "AVIF"),
    "gif": encoded(scene(), "GIF"),
    "tiff": encoded(scene(), "TIFF"),
    "bmp": encoded(scene(), "BMP"),
    "ico": encoded(scene((48, 32)), "ICO", sizes=[(48, 32)]),
    "heic": rendered("format/heic", encoded(scene())).body,
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="240" height="160"><circle cx="9" cy="9" r="9"/></svg>',
}
HUGE_GIF = b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + b"\x80\0\0" + b"\0" * 6
HUGE_GIF += b",\0\0\0\0" + struct.pack("<HH", 65_535, 65_535) + b"\0\2\1\0\0;"
HUGE_WEBP = b"RIFF\x1a\0\0\0WEBPVP8L\x0e\0\0\0\x2f\xff\xff\xff\x0f" + b"\0" * 9


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read_by_its_first_bytes_whatever_its_name(name: str) -> None:
    header = inspect(FORMATS[name], Limits())
    assert header.format.name == name
    assert header.size == ((48, 32) if name == "ico" else (240, 160))
    assert header.frames == 1
    assert pixels("format/png", FORMATS[name]).size == header.size


def test_the_header_tells_the_stored_size_and_how_to_lay_it_upright() -> None:
    header = inspect(oriented(6), Limits())
    assert (header.size, header.orientation) == ((48, 64), 6)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_is_laid_upright_like_a_jpeg(orientation: int) -> None:
    upright = quarters()
    stored = pixels("auto-orient/0/format/png", oriented(orientation))
    source = encoded(stored, "TIFF", tiffinfo={0x0112: orientation})
    assert inspect(source, Limits()).size == stored.size
    assert difference(pixels("format/png", source), upright) < 5  # the JPEG halved its colour


def test_a_later_frame_that_claims_more_than_the_first_is_cut_or_refused() -> None:
    def frame(width: int, height: int) -> bytes:
        return b",\0\0\0\0" + struct.pack("<HH", width, height) + b"\0\2\2D\1\0"

    head = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff" + frame(1, 1)
    with pytest.raises(ImageTooLarge):
        rendered("format/webp", head + frame(65_535, 65_535) + b";")


def test_what_lies_inside_an_ico_cannot_be_larger_than_a_picture() -> None:
    inner = png(30_000, 30_000)
    source = b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0" + struct.pack("<II", len(inner), 22) + inner
    with pytest.raises(ImageTooLarge):
        rendered("resize/w_10", source)


@pytest.mark.parametrize("source", [b"", b"hello", b"%PDF-1.7", b"<html><svg></svg></html>", b"%!PS-Adobe", b"\0" * 99])
def test_what_is_no_image_is_refused_as_such(source: bytes) -> None:
    with pytest.raises(UnsupportedMediaType):
        inspect(source, Limits())


@pytest.mark.parametrize("source", [png(30_000, 30_000), png(40_000, 2), HUGE_GIF, HUGE_WEBP], ids=len)
def test_a_bomb_is_refused_by_its_header_alone(source: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises((ImageTooLarge, BadImage)) as refusal:
            rendered("resize/w_100", source)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert refusal.value.status == 422


def test_frames_are_counted_before_they_are_decoded() -> None:
    for format_name in ("GIF", "WEBP", "PNG"):
        source = animation(format_name, frames=12, size=(24, 8))
        assert inspect(source, Limits()).frames == 12
        with pytest.raises(ImageTooLarge):
            inspect(source, Limits(max_frames=11))
        with pytest.raises(ImageTooLarge):
            inspect(source, Limits(max_pixels=24 * 8 * 11))


def test_more_frames_than_libvips_likes_to_count_are_still_counted() -> None:
    frame = b",\0\0\0\0\1\0\1\0\0\2\2D\1\0"
    source = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff" + frame * 20_000 + b";"
    with pytest.raises(ImageTooLarge, match="frames"):
        inspect(source, Limits())


def test_scans_of_a_progressive_jpeg_are_counted() -> None:
    source = encoded(scene(), "JPEG", progressive=True)
    last = source.rindex(b"\xff\xda")
    with pytest.raises(ImageTooLarge, match="scans"):
        inspect(source[:-2] + source[last:-2] * 200 + b"\xff\xd9", Limits())


def test_compressed_texts_of_a_png_are_not_inflated_by_the_hundred() -> None:
    text = (b"zTXt", b"note\0\0" + zlib.compress(b"\0" * 1_000_000))
    with pytest.raises(ImageTooLarge, match="chunks"):
        inspect(png(2, 2, *[text] * 300), Limits())


def test_directories_of_a_tiff_are_counted() -> None:
    count = 2_000
    ifd = b"".join(struct.pack("<HI", 0, 8 + 6 * (i + 1) if i + 1 < count else 0) for i in range(count))
    with pytest.raises((ImageTooLarge, BadImage)):
        inspect(b"II*\0\x08\0\0\0" + ifd, Limits())


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "svg"])
def test_a_truncated_file_is_broken_where_that_is_asked_for(name: str) -> None:
    source = FORMATS[name]
    with pytest.raises(BadImage):
        rendered("resize/w_100/format/png", source[: len(source) * 6 // 10], Limits(strict=True))


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "svg"])
def test_a_truncated_file_is_shown_with_a_note_or_broken(name: str) -> None:
    source = FORMATS[name]
    try:
        shown = rendered("resize/w_100/format/png", source[: len(source) * 6 // 10])
    except BadImage:
        assert name not in ("jpg", "png", "gif", "bmp")  # of which browsers show what there is
    else:
        assert any("damaged" in note or "truncated" in note or "ends" in note for note in shown.notes), shown.notes


@pytest.mark.parametrize("name", FORMATS)
def test_rubbish_behind_a_good_head_is_broken_or_shown_but_never_a_crash(name: str) -> None:
    source = FORMATS[name]
    for cut in (12, 40, 120, len(source) // 2):
        try:
            rendered("rotate/10/format/png", source[:cut] + bytes(range(256)) * 4)
        except (BadImage, ImageTooLarge, UnsupportedMediaType):
            continue


def test_an_svg_reads_no_file_and_runs_no_script(tmp_path: object) -> None:
    secret = f"{tmp_path}/secret.png"
    Image.new("RGB", (50, 50), "red").save(secret)
    source = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="50" height="50">'
        f'<image xlink:href="file://{secret}" width="50" height="50"/><script>document.write("x")</script></svg>'
    )
    made = pixels("format/png", source.encode())
    assert made.getchannel("A").getextrema() == (0, 0)


def test_an_svg_is_drawn_at_the_size_that_is_wanted_not_blown_up() -> None:
    source = b'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><rect width="10" height="20"/></svg>'
    made = pixels("resize/w_400,limit_0", source)
    assert made.size == (400, 400)
    edge = [made.getpixel((x, 200))[3] for x in range(190, 210)]  # type: ignore[index]
    assert sum(0 < level < 255 for level in edge) <= 2
