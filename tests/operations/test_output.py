import io
from pathlib import Path

import pytest
from PIL import ExifTags, Image, ImageChops, ImageCms, ImageStat

from imgfn.core.faults import InvalidArgument
from tests.operations.drawing import drawn, file_of, made
from tests.operations.samples import SAMPLES, frames, scene

NOISE = Image.effect_noise((320, 240), 60).convert("RGB")
PHOTO = scene(size=(320, 240))
LOSSY = ("jpg", "webp", "avif", "heic")
CARRIERS = ("jpg", "png", "webp", "avif", "heic")
OWNER, MAKER, CAMERA = "© Ærø 版权", "Łucja", "Sundial 3"


def opened(body):
    image = Image.open(io.BytesIO(body))
    image.load()
    return image


def photograph(format_name="JPEG"):
    """With rights, a camera, a place and a way to be turned."""
    exif = Image.Exif()
    exif[ExifTags.Base.Copyright] = OWNER.encode()
    exif[ExifTags.Base.Artist] = MAKER.encode()
    exif[ExifTags.Base.Model] = CAMERA
    if format_name == "JPEG":
        exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.0)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
    return file_of(PHOTO, format_name, exif=exif.tobytes(), icc_profile=profile, xmp=xmp)


def text_of(exif, tag):
    value = exif.get(tag)
    return value.encode("latin-1").decode() if isinstance(value, str) else value


@pytest.mark.parametrize("name", LOSSY)
@pytest.mark.parametrize("most", [3000, 6000, 15000])
def test_the_result_has_at_most_so_many_bytes(name, most):
    answer = made(f"format/{name}/max-bytes/{most}", PHOTO)
    assert len(answer.body) <= most
    assert opened(answer.body).size == PHOTO.size


@pytest.mark.parametrize("name", LOSSY)
def test_of_the_qualities_that_fit_a_high_one_is_found(name):
    most = len(made(f"format/{name}/quality/Q_40", NOISE).body)
    answer = made(f"format/{name}/max-bytes/{most}", NOISE)
    lower = len(made(f"format/{name}/quality/Q_34", NOISE).body)
    assert lower <= len(answer.body) <= most
    assert "quality lowered" in answer.notes[0]


def test_a_result_that_fits_anyway_keeps_its_quality():
    plain = made("format/jpg", PHOTO)
    fitted = made(f"format/jpg/max-bytes/{len(plain.body)}", PHOTO)
    assert (fitted.body, fitted.notes) == (plain.body, ())


def test_what_fits_at_no_quality_is_refused_with_its_size():
    with pytest.raises(InvalidArgument) as caught:
        made("format/jpg/max-bytes/100", NOISE)
    assert caught.value.parameter == "max-bytes"


def test_a_format_without_quality_is_refused_where_it_does_not_fit():
    with pytest.raises(InvalidArgument) as caught:
        made("format/png/max-bytes/1000", NOISE)
    assert "webp" in caught.value.expected


def test_an_animation_fits_too():
    noise = [Image.effect_noise((80, 60), 90) for _ in range(3)]
    source = file_of(noise[0], "GIF", save_all=True, append_images=noise[1:])
    answer = made("format/webp/max-bytes/5000", source)
    assert len(answer.body) <= 5000
    assert opened(answer.body).n_frames == 3


@pytest.mark.parametrize("name", CARRIERS)
def test_keep_copyright_keeps_who_made_and_owns_the_picture_and_nothing_else(name):
    exif = opened(made(f"format/{name}/keep/copyright", photograph()).body).getexif()
    assert text_of(exif, ExifTags.Base.Copyright) == OWNER
    assert text_of(exif, ExifTags.Base.Artist) == MAKER
    assert ExifTags.Base.Model not in exif
    assert not exif.get_ifd(ExifTags.IFD.GPSInfo)


@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_copyright_is_found_in_every_format_that_has_it(source):
    exif = opened(made("format/jpg/keep/copyright", photograph(source)).body).getexif()
    assert text_of(exif, ExifTags.Base.Copyright) == OWNER


@pytest.mark.parametrize("name", CARRIERS)
def test_keep_all_keeps_exif_and_xmp_but_not_the_way_to_be_turned(name):
    result = opened(made(f"format/{name}/keep/all", photograph()).body)
    exif = result.getexif()
    assert text_of(exif, ExifTags.Base.Model) == CAMERA
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] == (52.0, 31.0, 12.0)
    assert exif.get(ExifTags.Base.Orientation, 1) == 1
    assert result.size == (240, 320)
    assert "xmp" in result.info or "XML:com.adobe.xmp" in result.info


def test_what_a_format_cannot_carry_is_told_where_it_was_asked_for():
    assert made("format/bmp", photograph()).notes == ()
    notes = made("format/bmp/keep/all", photograph()).notes
    assert [note.split()[0] for note in notes] == ["exif", "xmp"]


@pytest.mark.parametrize("plan", ["", "/keep/icc"])
@pytest.mark.parametrize("name", CARRIERS)
def test_by_default_the_profile_stays_and_nothing_else(name, plan):
    result = opened(made(f"format/{name}{plan}", photograph()).body)
    assert result.info["icc_profile"]
    assert not result.getexif()
    assert not result.info.get("xmp")


@pytest.mark.parametrize("name", CARRIERS)
def test_strip_leaves_nothing_but_pixels(name):
    result = opened(made(f"format/{name}/strip", photograph()).body)
    assert not result.info.get("icc_profile")
    assert not result.getexif()
    assert not result.info.get("xmp")


def test_png8_has_a_palette_and_fewer_bytes():
    lena = Path(__file__).parent.parent.parent / "app" / "imgfn" / "web" / "sample.png"
    full, few = made("resize/w_200/format/png", lena.read_bytes()), made("resize/w_200/format/png8", lena.read_bytes())
    assert (opened(few.body).mode, few.content_type) == ("P", "image/png")
    assert len(few.body) < 0.5 * len(full.body)
    far = ImageChops.difference(opened(few.body).convert("RGB"), opened(full.body).convert("RGB"))
    assert max(ImageStat.Stat(far).mean) < 6


def test_png8_keeps_transparency():
    image = drawn("format/png8", scene("RGBA", (320, 240)))
    assert image.mode == "P"
    assert image.convert("RGBA").getpixel((300, 10))[3] == 0
    assert image.convert("RGBA").getpixel((20, 10))[3] == 255


def test_png8_keeps_the_first_frame_and_says_so():
    answer = made("format/png8", SAMPLES["gif", "animated"])
    assert getattr(opened(answer.body), "n_frames", 1) == 1
    assert "animation dropped" in answer.notes[0]


@pytest.mark.parametrize("name", ["gif", "webp", "png"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_frame_picks_one_frame_of_an_animation(name, number):
    source = SAMPLES[name, "animated"]
    answer = made(f"frame/{number}/format/png", source)
    picked, wanted = opened(answer.body), frames()[number]
    assert (getattr(picked, "n_frames", 1), answer.notes) == (1, ())
    assert max(ImageStat.Stat(ImageChops.difference(picked.convert("RGB"), wanted)).mean) < 6


def test_frame_picks_a_page_of_a_tiff():
    for number, wanted in enumerate(frames()):
        picked = drawn(f"frame/{number}/format/png", SAMPLES["tiff", "pages"])
        assert picked.convert("RGB").tobytes() == wanted.tobytes()


def test_a_page_of_another_size_is_refused():
    pages = [Image.new("RGB", (20, 20)), Image.new("RGB", (2000, 2000))]
    source = file_of(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    with pytest.raises(InvalidArgument):
        made("frame/1/format/png", source)


def test_a_frame_that_there_is_not_is_refused_with_the_last_one():
    with pytest.raises(InvalidArgument) as caught:
        made("frame/3", SAMPLES["gif", "animated"])
    assert caught.value.expected == "at most 2"


@pytest.mark.parametrize("own", [30, 60, 75, 90, 97])
@pytest.mark.parametrize("percent", [20, 50, 80, 100])
def test_relative_quality_is_a_share_of_the_sources_own(own, percent):
    source = file_of(PHOTO, "JPEG", quality=own)
    tables = opened(made(f"quality/q_{percent}", source).body).quantization
    expected = opened(file_of(PHOTO, "JPEG", quality=max(1, own * percent // 100))).quantization
    near = opened(file_of(PHOTO, "JPEG", quality=max(1, (own - 1) * percent // 100))).quantization
    assert tables[0] in (expected[0], near[0])


def test_absolute_quality_is_at_most_the_sources_own_and_wins_over_the_relative_one():
    source = file_of(PHOTO, "JPEG", quality=50)
    kept = opened(made("quality/Q_90", source).body).quantization
    assert kept[0] == opened(source).quantization[0]
    both = opened(made("quality/Q_30,q_100", source).body).quantization
    assert both[0] == opened(file_of(PHOTO, "JPEG", quality=30)).quantization[0]


def test_for_webp_relative_quality_is_absolute():
    assert made("quality/q_30", SAMPLES["webp", "opaque"]).body == made("quality/Q_30", SAMPLES["webp", "opaque"]).body
