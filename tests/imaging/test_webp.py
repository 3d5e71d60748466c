"""WebP straight from libwebp: to the bit what Pillow reads of it."""

import pytest
from PIL import Image, ImageCms

from imgfn.core.faults import BadImage
from imgfn.imaging.codecs import webp
from imgfn.imaging.codecs.decode import inspect
from imgfn.imaging.limits import Limits
from tests.imaging.rendering import pixels
from tests.pictures import difference, encoded, opened, scene


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_webp_has_the_pixels_that_pillow_reads(mode, lossless):
    image = scene((301, 203), mode)
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    source = encoded(image, "WEBP", lossless=lossless, icc_profile=b"a profile")
    assert opened(source).mode == mode
    assert webp.decode(source, image.size, mode, roughly=False).picture().tobytes() == opened(source).tobytes()
    assert pixels("format/png", source).convert(mode).tobytes() == opened(source).tobytes()


def turned_by_its_camera(image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(image, "WEBP", exif=exif.tobytes())


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
WEBPS = {
    "lossy": encoded(scene((301, 203)), "WEBP"),
    "lossless": encoded(scene((301, 203)), "WEBP", lossless=True),
    "lossy with a hole": encoded(scene((301, 203), "RGBA"), "WEBP"),
    "lossless with a hole": encoded(scene((301, 203), "RGBA"), "WEBP", lossless=True),
    "with a profile": encoded(scene((301, 203)), "WEBP", icc_profile=PROFILE),
    "with bytes behind it": encoded(scene((301, 203)), "WEBP") + bytes(100),
}
LEFT = {
    "turned": turned_by_its_camera(scene((301, 203))),
    "a film": encoded(scene((40, 30)), "WEBP", save_all=True, append_images=[Image.new("RGB", (40, 30), "teal")]),
    "cut short": WEBPS["lossy"][:-1],
    "only its beginning": WEBPS["lossless"][:18],
    "nothing of it": b"RIFF\4\0\0\0WEBP",
}


@pytest.mark.parametrize("source", WEBPS.values(), ids=WEBPS)
def test_a_plain_header_is_what_libvips_reads(source, monkeypatch):
    ours = inspect(source, Limits())
    assert webp.plain_header(source) == ((301, 203), ours.mode == "RGBA")
    monkeypatch.setattr(webp, "plain_header", lambda _: None)
    assert inspect(source, Limits()) == ours


@pytest.mark.parametrize("source", LEFT.values(), ids=LEFT)
def test_a_header_that_is_not_plain_is_left_to_libvips(source):
    assert webp.plain_header(source) is None


def test_a_profile_is_read_where_there_is_one():
    assert pixels("format/png", WEBPS["with a profile"]).info["icc_profile"] == PROFILE
    assert [webp.has_profile(source) for source in WEBPS.values()] == [False, False, False, False, True, False]


def test_only_a_much_smaller_picture_is_decoded_roughly(monkeypatch):
    asked = []
    source, decode = encoded(scene((400, 300)), "WEBP"), webp.decode

    def watched(*arguments, roughly):
        asked.append(roughly)
        return decode(*arguments, roughly=roughly)

    monkeypatch.setattr(webp, "decode", watched)
    for plan in ("resize/w_100", "resize/w_200", "crop/w_100,h_75", "rotate/90"):
        pixels(plan, source)
    assert asked == [True, False, False, False]
    exact, rough = (decode(source, (400, 300), "RGB", roughly=r).picture() for r in (False, True))
    assert exact.tobytes() != rough.tobytes()
    assert difference(exact, rough) < 3


def test_a_film_is_left_to_others():
    first, second = scene((40, 30)), Image.new("RGB", (40, 30), "teal")
    film = encoded(first, "WEBP", save_all=True, append_images=[second])
    assert webp.decode(film, (40, 30), "RGB", roughly=False) is None
    assert pixels("format/png", film).size == (40, 30)


def test_a_webp_that_was_cut_short_is_refused():
    source = encoded(scene((301, 203)), "WEBP")[:-500]
    assert webp.decode(source, (301, 203), "RGB", roughly=False) is None
    with pytest.raises(BadImage):
        pixels("resize/w_100", source)


def test_without_a_libwebp_that_can_be_called_libvips_decodes(monkeypatch):
    source = encoded(scene((301, 203)), "WEBP", lossless=True)
    directly = pixels("resize/w_100", source)
    monkeypatch.setattr(webp, "_library", lambda: None)
    assert pixels("resize/w_100", source).tobytes() == directly.tobytes()
