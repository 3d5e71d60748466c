import io

import pytest
from PIL import Image, ImageCms

from imgfn.imaging.text import fonts
from tests.operations.drawing import drawn, file_of, made, marked, words
from tests.servers import need


def srgb():
    return bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


def swapped():
    """sRGB with the columns of red and blue exchanged: its (255, 0, 0) is blue."""
    icc = srgb()
    count = int.from_bytes(icc[128:132])
    entries = {bytes(icc[132 + 12 * n : 136 + 12 * n]): 132 + 12 * n for n in range(count)}
    red, blue = entries[b"rXYZ"], entries[b"bXYZ"]
    icc[red : red + 4], icc[blue : blue + 4] = icc[blue : blue + 4], icc[red : red + 4]
    return bytes(icc)


def broken():
    return bytes(srgb()[:128]) + b"\xff" * 40


def pixel(image, x=5, y=5):
    return image.convert("RGB").getpixel((x, y))


@pytest.mark.parametrize("plan", ["format/bmp", "strip", "format/avif/strip"])
def test_without_its_profile_a_picture_has_its_colours_in_srgb(plan):
    source = file_of(Image.new("RGB", (20, 20), (255, 0, 0)), icc_profile=swapped())
    assert pixel(drawn(plan, source)) == pytest.approx((0, 0, 255), abs=3)


def test_a_mark_keeps_its_colours_on_a_picture_of_another_profile():
    main = file_of(Image.new("RGB", (60, 40), "white"), icc_profile=swapped())
    plan = f"watermark/image_{marked('red.png')},g_nw,x_0,y_0/format/bmp"
    assert pixel(drawn(plan, main, {"red.png": Image.new("RGB", (20, 20), "red")})) == pytest.approx((255, 0, 0), abs=3)


def test_a_mark_of_another_profile_keeps_its_colours():
    watermark = file_of(Image.new("RGB", (20, 20), (255, 0, 0)), icc_profile=swapped())
    plan = f"watermark/image_{marked('blue.png')},g_nw,x_0,y_0"
    picture = drawn(plan, Image.new("RGB", (60, 40), "white"), {"blue.png": watermark})
    assert pixel(picture) == pytest.approx((0, 0, 255), abs=3)


def test_a_text_has_its_colour_on_a_picture_of_another_profile():
    if not fonts.find("DejaVu Sans"):
        need("DejaVu Sans", "apt-get install fonts-dejavu")
    main = file_of(Image.new("RGB", (60, 60), "white"), icc_profile=swapped())
    plan = f"watermark/text_{words('█')},type_{words('DejaVu Sans')},color_ff0000,g_center/format/bmp"
    assert pixel(drawn(plan, main), 30, 30) == pytest.approx((255, 0, 0), abs=3)


@pytest.mark.parametrize(
    "plan", ["strip", "format/gif", "format/bmp", f"watermark/text_{words('a')}", "grayscale/strip"]
)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize("icc", [broken(), b"", b"x" * 200, swapped()], ids=["broken", "none", "noise", "swapped"])
def test_no_profile_breaks_a_plan(plan, mode, icc):
    # Pillow passes on what is broken, libvips does not; JPEG is read by the one and PNG by the other.
    source = file_of(Image.new(mode, (30, 30)), "PNG" if mode == "RGBA" else "JPEG", icc_profile=icc)
    assert Image.open(io.BytesIO(made(plan, source).body)).size == (30, 30)
