import base64
import json
import struct

import pytest
from PIL import ExifTags, Image

from imgfn.core.faults import InvalidArgument
from imgfn.core.plan import parse_oss
from imgfn.ops import placeholder
from tests.operations.drawing import file_of, made
from tests.operations.samples import SAMPLES, scene


def said(plan, source):
    answer = made(plan, source)
    assert answer.content_type == "text/plain; charset=utf-8"
    return answer.body.decode()


def facts(source):
    answer = made("info", source)
    assert answer.content_type == "application/json"
    told = json.loads(answer.body)
    assert all(list(shape) == ["value"] and isinstance(shape["value"], str) for shape in told.values())
    return {name: shape["value"] for name, shape in told.items()}


def test_info_has_osss_five_facts_in_osss_shape():
    source = SAMPLES["gif", "animated"]
    assert facts(source) == {
        "FileSize": str(len(source)), "Format": "gif", "FrameCount": "3", "ImageHeight": "24", "ImageWidth": "36",
    }  # fmt: skip


def test_info_tells_exif_by_name():
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Sundial"
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ISOSpeedRatings] = 200
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] = b"\x00\x01secret"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    told = facts(file_of(scene(), "JPEG", exif=exif))
    assert (told["Make"], told["Orientation"], told["ISOSpeedRatings"], told["GPSLatitudeRef"]) == (
        "Sundial",
        "6",
        "200",
        "N",
    )
    # As stored: a client that shows EXIF turns by it.
    assert (told["ImageWidth"], told["ImageHeight"]) == ("36", "24")
    assert "MakerNote" not in told


@pytest.mark.parametrize("report", ["info", "average-hue", "blurhash", "thumbhash"])
def test_a_report_ends_a_plan(report):
    with pytest.raises(InvalidArgument):
        parse_oss(f"image/{report}/resize,w_10")


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (18, 52, 86)])
def test_the_average_of_one_colour_is_that_colour(colour):
    assert said("average-hue", Image.new("RGB", (33, 7), colour)) == "0x{:02X}{:02X}{:02X}".format(*colour)


def test_the_average_is_the_mean_rounded_half_up():
    halves = Image.new("RGB", (2, 1), (10, 0, 255))
    halves.putpixel((0, 0), (11, 1, 0))
    assert said("average-hue", halves) == "0x0B0180"


def test_what_is_transparent_has_no_part_in_the_average():
    image = Image.new("RGBA", (10, 10), (0, 255, 0, 0))
    image.paste((200, 100, 50, 255), (0, 0, 3, 10))
    assert said("average-hue", image) == "0xC86432"
    assert said("average-hue", Image.new("RGBA", (4, 4), (9, 9, 9, 0))) == "0x000000"


def test_reports_are_of_the_picture_after_the_steps():
    halves = Image.new("RGB", (20, 10), "red")
    halves.paste("blue", (10, 0, 20, 10))
    assert said("crop/w_10/average-hue", halves) == "0xFF0000"


@pytest.mark.parametrize(("x", "y"), [(1, 1), (4, 3), (9, 9), (1, 9)])
def test_a_blurhash_is_as_long_as_its_waves_ask_for(x, y):
    text = said(f"blurhash/x_{x},y_{y}", scene())
    assert len(text) == 4 + 2 * x * y
    assert placeholder.DIGITS.index(text[0]) == x - 1 + (y - 1) * 9


def test_a_blurhash_starts_with_the_mean_colour():
    text = said("blurhash/_", Image.new("RGB", (10, 10), (18, 52, 86)))
    number = 0
    for digit in text[2:6]:
        number = number * 83 + placeholder.DIGITS.index(digit)
    assert number == 18 << 16 | 52 << 8 | 86


# The reference implementations (blurhash-python 1.2.2 and thumbhash 0.1.2) say this of the picture of `waves`.
def waves(size):
    width, height = size
    image = Image.new("RGB", size)
    image.putdata([(7 * x % 256, 5 * y % 256, 3 * (x + y) % 256) for y in range(height) for x in range(width)])
    return image


def test_blurhash_agrees_with_its_reference():
    assert placeholder.blurhash(waves((32, 24)), 4, 3) == "LiE^Kk2SwzW.n4WYjtf7f*fRfQfQ"


@pytest.mark.parametrize(
    ("size", "reference"),
    [
        ((64, 48), "XvcJLZg0pGhQeYeGd3h3d6vxa/WI"),
        ((30, 90), "XOcJMhZxZQeIhWlnccgPp7g="),
        ((1, 1), "AAgCBwAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    ],
)
def test_thumbhash_agrees_with_its_reference(size, reference):
    assert base64.b64encode(placeholder.thumbhash(waves(size).convert("RGBA"))).decode() == reference


def test_a_thumbhash_tells_transparency_and_shape():
    opaque = base64.b64decode(said("thumbhash", scene(size=(80, 40))))
    clear = base64.b64decode(said("thumbhash", scene("RGBA", (40, 80))))
    assert not opaque[2] & 0x80
    assert clear[2] & 0x80
    assert opaque[4] & 0x80, "a landscape"
    assert not clear[4] & 0x80


@pytest.mark.parametrize("pointer", [ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo])
def test_exif_whose_parts_lie_outside_of_it_costs_no_more_than_these_parts(pointer):
    header = b"II*\0" + struct.pack("<I", 8)
    record = header + struct.pack("<HHHIII", 1, pointer, 4, 1, 9999, 0)  # one entry, which points to byte 9999
    source = file_of(scene(), "JPEG", exif=b"Exif\0\0" + record)
    assert json.loads(made("info", source).body)["ImageWidth"] == {"value": str(scene().width)}
