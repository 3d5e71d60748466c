"""What results are written as: format, quality, size, and what is told of the making."""

import json

import pytest
from PIL import Image, JpegImagePlugin

from imgfn.core.faults import ImageTooLarge
from imgfn.imaging.codecs.quality import jpeg_quality
from tests.imaging.rendering import rendered
from tests.imaging.test_header import FORMATS
from tests.pictures import difference, encoded, opened, scene


def quality_of(body: bytes) -> int:
    return jpeg_quality(opened(body))


@pytest.mark.parametrize("name", FORMATS)
def test_without_a_format_the_sources_own_stays_and_what_nobody_writes_becomes_png(name: str) -> None:
    kept = {"svg": "png", "ico": "png"}.get(name, name)
    types = {"jpg": "image/jpeg", "svg": "image/svg+xml"}
    assert rendered("flip/h", FORMATS[name]).content_type == types.get(kept, f"image/{kept}")


@pytest.mark.parametrize("quality", [5, 25, 50, 75, 80, 95, 100])
def test_the_quality_of_a_jpeg_is_read_from_its_tables(quality: int) -> None:
    assert quality_of(encoded(scene(), "JPEG", quality=quality)) == pytest.approx(quality, abs=1)


def test_relative_quality_is_a_share_of_the_sources_own() -> None:
    source = encoded(scene(), "JPEG", quality=80)
    assert quality_of(rendered("quality/q_50", source).body) == pytest.approx(40, abs=1)


def test_absolute_quality_is_at_most_the_sources_own_and_wins_over_the_relative() -> None:
    source = encoded(scene(), "JPEG", quality=60)
    assert quality_of(rendered("quality/Q_90", source).body) == pytest.approx(60, abs=1)
    assert quality_of(rendered("quality/Q_30", source).body) == pytest.approx(30, abs=1)
    assert quality_of(rendered("quality/q_10,Q_30", source).body) == pytest.approx(30, abs=1)


def test_the_quality_of_another_format_is_absolute() -> None:
    source = encoded(scene(), "PNG")
    assert quality_of(rendered("format/jpg/quality/Q_90", source).body) == pytest.approx(90, abs=1)
    small, large = (len(rendered(f"format/webp/quality/Q_{number}", source).body) for number in (10, 95))
    assert small < large / 2


def test_interlace_makes_a_progressive_jpeg() -> None:
    source = encoded(scene(), "JPEG")
    assert opened(rendered("interlace/1", source).body).info.get("progressive")
    assert not opened(rendered("interlace/0", source).body).info.get("progressive")


def test_colour_is_halved_below_90_and_whole_from_there_on() -> None:
    source = encoded(scene(), "PNG")
    sampling = {
        quality: JpegImagePlugin.get_sampling(opened(rendered(f"format/jpg/quality/Q_{quality}", source).body))
        for quality in (89, 90)
    }
    assert sampling == {89: 2, 90: 0}


@pytest.mark.parametrize("name", ["webp", "heic"])
def test_a_side_that_the_format_does_not_know_is_refused(name: str) -> None:
    with pytest.raises(ImageTooLarge, match="20000"):
        rendered(f"format/{name}", encoded(Image.new("RGB", (20_000, 2))))


@pytest.mark.parametrize("icc", [b"x" * 200, b"\0" * 16 + b"RGB " + b"\0" * 180], ids=["rubbish", "empty"])
@pytest.mark.parametrize("name", ["jpg", "png", "webp", "avif", "gif", "bmp", "tiff", "heic"])
def test_a_broken_profile_never_stops_a_picture(name: str, icc: bytes) -> None:
    made = rendered(f"format/{name}", encoded(scene(), "PNG", icc_profile=icc))
    assert difference(opened(rendered("format/png", made.body).body), scene()) < 12


def test_the_time_is_told_by_its_shares() -> None:
    made = rendered("resize/w_60", encoded(scene()))
    assert set(made.milliseconds) == {"decode", "steps", "encode"}
    assert all(share >= 0 for share in made.milliseconds.values())


def test_info_tells_the_exif_by_name_and_the_size_as_stored() -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Kodak", 6
    source = encoded(scene(), "JPEG", exif=exif)
    facts = json.loads(rendered("info", source).body)
    assert facts["ImageWidth"] == {"value": "240"}
    assert facts["Make"] == {"value": "Kodak"}
    assert facts["Orientation"] == {"value": "6"}
    assert facts["FileSize"] == {"value": str(len(source))}
