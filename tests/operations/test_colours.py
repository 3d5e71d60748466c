import pytest
from PIL import Image, ImageChops, ImageStat

from imgfn.core.faults import MissingArgument
from imgfn.core.plan import parse_oss
from tests.operations.drawing import drawn, file_of
from tests.operations.samples import scene

PIXELS = {"bright": "bright/30", "contrast": "contrast/40", "saturation": "saturation/50", "sharpen": "sharpen/150"}
FILTERS = {**PIXELS, "blur": "blur/r_3,s_2", "grayscale": "grayscale"}


def flat(*colour):
    return Image.new("RGB" if len(colour) == 3 else "RGBA", (9, 9), colour)


@pytest.mark.parametrize(
    ("plan", "before", "after"),
    [
        ("bright/0", (10, 100, 200), (10, 100, 200)),
        ("bright/50", (10, 101, 200), (15, 152, 255)),
        ("bright/-50", (10, 101, 200), (5, 51, 100)),
        ("bright/-100", (10, 100, 200), (0, 0, 0)),
        ("bright/100", (10, 100, 200), (20, 200, 255)),
        ("contrast/0", (10, 100, 200), (10, 100, 200)),
        ("contrast/50", (10, 100, 200), (0, 86, 236)),
        ("contrast/-50", (10, 100, 200), (69, 114, 164)),
        ("contrast/-100", (10, 100, 200), (128, 128, 128)),
        ("saturation/0", (10, 100, 200), (10, 100, 200)),
        ("saturation/-100", (10, 100, 200), (84, 84, 84)),
        ("saturation/100", (100, 110, 120), (91, 111, 131)),
        ("grayscale", (10, 100, 200), (84, 84, 84)),
    ],
)
def test_a_flat_colour_becomes_what_the_formula_says(plan, before, after):
    assert drawn(plan, flat(*before)).convert("RGB").getpixel((4, 4)) == pytest.approx(after, abs=1)


@pytest.mark.parametrize("plan", FILTERS.values(), ids=FILTERS)
def test_transparency_stays_where_it_was(plan):
    source = scene("RGBA")
    source.putalpha(Image.linear_gradient("L").resize(source.size))
    if plan != FILTERS["blur"]:
        assert drawn(plan, source).getchannel("A").tobytes() == source.getchannel("A").tobytes()


@pytest.mark.parametrize("plan", [*FILTERS.values(), "rotate/20", "resize/w_17", "rounded-corners/r_4"])
def test_no_colour_comes_through_from_what_is_transparent(plan):
    """The visible half is red, the hidden colour of the other half is green."""
    source = Image.new("RGBA", (40, 40), (0, 255, 0, 0))
    source.paste((255, 0, 0, 255), (0, 0, 20, 40))
    result = drawn(plan, source)
    # Premultiplied: colour as much as it is seen.
    red, green, blue, _ = ImageStat.Stat(result.convert("RGBa")).sum
    assert red > 0
    if plan == "grayscale":
        assert red == green == blue
    else:
        assert green + blue <= 0.01 * red


@pytest.mark.parametrize("plan", FILTERS.values(), ids=FILTERS)
def test_grey_stays_grey(plan):
    assert drawn(plan, scene("L")).mode == "L"


def test_blur_spreads_a_point_as_a_bell_that_ends_at_the_radius():
    point = Image.new("L", (41, 41))
    point.putpixel((20, 20), 255)
    row = [drawn("blur/r_4,s_2", point.point(lambda level: level)).getpixel((x, 20)) for x in range(41)]
    assert [x for x, level in enumerate(row) if level] == list(range(row.index(max(row)) - 4, row.index(max(row)) + 5))
    assert row == row[::-1]
    assert row[18] / row[20] == pytest.approx(0.61, abs=0.1)


@pytest.mark.parametrize(("weak", "strong"), [("blur/r_2,s_1", "blur/r_20,s_10"), ("blur/r_1,s_50", "blur/r_50,s_50")])
def test_more_blur_leaves_less_contrast(weak, strong):
    def spread(plan):
        return ImageStat.Stat(drawn(plan, scene("L"))).stddev[0]

    assert spread(strong) < spread(weak)


@pytest.mark.parametrize("arguments", ["r_3", "s_3", ""])
def test_blur_needs_both_radius_and_sigma(arguments):
    with pytest.raises(MissingArgument):
        parse_oss(f"image/blur,{arguments}" if arguments else "image/blur")


def test_blur_leaves_a_flat_colour_flat_up_to_the_edge():
    assert drawn("blur/r_50,s_50", flat(20, 130, 240)).getextrema() == ((20, 20), (130, 130), (240, 240))


def test_sharpen_steepens_edges_the_more_the_larger_the_number():
    soft = scene("L").resize((144, 96)).resize((72, 48))

    def edges(image):
        return sum(ImageStat.Stat(ImageChops.difference(image, ImageChops.offset(image, 1, 0))).sum)

    steps = [edges(drawn(f"sharpen/{amount}", soft)) for amount in (50, 100, 399)]
    assert edges(soft) < steps[0] < steps[1] < steps[2]
    assert drawn("sharpen/399", flat(20, 130, 240)).getpixel((4, 4)) == (20, 130, 240)


def test_a_flat_colour_stays_flat_beside_what_is_transparent():
    source = Image.new("RGBA", (20, 20), (255, 255, 0, 0))
    source.paste((90, 120, 150, 255), (0, 0, 10, 20))
    result = drawn("sharpen/399", source)
    for x in range(10):
        assert result.getpixel((x, 10)) == pytest.approx((90, 120, 150, 255), abs=4)


def test_every_frame_of_an_animation_changes():
    pages = [flat(*colour) for colour in ((200, 0, 0), (0, 200, 0))]
    picture = drawn("bright/-50", file_of(pages[0], "PNG", save_all=True, append_images=pages[1:]))
    for number, colour in enumerate(((100, 0, 0), (0, 100, 0))):
        picture.seek(number)
        assert picture.convert("RGB").getpixel((4, 4)) == colour
