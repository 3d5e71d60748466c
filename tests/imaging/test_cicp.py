"""Colour told by numbers: cICP, gAMA and cHRM of PNG, nclx of AVIF and HEIC; and colours that are mixed."""

import struct

import pytest
from PIL import Image

from imgfn.imaging.codecs import cicp
from tests.imaging.rendering import pixels, rendered
from tests.imaging.test_colour import profile
from tests.pictures import chunk, encoded, opened

SIZE = (32, 24)
P3, BT2020, SRGB, PQ, HLG = 12, 9, 13, 16, 18
ORANGE = (200, 100, 50)
GAMMA_1 = (b"gAMA", struct.pack(">I", 100_000))
ADOBE = (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000))


def told(*chunks: tuple[bytes, bytes], colour: tuple[int, ...] = ORANGE, mode: str = "RGB") -> bytes:
    """A PNG of one colour with these chunks behind its header."""
    body = encoded(Image.new(mode, SIZE, colour if len(colour) > 1 else colour[0]))
    return body[:33] + b"".join(chunk(kind, content) for kind, content in chunks) + body[33:]


def by_cicp(primaries: int, transfer: int) -> tuple[bytes, bytes]:
    return b"cICP", bytes([primaries, transfer, 0, 1])


def with_nclx(body: bytes, primaries: int, transfer: int) -> bytes:
    at = body.index(b"nclx")
    return body[: at + 4] + struct.pack(">HH", primaries, transfer) + body[at + 8 :]


def shown(source: bytes, plan: str = "strip/format/png") -> tuple[int, ...]:
    return pixels(plan, source).getpixel((5, 5))  # type: ignore[return-value]


# What Chromium 148 shows of them on a screen of sRGB.
@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([by_cicp(P3, SRGB)], (215, 93, 31)),
        ([GAMMA_1], (229, 168, 122)),
        ([by_cicp(BT2020, PQ)], (255, 0, 0)),
        ([by_cicp(1, SRGB)], ORANGE),
        ([(b"gAMA", struct.pack(">I", 45_455))], ORANGE),
        ([(b"sRGB", b"\0"), GAMMA_1], ORANGE),
        ([by_cicp(P3, SRGB), (b"sRGB", b"\0")], (215, 93, 31)),
        ([(b"gAMA", bytes(4))], ORANGE),
        ([(b"cHRM", bytes(32))], ORANGE),
        ([by_cicp(99, 99)], ORANGE),
    ],
    ids=str,
)
@pytest.mark.parametrize("plan", ["strip/format/png", "format/bmp", "resize/w_10/strip", "flip/h/strip"])
def test_a_png_is_shown_in_the_colours_that_it_tells(
    chunks: list[tuple[bytes, bytes]], expected: tuple[int, ...], plan: str
) -> None:
    assert shown(told(*chunks), plan) == pytest.approx(expected, abs=2)


def test_primaries_alone_count_too() -> None:
    red, green, blue = shown(told(ADOBE, colour=(0, 200, 0)))
    assert (red, blue) == pytest.approx((0, 0), abs=40)
    assert green >= 200


def test_grey_under_a_gamma_stays_grey() -> None:
    image = pixels("strip/format/png", told(GAMMA_1, colour=(100,), mode="L"))
    assert image.mode == "L"
    assert image.getpixel((5, 5)) == pytest.approx(168, abs=1)


def test_sixteen_bits_are_used_before_eight_are_left() -> None:
    dark = Image.new("I;16", SIZE, 300)  # linear light: one level of 8 bits, 18 of sRGB's
    body = encoded(dark)
    source = body[:33] + chunk(*GAMMA_1) + body[33:]
    assert shown(source) == pytest.approx(14, abs=1)


@pytest.mark.parametrize("format_name", ["AVIF", "HEIF"])
@pytest.mark.parametrize(
    ("primaries", "transfer", "expected"),
    [(P3, SRGB, (215, 93, 31)), (BT2020, PQ, (255, 0, 0)), (1, SRGB, ORANGE), (1, 1, ORANGE), (2, 2, ORANGE)],
)
def test_an_nclx_box_is_obeyed(format_name: str, primaries: int, transfer: int, expected: tuple[int, ...]) -> None:
    name = {"AVIF": "avif", "HEIF": "heic"}[format_name]
    body = rendered(f"format/{name}/quality/Q_100", encoded(Image.new("RGB", SIZE, ORANGE))).body
    assert shown(with_nclx(body, primaries, transfer)) == pytest.approx(expected, abs=6)


def test_a_wide_colour_is_kept_by_a_profile_and_not_cut() -> None:
    source = told(by_cicp(P3, SRGB), colour=(0, 255, 0))
    made = opened(rendered("resize/w_20/format/png", source).body)
    assert made.getpixel((5, 5)) == (0, 255, 0)
    assert made.info["icc_profile"]
    assert shown(rendered("resize/w_20/format/png", source).body) == pytest.approx((0, 255, 0), abs=3)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_tones_of_hdr_rise_and_end_at_white(transfer: int) -> None:
    levels = [shown(told(by_cicp(BT2020, transfer), colour=(level,) * 3))[1] for level in range(0, 256, 15)]
    assert levels == sorted(levels)
    assert levels[0] == 0
    assert levels[-1] == 255
    # Reference white, 203 nits, is PQ's 58 % and HLG's 75 % (BT.2408): bright, and room is left above.
    white = shown(told(by_cicp(BT2020, transfer), colour=(148 if transfer == PQ else 191,) * 3))
    assert 170 < white[1] < 235


def test_tones_of_hdr_are_mapped_frame_by_frame() -> None:
    first, second = Image.new("RGB", SIZE, (148,) * 3), Image.new("RGB", SIZE, ORANGE)
    body = encoded(first, "PNG", save_all=True, append_images=[second], duration=100)
    source = body[:33] + chunk(*by_cicp(BT2020, PQ)) + body[33:]
    made = opened(rendered("format/png", source).body)
    assert 170 < made.convert("RGB").getpixel((5, 5))[1] < 235  # type: ignore[index]


WIDE = told(by_cicp(P3, SRGB), colour=(0, 255, 0))
SRGB_RED = (255, 0, 0)


@pytest.mark.parametrize(
    ("plan", "place"),
    [
        ("resize/w_60,h_60,m_pad,limit_0,color_ff0000", (2, 2)),
        ("rotate/30,ff0000", (1, 1)),
    ],
)
@pytest.mark.parametrize("format_name", ["png", "bmp", "gif"])
def test_colours_that_are_laid_down_are_srgbs_in_a_picture_of_another_space(
    plan: str, place: tuple[int, int], format_name: str
) -> None:
    made = rendered(f"{plan}/format/{format_name}", WIDE).body
    assert pixels("strip/format/png", made).convert("RGB").getpixel(place) == pytest.approx(SRGB_RED, abs=4)


def test_a_colour_laid_on_grey_of_another_gamma() -> None:
    grey = encoded(Image.new("L", SIZE, 100))
    source = grey[:33] + chunk(b"gAMA", struct.pack(">I", 55_555)) + grey[33:]  # 1.8
    made = pixels("resize/w_60,h_60,m_pad,limit_0,color_ff0000/strip/format/png", source)
    assert made.getpixel((2, 2)) == pytest.approx(SRGB_RED, abs=2)
    assert made.getpixel((30, 30)) == pytest.approx((118, 118, 118), abs=4)


def test_the_mean_colour_is_told_in_srgb() -> None:
    said = rendered("average-hue", told(by_cicp(P3, SRGB))).body.decode()
    assert [int(said[at : at + 2], 16) for at in (2, 4, 6)] == pytest.approx([215, 93, 31], abs=2)
    assert rendered("average-hue", encoded(Image.new("RGB", SIZE, ORANGE), icc_profile=profile())).body == b"0xC86432"


@pytest.mark.parametrize("report", ["blurhash/_", "thumbhash", "average-hue"])
def test_placeholders_are_those_of_the_picture_in_srgb(report: str) -> None:
    source = told(by_cicp(P3, SRGB))
    assert rendered(report, source).body == rendered(report, rendered("strip/format/png", source).body).body


@pytest.mark.parametrize("plan", ["grayscale", "saturation/-100"])
def test_grey_is_weighed_in_srgb(plan: str) -> None:
    level = pixels(f"{plan}/format/png/strip", told(by_cicp(P3, SRGB))).convert("L").getpixel((5, 5))
    assert level == pytest.approx(Image.new("RGB", (1, 1), (215, 93, 31)).convert("L").getpixel((0, 0)), abs=2)


def test_a_made_profile_is_read_as_what_it_stands_for() -> None:
    for primaries in (P3, BT2020, 5, 6):
        colour = cicp.Colour(cicp.PRIMARIES[primaries])
        assert colour.profile()[36:40] == b"acsp"
        assert len(colour.profile()) == int.from_bytes(colour.profile()[:4], "big")
        white = told(by_cicp(primaries, SRGB), colour=(255, 255, 255))
        assert shown(white) == pytest.approx((255, 255, 255), abs=1)
