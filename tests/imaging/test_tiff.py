import struct
from typing import Any

import pytest
from PIL import Image, ImageCms

from imgfn.core.faults import BadImage
from tests.imaging.rendering import pixels, rendered
from tests.imaging.tiffs import FLOAT, SIGNED, tiff
from tests.pictures import difference, encoded, scene

COLOUR = (200, 100, 50)
SIDE = 16


def planes_in_tiles(bits: int = 16) -> bytes:
    """A TIFF of one colour, each channel a plane of its own, in tiles: a kind that libvips has not got."""
    tile = SIDE * SIDE * bits // 8
    entries = 11
    after = 8 + 2 + 12 * entries + 4
    offsets, counts, pixels = after + 6, after + 18, after + 30
    tags = [
        *((256, 3, 1, SIDE), (257, 3, 1, SIDE), (258, 3, 3, after), (259, 3, 1, 1), (262, 3, 1, 2), (277, 3, 1, 3)),
        *((284, 3, 1, 2), (322, 3, 1, SIDE), (323, 3, 1, SIDE), (324, 4, 3, offsets), (325, 4, 3, counts)),
    ]
    directory = struct.pack("<H", entries) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    lists = struct.pack("<3H3I3I", *[bits] * 3, *(pixels + tile * plane for plane in range(3)), *[tile] * 3)
    planes = b"".join(struct.pack("<H", value << 8) * (SIDE * SIDE) for value in COLOUR)
    return b"II*\0\x08\0\0\0" + directory + lists + planes


def test_a_kind_of_tiff_that_libvips_cannot_read_is_read_by_pillow():
    image = pixels("format/png", planes_in_tiles())
    assert (image.size, image.convert("RGB").getpixel((3, 3))) == ((SIDE, SIDE), COLOUR)


def test_one_that_neither_can_read_is_refused():
    with pytest.raises(BadImage):
        rendered("format/png", planes_in_tiles()[:-600])


WIDTH, HEIGHT = 40, 24
SHADES = [(0.1 + 0.8 * x / 39, 0.1 + 0.8 * y / 23, 0.3) for y in range(HEIGHT) for x in range(WIDTH)]
DEPTHS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 32)


def scaled(bits: int, bands: int = 3, *more: float) -> list[list[float]]:
    """SHADES as whole numbers of so many bits; `more` are further bands, 0 to 1."""
    return [[float(round(part * ((1 << bits) - 1))) for part in (*shade[:bands], *more)] for shade in SHADES]


def expected(bits: int, bands: int = 3) -> Image.Image:
    """What `scaled` looks like."""
    levels = [tuple(round(255 * value / ((1 << bits) - 1)) for value in pixel) for pixel in scaled(bits, bands)]
    image = Image.new("RGB" if bands == 3 else "L", (WIDTH, HEIGHT))
    image.putdata(levels if bands == 3 else [level[0] for level in levels])
    return image


def shown(body: bytes) -> Image.Image:
    return pixels("strip/format/png", body)


@pytest.mark.parametrize(
    "layout", [{}, {"planes": True}, {"tile": 16}, {"planes": True, "tile": 16}, {"order": ">"}], ids=str
)
@pytest.mark.parametrize("bits", DEPTHS)
def test_any_number_of_bits_in_strips_tiles_and_planes(bits: int, layout: dict[str, Any]) -> None:
    assert difference(shown(tiff((WIDTH, HEIGHT), scaled(bits), bits, **layout)), expected(bits)) < 1


@pytest.mark.parametrize("bits", DEPTHS)
def test_grey_of_any_number_of_bits_whichever_end_is_white(bits: int) -> None:
    most = (1 << bits) - 1
    grey, inverted = scaled(bits, 1), [[most - value for value in pixel] for pixel in scaled(bits, 1)]
    for photometric, samples in ((1, grey), (0, inverted)):
        image = shown(tiff((WIDTH, HEIGHT), samples, bits, photometric)).convert("L")
        assert difference(image, expected(bits, 1)) < 1


@pytest.mark.parametrize("bits", [16, 32, 64])
@pytest.mark.parametrize("bands", [1, 3])
def test_fractions_are_shown_as_numbers_from_0_to_1(bits: int, bands: int) -> None:
    samples = [shade[:bands] for shade in SHADES]
    image = shown(tiff((WIDTH, HEIGHT), samples, bits, 2 if bands == 3 else 1, kind=FLOAT))
    assert difference(image.convert("RGB"), expected(8, bands).convert("RGB")) < 1


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_what_lies_below_zero_is_black(bits: int) -> None:
    most = (1 << bits - 1) - 1
    samples = [[-most, most, 0.0]] * (WIDTH * HEIGHT)
    assert shown(tiff((WIDTH, HEIGHT), samples, bits, kind=SIGNED)).getpixel((5, 5)) == (0, 127, 0)


@pytest.mark.parametrize("bits", [4, 8, 12, 16])
@pytest.mark.parametrize("bands", [1, 3])
def test_alpha_stays_alpha_multiplied_or_not(bits: int, bands: int) -> None:
    photometric = 2 if bands == 3 else 1
    plain = shown(tiff((WIDTH, HEIGHT), scaled(bits, bands, 0.6), bits, photometric, tags={338: [2]}))
    assert plain.mode == "RGBA"
    assert plain.getchannel("A").getextrema() == pytest.approx((153, 153), abs=9)
    assert difference(plain.convert("RGB"), expected(bits, bands).convert("RGB")) < 1


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_inks_are_printed(bits: int) -> None:
    most = (1 << bits) - 1
    paper, red = [0, 0, 0, 0], [0, most, most, 0]
    image = shown(tiff((WIDTH, HEIGHT), [paper] * (WIDTH * 12) + [red] * (WIDTH * 12), bits, 5))
    assert min(image.getpixel((5, 5))) > 245  # type: ignore[arg-type]
    red_level, green, blue = image.getpixel((5, 20))  # type: ignore[misc]
    assert red_level > 180 > 90 > max(green, blue)


# L* 53.24, a* 80.09, b* 67.20 is sRGB's red (D65), and about so under D50.
@pytest.mark.parametrize(
    ("photometric", "bits", "sample"),
    [
        (8, 8, (round(54.29 * 2.55), 81, 70)),
        (9, 8, (round(54.29 * 2.55), 81 + 128, 70 + 128)),
        (8, 16, (round(54.29 * 655.35), 81 * 256, 70 * 256)),
    ],
)
def test_cielab_is_shown_in_its_colours(photometric: int, bits: int, sample: tuple[int, ...]) -> None:
    red, green, blue = shown(tiff((WIDTH, HEIGHT), [sample] * (WIDTH * HEIGHT), bits, photometric)).getpixel((5, 5))  # type: ignore[misc]
    assert red > 235
    assert max(green, blue) < 40


def test_luma_and_chroma_without_jpeg_around_them() -> None:
    red = (76, 85, 255)  # ITU-R BT.601, full range
    image = shown(tiff((WIDTH, HEIGHT), [red] * (WIDTH * HEIGHT), 8, 6, tags={530: [1, 1]}))
    assert image.getpixel((5, 5)) == pytest.approx((254, 0, 0), abs=2)


@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("layout", [{}, {"planes": True, "tile": 16}], ids=str)
def test_pixels_behind_the_end_are_missed(bits: int, layout: dict[str, Any]) -> None:
    whole = bytearray(tiff((WIDTH, HEIGHT), scaled(bits), bits, **layout))
    at = whole.index(struct.pack("<HH", 324 if layout else 273, 4))
    if layout:
        at = struct.unpack_from("<I", whole, at + 8)[0] - 8
    struct.pack_into("<I", whole, at + 8, 1_000_000)
    with pytest.raises(BadImage):
        rendered("format/png", bytes(whole))


@pytest.mark.parametrize(
    "compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "group3", "group4", "jpeg", None]
)
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "LAB", "YCbCr", "I;16"])
def test_what_pillow_writes_is_read(mode: str, compression: str | None) -> None:
    if (compression in ("group3", "group4") and mode != "1") or (compression == "jpeg" and mode not in ("L", "RGB")):
        return
    image = scene().convert("L").convert(mode) if mode in ("1", "I;16") else scene()
    if mode == "LAB":
        image = ImageCms.profileToProfile(
            image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
        )  # type: ignore[assignment]
    else:
        image = image.convert(mode)
    made = shown(encoded(image, "TIFF", compression=compression))
    assert made.size == image.size
    if mode not in ("1", "CMYK", "I;16"):
        seen = scene() if mode == "LAB" else image.convert("RGB")
        assert difference(made.convert("RGB"), seen) < 12
