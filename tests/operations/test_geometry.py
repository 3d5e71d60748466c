"""Turns, sizes and boxes, as the pixels of results show them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imgfn.core.faults import ImageTooLarge, InvalidArgument
from imgfn.imaging.kernels import rotated_size
from imgfn.imaging.limits import Limits
from imgfn.ops.fit import ANCHORS, anchored, by_percent, crop_box, fit
from tests.imaging.rendering import pixels, rendered
from tests.pictures import CORNERS, difference, encoded, opened, oriented, quarters, scene, soft

SIZES = st.tuples(st.integers(1, 3000), st.integers(1, 3000))
SIDES = st.integers(1, 3000)


@pytest.mark.parametrize("angle", [1, 10, 45, 89.5, 100, 200.5, 300, 359])
def test_rotate_equals_pillows_bicubic_rotation_within_two_levels(angle: float) -> None:
    image = scene((301, 202))
    made = pixels(f"rotate/{angle}", encoded(image))
    pillow = image.convert("RGBA").rotate(-angle, Image.Resampling.BICUBIC, expand=True)
    assert made.size == pillow.size
    assert made.width > image.width or made.height > image.height
    assert difference(made, pillow) <= 2


def test_corners_are_transparent_in_png_and_white_in_jpeg() -> None:
    source = encoded(quarters((200, 100)))
    assert pixels("rotate/10", source).getpixel((0, 0)) == (0, 0, 0, 0)
    assert min(pixels("rotate/10/format/jpg", source).getpixel((0, 0))) > 240  # type: ignore[arg-type]


def test_corners_have_the_colour_that_is_asked_for() -> None:
    made = pixels("rotate/30,color_ff8000", encoded(quarters((200, 100))))
    assert made.mode == "RGB"
    assert made.getpixel((0, 0)) == (255, 128, 0)


def test_the_rim_of_a_rotated_picture_is_not_darkened_by_what_is_not_there() -> None:
    made = pixels("rotate/45", encoded(Image.new("RGB", (100, 100), "white")))
    assert all(min(colour[:3]) > 250 for _, colour in made.getcolors(100_000) if colour[3] > 8)  # type: ignore[union-attr,index]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_stand_upright(orientation: int) -> None:
    made = pixels("format/png", oriented(orientation))
    assert made.size == (64, 48)
    for spot, colour in zip(((8, 6), (56, 6), (56, 42), (8, 42)), CORNERS, strict=True):
        assert difference(made.crop((*spot, spot[0] + 1, spot[1] + 1)), Image.new("RGB", (1, 1), colour)) < 12


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("plan", ["resize/w_40", "crop/w_30,h_20,g_se", "rotate/90/resize/w_24", "flip/h/crop/w_20"])
def test_an_orientation_makes_no_difference_to_a_plan(orientation: int, plan: str) -> None:
    turned, straight = oriented(orientation, soft((128, 96))), oriented(1, soft((128, 96)))
    made, expected = (pixels(f"{plan}/format/png", source) for source in (turned, straight))
    assert difference(made, expected) < 2


def test_auto_orient_0_leaves_the_picture_as_it_is_stored_wherever_it_stands() -> None:
    for plan in ("auto-orient/0", "resize/w_48/auto-orient/0", "auto-orient/0/resize/w_48"):
        assert rendered(plan, oriented(6)).body
        assert opened(rendered(plan, oriented(6)).body).size == (48, 64)


def test_the_orientation_is_forgotten_once_it_is_done() -> None:
    assert opened(rendered("auto-orient/1", oriented(6)).body).getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize(
    ("plan", "size"),
    [
        ("resize/w_150,h_80", (150, 75)),
        ("resize/w_150,h_80,m_mfit", (160, 80)),
        ("resize/w_150,h_80,m_fill", (150, 80)),
        ("resize/w_150,h_80,m_pad", (150, 80)),
        ("resize/w_150,h_80,m_fixed", (150, 80)),
        ("resize/w_150,m_fixed", (150, 150)),
        ("resize/l_100", (100, 50)),
        ("resize/s_50", (100, 50)),
        ("resize/p_50", (100, 50)),
        ("resize/w_400", (200, 100)),
        ("resize/w_400,limit_0", (400, 200)),
        ("resize/p_200", (200, 100)),
        ("resize/p_200,limit_0", (400, 200)),
        ("resize/w_3", (3, 2)),  # 1.5 rounds half up
        ("resize/w_1", (1, 1)),
    ],
)
def test_resize_of_200_by_100(plan: str, size: tuple[int, int]) -> None:
    source = encoded(soft((200, 100)))
    if plan == "resize/w_150,m_fixed":
        plan += ",limit_0"  # 150 is more than the source's height
    assert pixels(plan, source).size == size


def test_fill_shows_the_middle_and_pad_shows_all_on_its_colour() -> None:
    source = encoded(quarters((200, 100)))
    filled = pixels("resize/w_50,h_50,m_fill", source)
    assert difference(filled, quarters((50, 50))) < 4
    padded = pixels("resize/w_100,h_100,m_pad,color_00ffff", source)
    assert padded.getpixel((50, 10)) == (0, 255, 255)
    assert difference(padded.crop((0, 25, 100, 75)), quarters((100, 50))) < 3


@given(size=SIZES, width=SIDES, height=SIDES)
def test_lfit_fits_inside_and_mfit_covers(size: tuple[int, int], width: int, height: int) -> None:
    inside = fit(size, "lfit", width, height, limit=False).scaled
    assert inside[0] <= width
    assert inside[1] <= height
    assert inside[0] == width or inside[1] == height
    over = fit(size, "mfit", width, height, limit=False).scaled
    assert over[0] >= width
    assert over[1] >= height
    assert over[0] == width or over[1] == height
    assert fit(size, "fill", width, height, limit=False).scaled == over
    assert fit(size, "pad", width, height, limit=False).scaled == inside


@given(size=SIZES, width=SIDES)
def test_the_other_side_is_in_proportion_rounded_half_up(size: tuple[int, int], width: int) -> None:
    height = fit(size, "lfit", width, None, limit=False).scaled[1]
    exact = size[1] * width / size[0]
    assert height == 1 or -0.5 <= exact - height + 1e-9 < 0.5 + 1e-6
    assert by_percent(size, 100, limit=False).scaled == size


@given(size=SIZES, width=SIDES, height=SIDES, mode=st.sampled_from(["lfit", "mfit", "fill", "pad", "fixed"]))
def test_with_the_limit_nothing_is_enlarged(size: tuple[int, int], width: int, height: int, mode: str) -> None:
    scaled = fit(size, mode, width, height, limit=True).scaled
    assert scaled[0] <= size[0]
    assert scaled[1] <= size[1]


@given(size=SIZES, wanted=SIZES, anchor=st.sampled_from(ANCHORS))
def test_a_crop_lies_inside_and_has_the_size_that_fits(
    size: tuple[int, int], wanted: tuple[int, int], anchor: str
) -> None:
    left, top, right, bottom = crop_box(size, wanted, anchor, 0, 0)
    assert 0 <= left < right <= size[0]
    assert 0 <= top < bottom <= size[1]
    assert (right - left, bottom - top) == (min(wanted[0], size[0]), min(wanted[1], size[1]))


def test_each_anchor_holds_its_corner() -> None:
    assert {anchor: anchored((100, 80), (40, 20), anchor) for anchor in ANCHORS} == {
        "nw": (0, 0),
        "north": (30, 0),
        "ne": (60, 0),
        "west": (0, 30),
        "center": (30, 30),
        "east": (60, 30),
        "sw": (0, 60),
        "south": (30, 60),
        "se": (60, 60),
    }


def test_a_crop_that_starts_outside_is_refused_by_name() -> None:
    with pytest.raises(InvalidArgument) as refusal:
        rendered("crop/w_10,h_10,x_64", encoded(quarters((64, 48))))
    assert refusal.value.parameter == "x"


@given(size=SIZES, quarter=st.integers(0, 4))
def test_a_right_angle_grows_by_no_pixel(size: tuple[int, int], quarter: int) -> None:
    assert rotated_size(size, quarter * 90) == (size if quarter % 2 == 0 else size[::-1]) or sum(size) % 2


@pytest.mark.parametrize("plan", ["resize/w_500,limit_0", "resize/w_50,h_500,m_pad", "rotate/10"])
def test_a_result_over_the_limit_is_refused_before_it_is_made(plan: str) -> None:
    with pytest.raises(ImageTooLarge):
        rendered(plan, encoded(quarters((200, 100))), Limits(max_output_side=200, max_output_pixels=40_000))
