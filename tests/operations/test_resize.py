import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from imgfn.core.faults import ImageTooLarge, MissingArgument
from imgfn.core.plan import parse_oss
from imgfn.ops.fit import by_percent, fit, sides
from tests.operations.drawing import drawn, file_of, map_of, origin_of
from tests.operations.samples import SAMPLES

side = st.one_of(st.integers(1, 9), st.integers(1, 2000), st.integers(1, 16_384))
size = st.tuples(side, side)
small = st.tuples(st.integers(1, 40), st.integers(1, 40))


def half_up(value):
    return math.floor(value + Fraction(1, 2))


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("w_150,h_80", (150, 75)), ("w_150,h_80,m_mfit", (160, 80)), ("w_150,h_80,m_fill", (150, 80)),
        ("w_150,h_80,m_pad", (150, 80)), ("w_150,h_80,m_fixed", (150, 80)), ("w_100", (100, 50)),
        ("h_25", (50, 25)), ("l_100", (100, 50)), ("s_25", (50, 25)), ("p_50", (100, 50)),
        ("w_100,m_fixed", (100, 100)), ("w_100,l_10,s_10,p_1", (100, 50)), ("l_100,p_1", (100, 50)),
        ("w_400", (200, 100)), ("w_400,limit_0", (400, 200)), ("p_300", (200, 100)), ("p_300,limit_0", (600, 300)),
        ("w_400,h_400,m_pad", (200, 100)), ("w_400,h_400,m_pad,limit_0", (400, 400)),
        ("w_400,h_10,m_fixed", (200, 100)), ("w_400,h_10,m_fixed,limit_0", (400, 10)),
    ],
)  # fmt: skip
def test_a_picture_of_200_by_100_gets_the_size_that_oss_gives_it(arguments, wanted):
    assert drawn(f"image/resize,{arguments}", Image.new("RGB", (200, 100))).size == wanted


@given(source=size, wanted=size)
def test_lfit_fits_and_touches_and_rounds_half_up(source, wanted):
    scale = min(Fraction(wanted[0], source[0]), Fraction(wanted[1], source[1]))
    expected = tuple(max(1, half_up(length * scale)) for length in source)
    assert fit(source, "lfit", *wanted, limit=False).scaled == expected


@given(source=size, wanted=size)
def test_mfit_and_fill_cover_and_touch_and_round_half_up(source, wanted):
    scale = max(Fraction(wanted[0], source[0]), Fraction(wanted[1], source[1]))
    expected = tuple(max(1, half_up(length * scale)) for length in source)
    assert fit(source, "mfit", *wanted, limit=False).scaled == expected
    assert fit(source, "fill", *wanted, limit=False).canvas == wanted
    assert all(have >= want for have, want in zip(expected, wanted, strict=True))


@given(source=size, mode=st.sampled_from(("lfit", "mfit", "fill", "pad")), length=side)
def test_one_side_alone_keeps_the_proportions_in_every_mode_but_fixed(source, mode, length):
    expected = (length, max(1, half_up(Fraction(source[1] * length, source[0]))))
    assert fit(source, mode, length, None, limit=False).canvas == expected
    assert fit(source[::-1], mode, None, length, limit=False).canvas == expected[::-1]


@given(source=size, wanted=size, mode=st.sampled_from(("lfit", "mfit", "fill", "pad", "fixed")))
def test_limit_enlarges_nothing_and_leaves_the_rest_alone(source, wanted, mode):
    limited, free = fit(source, mode, *wanted, limit=True), fit(source, mode, *wanted, limit=False)
    assert all(length <= most for length, most in zip(limited.scaled, source, strict=True))
    if all(length <= most for length, most in zip(free.scaled, source, strict=True)):
        assert limited == free
    else:
        assert limited.scaled == limited.canvas == source


@given(source=size, percent=st.integers(1, 1000))
def test_percent_rounds_half_up_and_never_to_nothing(source, percent):
    expected = tuple(max(1, half_up(Fraction(length * percent, 100))) for length in source)
    assert by_percent(source, percent, limit=False).scaled == expected


@given(source=size, length=side)
def test_l_names_the_longer_side_and_s_the_shorter_one(source, length):
    width, height = sides(source, length, None)
    assert (width is not None) == (source[0] >= source[1])
    assert (height is not None) == (source[0] < source[1])


@settings(deadline=None, max_examples=60)
@given(
    source=small, wanted=small, mode=st.sampled_from(("lfit", "mfit", "fill", "pad", "fixed")), limit=st.integers(0, 1)
)
def test_the_picture_has_the_very_size_that_the_arithmetic_says(source, wanted, mode, limit):
    picture = drawn(f"resize/w_{wanted[0]},h_{wanted[1]},m_{mode},limit_{limit}", Image.new("RGB", source))
    assert picture.size == fit(source, mode, *wanted, limit=bool(limit)).canvas


def test_a_resize_needs_something_to_resize_to():
    with pytest.raises(MissingArgument):
        parse_oss("image/resize,m_fill")


@pytest.mark.parametrize(("mode", "limits"), [("lfit", "p_1000"), ("fixed", "w_16384,h_16384")])
def test_a_result_over_the_limits_is_refused(mode, limits):
    with pytest.raises(ImageTooLarge):
        drawn(f"resize/m_{mode},{limits},limit_0", Image.new("L", (3000, 3000)))


def test_an_animated_gif_only_shrinks():
    animated = SAMPLES["gif", "animated"]
    assert drawn("resize/w_72,limit_0", animated).size == (36, 24)
    assert drawn("resize/w_18,limit_0", animated).size == (18, 12)
    assert drawn("resize/w_72,limit_0", SAMPLES["gif", "opaque"]).size == (72, 48)


@pytest.mark.parametrize(
    ("anchor", "left", "top"), [("nw", 0, 0), ("center", 100, 0), ("se", 200, 0), ("east", 200, 0)]
)
def test_fill_keeps_what_lies_at_its_anchor(anchor, left, top):
    picture = drawn(f"resize/w_50,h_100,m_fill,g_{anchor}", map_of(250, 100))
    assert origin_of(picture) == (left, top)


def test_smart_fill_keeps_what_stands_out():
    plain = Image.new("RGB", (400, 100), (90, 90, 90))
    ImageDraw.Draw(plain).ellipse((330, 20, 380, 70), fill=(230, 60, 40))
    smart = drawn("resize/w_100,h_100,m_fill,g_smart", plain)
    assert smart.size == (100, 100)
    assert smart.getextrema()[0][1] > 200
    assert drawn("resize/w_100,h_100,m_fill", plain).getextrema()[0] == (90, 90)


def test_smart_fill_cuts_all_frames_of_an_animation_alike():
    pages = [Image.new("RGB", (200, 50), (90, 90, 90)) for _ in range(2)]
    for number, page in enumerate(pages):
        ImageDraw.Draw(page).ellipse((150 * number, 10, 150 * number + 30, 40), fill=(230, 60, 40))
    source = file_of(pages[0], "WEBP", save_all=True, append_images=pages[1:], lossless=True)
    picture = drawn("resize/w_50,h_50,m_fill,g_smart/format/png", source)
    seen = []
    for number in range(2):
        picture.seek(number)
        seen.append(picture.convert("RGB").getextrema()[0][1] > 200)
    assert seen == [True, False]


@pytest.mark.parametrize(("colour", "pixel"), [("ff0000", (255, 0, 0, 255)), ("00ff0080", (0, 255, 0, 128))])
def test_pad_fills_the_rest_with_its_colour(colour, pixel):
    picture = drawn(f"resize/w_100,h_100,m_pad,color_{colour}", Image.new("RGB", (200, 100), "blue")).convert("RGBA")
    assert picture.getpixel((50, 10)) == picture.getpixel((50, 90)) == pixel
    assert picture.getpixel((50, 50)) == (0, 0, 255, 255)


def test_pad_with_blur_fills_the_rest_with_the_picture():
    halves = Image.new("RGB", (200, 100), "red")
    halves.paste("blue", (100, 0, 200, 100))
    picture = drawn("resize/w_200,h_400,m_pad,bg_blur,limit_0", halves)
    assert picture.size == (200, 400)
    left, middle, right = (picture.getpixel((x, 20)) for x in (5, 100, 195))
    assert left[0] > 200 > 60 > left[2]
    assert right[2] > 200 > 60 > right[0]
    assert 60 < middle[0] < 200
    assert picture.crop((0, 150, 200, 250)).tobytes() == halves.tobytes()


@pytest.mark.parametrize(
    ("plan", "wanted"),
    [
        ("dpr/2/resize/w_50", (100, 50)), ("resize/w_50/dpr/2", (100, 50)), ("resize/w_23/dpr/1.5", (35, 18)),
        ("resize/l_50/dpr/1.5", (75, 38)),
        ("resize/w_150/dpr/2", (200, 100)), ("resize/w_150,limit_0/dpr/2", (300, 150)),
        ("resize/p_50/dpr/2", (100, 50)), ("crop/w_50,h_50/dpr/2", (50, 50)),
    ],
)  # fmt: skip
def test_dpr_multiplies_the_sides_of_each_resize_and_nothing_else(plan, wanted):
    assert drawn(plan, Image.new("RGB", (200, 100))).size == wanted
