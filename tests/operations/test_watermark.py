import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgfn.core.faults import InvalidArgument, MissingArgument, WatermarkError
from imgfn.core.plan import parse_oss, parse_path
from tests.operations.drawing import drawn, file_of, made, marked, words

MAIN = Image.new("RGB", (200, 100), "white")
RED = Image.new("RGB", (20, 10), "red")
MARKS = {"red.png": RED}
IMAGE = f"image_{marked('red.png')}"


def ink(image):
    """The box of all that is not white."""
    return Image.eval(image.convert("L"), lambda level: 255 - level).getbbox()


@pytest.mark.parametrize(
    ("anchor", "place"),
    [
        ("nw", (7, 5)), ("north", (90, 5)), ("ne", (173, 5)),
        ("west", (7, 45)), ("center", (90, 45)), ("east", (173, 45)),
        ("sw", (7, 85)), ("south", (90, 85)), ("se", (173, 85)),
    ],
)  # fmt: skip
def test_a_mark_stands_x_and_y_from_the_edges_that_its_anchor_names(anchor, place):
    picture = drawn(f"watermark/{IMAGE},g_{anchor},x_7,y_5", MAIN, MARKS)
    assert ink(picture) == (*place, place[0] + 20, place[1] + 10)


def test_by_default_a_mark_stands_ten_pixels_from_the_lower_right_corner():
    assert ink(drawn(f"watermark/{IMAGE}", MAIN, MARKS)) == (170, 80, 190, 90)


@pytest.mark.parametrize(("anchor", "top"), [("west", 65), ("center", 65), ("east", 65), ("nw", 10), ("se", 80)])
def test_voffset_moves_down_from_the_middle_row_only(anchor, top):
    assert ink(drawn(f"watermark/{IMAGE},g_{anchor},voffset_20", MAIN, MARKS))[1] == top


@pytest.mark.parametrize(("t", "green"), [(100, 0), (50, 128), (25, 192), (0, 255)])
def test_t_is_the_opacity_in_percent(t, green):
    pixel = drawn(f"watermark/{IMAGE},t_{t}", MAIN, MARKS).getpixel((180, 85))
    assert pixel[0] == 255
    assert pixel[1] == pytest.approx(green, abs=1)


def test_a_translucent_mark_keeps_its_own_opacity_under_t():
    faint = {"red.png": Image.new("RGBA", (20, 10), (255, 0, 0, 128))}
    assert drawn(f"watermark/{IMAGE},t_50", MAIN, faint).getpixel((180, 85))[1] == pytest.approx(191, abs=1)


def test_over_a_transparent_picture_colours_mix_by_their_alpha():
    clear = Image.new("RGBA", (200, 100), (0, 255, 0, 0))
    picture = drawn(f"watermark/{IMAGE},t_50", clear, MARKS)
    # The green of the empty picture cannot be seen and must not mix in.
    assert picture.getpixel((180, 85)) == pytest.approx((255, 0, 0, 127), abs=1)
    assert picture.getpixel((0, 0))[3] == 0


def test_what_lies_outside_the_picture_is_cut_off():
    big = {"red.png": Image.new("RGB", (300, 300), "red")}
    for anchor in ("nw", "center", "se"):
        picture = drawn(f"watermark/{IMAGE},g_{anchor}", MAIN, big)
        assert picture.size == MAIN.size
    assert ink(drawn(f"watermark/{IMAGE},x_4096", MAIN, MARKS)) is None


@settings(deadline=None)
@given(width=st.integers(1, 60), height=st.integers(1, 60), padx=st.integers(0, 9), pady=st.integers(0, 9))
def test_tiles_repeat_from_the_marks_own_place(width, height, padx, pady):
    main, watermark = Image.new("RGB", (width, height), "white"), Image.new("RGB", (5, 3), "red")
    watermark.putpixel((0, 0), (0, 0, 255))
    picture = drawn(f"watermark/{IMAGE},g_nw,x_2,y_1,fill_1,padx_{padx},pady_{pady}", main, {"red.png": watermark})
    for x in range(width):
        for y in range(height):
            u, v = (x - 2) % (5 + padx), (y - 1) % (3 + pady)
            wanted = (0, 0, 255) if (u, v) == (0, 0) else (255, 0, 0) if u < 5 and v < 3 else (255, 255, 255)
            assert picture.getpixel((x, y)) == wanted


def test_a_tile_of_one_pixel_over_a_large_picture_takes_no_time_for_each_tile():
    speck = {"red.png": Image.new("RGB", (1, 1), "red")}
    picture = drawn(f"watermark/{IMAGE},fill_1", Image.new("RGB", (3000, 3000), "white"), speck)
    assert picture.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("where", ["process", "argument"])
@pytest.mark.parametrize(
    ("size", "percent", "wanted"), [((20, 10), 30, (60, 30)), ((400, 400), 50, (50, 50)), ((7, 100), 10, (1, 10))]
)
def test_the_share_of_the_main_picture_bounds_the_mark_both_ways(size, percent, wanted, where):
    watermarks = {"red.png": Image.new("RGB", size, "red")}
    image = marked("red.png", f"image/resize,P_{percent}") if where == "process" else marked("red.png")
    share = f",P_{percent}" if where == "argument" else ""
    left, top, right, bottom = ink(drawn(f"watermark/image_{image},g_nw{share}", MAIN, watermarks))
    assert (right - left, bottom - top) == wanted


def test_the_share_is_of_the_picture_as_it_is_when_its_mark_comes():
    image = marked("red.png", "image/resize,P_50")
    left, _, right, _ = ink(drawn(f"resize/w_100/watermark/image_{image},g_nw", MAIN, MARKS))
    assert right - left == 50


def test_a_share_of_a_main_picture_that_there_is_not_is_refused():
    with pytest.raises(InvalidArgument) as caught:
        drawn("resize/P_30", MAIN)
    assert caught.value.parameter == "P"


@pytest.mark.parametrize(
    ("process", "size"),
    [
        ("image/resize,w_10", (10, 5)),
        ("image/crop,w_4,h_4", (4, 4)),
        ("image/indexcrop,x_8,i_2", (4, 10)),
        ("image/rotate,90", (10, 20)),
        ("image/rounded-corners,r_3", (20, 10)),
        ("image/circle,r_100", (9, 9)),
        ("image/resize,w_10/rotate,90", (5, 10)),
    ],
)
def test_a_mark_goes_through_its_own_process(process, size):
    left, top, right, bottom = ink(drawn(f"watermark/image_{marked('red.png', process)}", MAIN, MARKS))
    assert (right - left, bottom - top) == size


@pytest.mark.parametrize(
    "process", ["image/info", "image/format,png", f"image/watermark,{IMAGE}", "image/nothing,1", "resize,w_1"]
)
def test_a_marks_process_changes_its_pixels_and_does_nothing_else(process):
    with pytest.raises(InvalidArgument):
        parse_path(f"watermark/image_{marked('red.png', process)}/lena.png")


def test_a_plan_takes_three_images_and_no_fourth():
    step = f"watermark/{IMAGE}/"
    parse_path(step * 3 + "lena.png")
    with pytest.raises(InvalidArgument):
        parse_path(step * 4 + "lena.png")
    text = f"watermark/text_{words('a')}/"
    parse_path(text * 4 + step * 3 + "lena.png")


def test_an_image_or_a_text_is_needed():
    with pytest.raises(MissingArgument):
        parse_oss("image/watermark,g_nw")


def test_a_mark_that_is_no_image_is_the_callers_fault_and_named():
    with pytest.raises(WatermarkError) as caught:
        made(f"watermark/{IMAGE}", MAIN, {"red.png": b"no image"})
    assert "red.png" in caught.value.detail
    assert caught.value.status == 400


def test_an_animated_mark_lends_its_first_frame():
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "blue")]
    gif = file_of(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert drawn(f"watermark/{IMAGE}", MAIN, {"red.png": gif}).getpixel((180, 85))[:3] == (255, 0, 0)


def test_every_frame_of_an_animation_gets_the_mark():
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("white", "blue", "lime")]
    gif = file_of(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
    picture = drawn(f"watermark/{IMAGE}", gif, MARKS)
    assert picture.n_frames == 3
    for number in range(3):
        picture.seek(number)
        assert picture.convert("RGB").getpixel((40, 25)) == (255, 0, 0)


@pytest.mark.parametrize(("order", "image_first"), [(0, True), (1, False)])
@pytest.mark.parametrize("align", [0, 1, 2])
def test_image_and_text_stand_side_by_side(order, image_first, align):
    plan = f"watermark/{IMAGE},text_{words('HH')},size_30,g_nw,x_0,y_0,order_{order},align_{align},interval_9"
    picture = drawn(plan, MAIN, MARKS)
    reds = [(x, y) for x in range(200) for y in range(100) if picture.getpixel((x, y)) == (255, 0, 0)]
    blacks = [(x, y) for x in range(200) for y in range(100) if picture.getpixel((x, y)) == (0, 0, 0)]
    assert (min(x for x, _ in reds) < min(x for x, _ in blacks)) == image_first
    high = max(y for _, y in reds) + 1
    text_height = {0: 10, 2: max(high, 30)}.get(align)
    assert high == text_height if text_height else 10 < high < 30
    if image_first:
        assert min(x for x, _ in blacks) - max(x for x, _ in reds) - 1 >= 9
