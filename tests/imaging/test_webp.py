"""WebP straight from libwebp: to the bit what Pillow reads of it."""

import pytest
from PIL import Image

from app.core.faults import BadImage
from app.imaging import webp
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
    assert bytes(webp.decode(source, image.size, len(mode), roughly=False)) == opened(source).tobytes()
    assert pixels("format/png", source).convert(mode).tobytes() == opened(source).tobytes()


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
    exact, rough = (Image.frombytes("RGB", (400, 300), decode(source, (400, 300), 3, roughly=r)) for r in (False, True))
    assert exact.tobytes() != rough.tobytes()
    assert difference(exact, rough) < 3


def test_a_film_is_left_to_others():
    first, second = scene((40, 30)), Image.new("RGB", (40, 30), "teal")
    film = encoded(first, "WEBP", save_all=True, append_images=[second])
    assert webp.decode(film, (40, 30), 3, roughly=False) is None
    assert pixels("format/png", film).size == (40, 30)


def test_a_webp_that_was_cut_short_is_refused():
    source = encoded(scene((301, 203)), "WEBP")[:-500]
    assert webp.decode(source, (301, 203), 3, roughly=False) is None
    with pytest.raises(BadImage):
        pixels("resize/w_100", source)


def test_without_a_libwebp_that_can_be_called_libvips_decodes(monkeypatch):
    source = encoded(scene((301, 203)), "WEBP", lossless=True)
    directly = pixels("resize/w_100", source)
    monkeypatch.setattr(webp, "_library", lambda: None)
    assert pixels("resize/w_100", source).tobytes() == directly.tobytes()
