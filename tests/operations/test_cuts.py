import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgfn.core.faults import InvalidArgument
from imgfn.core.plan import parse_oss
from imgfn.ops.fit import ANCHORS, crop_box
from tests.operations.drawing import drawn, file_of, made, map_of, origin_of

small = st.tuples(st.integers(1, 40), st.integers(1, 40))


@settings(deadline=None, max_examples=80)
@given(
    source=small,
    wanted=st.tuples(st.integers(0, 50), st.integers(0, 50)),
    offset=st.tuples(st.integers(0, 45), st.integers(0, 45)),
    anchor=st.sampled_from(ANCHORS),
)
def test_a_crop_lies_at_its_anchor_and_is_clipped_at_the_edge(source, wanted, offset, anchor):
    width, height = (min(want or have, have) for want, have in zip(wanted, source, strict=True))
    left = {0: 0, 1: (source[0] - width) // 2, 2: source[0] - width}[ANCHORS.index(anchor) % 3] + offset[0]
    top = {0: 0, 1: (source[1] - height) // 2, 2: source[1] - height}[ANCHORS.index(anchor) // 3] + offset[1]
    plan = f"crop/w_{wanted[0]},h_{wanted[1]},x_{offset[0]},y_{offset[1]},g_{anchor}"
    if left >= source[0] or top >= source[1]:
        with pytest.raises(InvalidArgument):
            drawn(plan, map_of(*source))
        return
    picture = drawn(plan, map_of(*source))
    assert picture.size == (min(width, source[0] - left), min(height, source[1] - top))
    assert origin_of(picture) == (left, top)
    assert crop_box(source, wanted, anchor, *offset)[:2] == (left, top)


@settings(deadline=None, max_examples=40)
@given(source=small, length=st.integers(1, 45), axis=st.sampled_from("xy"))
def test_strips_lie_side_by_side_and_past_the_last_one_is_the_source(source, length, axis):
    whole = source["xy".index(axis)]
    count = math.ceil(whole / length)
    for index in range(count + 1):
        strip = drawn(f"indexcrop/{axis}_{length},i_{index}", map_of(*source))
        along = strip.size["xy".index(axis)]
        if index == count:
            assert strip.size == source
        else:
            assert along == min(length, whole - index * length)
            assert origin_of(strip)["xy".index(axis)] == index * length


def test_of_both_lengths_of_strips_y_wins():
    strip = drawn("indexcrop/x_10,y_20,i_1", map_of(100, 50))
    assert (strip.size, origin_of(strip)) == ((100, 20), (0, 20))


def test_strips_of_no_length_are_refused():
    with pytest.raises(InvalidArgument):
        parse_oss("image/indexcrop,x_0,i_0")


@settings(deadline=None, max_examples=40)
@given(source=small, radius=st.integers(1, 60))
def test_a_circle_is_a_square_of_2r_plus_1_from_the_middle(source, radius):
    fitting = min(radius, (min(source) - 1) // 2)
    picture = drawn(f"circle/r_{radius}", map_of(*source))
    assert picture.size == (2 * fitting + 1, 2 * fitting + 1)
    middle = picture.getpixel((fitting, fitting))
    assert middle[3] == 255
    assert middle[:2] == tuple((length - 2 * fitting - 1) // 2 + fitting for length in source)
    if fitting > 3:
        assert picture.getpixel((0, 0))[3] == 0
    assert picture.getpixel((fitting, 0))[3] > 120


def test_a_circle_is_round():
    covered = sum(drawn("circle/r_50", Image.new("RGB", (200, 200))).getchannel("A").get_flattened_data()) / 255
    assert covered == pytest.approx(math.pi * 50.5**2, rel=0.002)


@pytest.mark.parametrize("plan", ["circle/r_4096", "rounded-corners/r_4096"])
@pytest.mark.parametrize("format_name", ["jpg", "bmp"])
def test_outside_a_shape_it_is_white_where_there_is_no_transparency(plan, format_name):
    picture = drawn(f"{plan}/format/{format_name}", Image.new("RGB", (41, 41), "navy"))
    assert min(picture.getpixel((0, 0))) > 230  # white, as JPEG rings beside navy
    assert picture.getpixel((20, 20))[2] == pytest.approx(128, abs=3)


def test_round_corners_take_off_the_corners_and_nothing_else():
    alpha = drawn("rounded-corners/r_10", Image.new("RGB", (60, 40), "navy")).getchannel("A")
    assert alpha.size == (60, 40)
    for x, y in ((0, 0), (59, 0), (0, 39), (59, 39)):
        assert alpha.getpixel((x, y)) == 0
    assert alpha.crop((10, 0, 50, 40)).getextrema() == alpha.crop((0, 10, 60, 30)).getextrema() == (255, 255)
    missing = 60 * 40 - sum(alpha.get_flattened_data()) / 255
    assert missing == pytest.approx((4 - math.pi) * 100, rel=0.02)


def test_the_radius_of_corners_is_at_most_half_the_short_side():
    navy = Image.new("RGB", (60, 40), "navy")
    assert drawn("rounded-corners/r_4096", navy).tobytes() == drawn("rounded-corners/r_20", navy).tobytes()


def test_a_shape_keeps_the_transparency_that_was_there():
    faint = Image.new("RGBA", (41, 41), (0, 0, 128, 100))
    assert drawn("circle/r_20", faint).getpixel((20, 20))[3] == 100


@pytest.mark.parametrize("border", [(255, 255, 255), (250, 20, 30)])
def test_trim_cuts_a_border_of_one_colour_off(border):
    framed = Image.new("RGB", (60, 40), border)
    framed.paste((0, 0, 0), (13, 7, 50, 35))
    assert drawn("trim/_", framed).size == (37, 28)


def test_trim_takes_what_differs_by_the_tolerance_for_border():
    framed = Image.new("RGB", (60, 40), (200, 200, 200))
    framed.paste((190, 200, 200), (5, 5, 55, 35))
    framed.paste((100, 100, 100), (20, 10, 40, 30))
    assert drawn("trim/10", framed).size == (20, 20)
    assert drawn("trim/9", framed).size == (50, 30)


def test_trim_does_not_look_at_colours_that_cannot_be_seen():
    framed = Image.new("RGBA", (60, 40), (255, 0, 0, 0))
    framed.paste((0, 255, 0, 0), (5, 5, 20, 20))
    framed.paste((0, 0, 255, 255), (30, 10, 40, 30))
    assert drawn("trim/_", framed).size == (10, 20)


def test_trim_gives_all_frames_one_box():
    pages = [Image.new("RGB", (60, 40), "white") for _ in range(2)]
    pages[0].paste("red", (10, 10, 20, 20))
    pages[1].paste("red", (40, 20, 50, 30))
    picture = drawn("trim/_", file_of(pages[0], "GIF", save_all=True, append_images=pages[1:]))
    assert (picture.size, picture.n_frames) == ((40, 20), 2)


def test_a_picture_of_one_colour_is_not_trimmed_to_nothing():
    answer = made("trim/_", Image.new("RGB", (60, 40), "white"))
    assert "one colour" in answer.notes[0]
