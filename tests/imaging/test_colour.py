"""Every kind of colour comes out right: CMYK, 16 bits, palette, grey, alpha, profiles."""

import io
from functools import cache

import pytest
from PIL import Image, ImageCms, ImageDraw

from tests.imaging.rendering import pixels, rendered
from tests.pictures import difference, encoded, opened, quarters, scene

WRITTEN = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "avif": "AVIF", "gif": "GIF", "bmp": "BMP", "tiff": "TIFF"}


@cache  # it carries the second in which it was made
def profile(name: str = "sRGB") -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()  # type: ignore[arg-type]


@pytest.mark.parametrize("format_name", [*WRITTEN, "heic"])
def test_flat_colours_survive_every_format(format_name: str) -> None:
    made = rendered(f"format/{format_name}", encoded(quarters((64, 48))))
    back = pixels("format/png", made.body)
    assert back.size == (64, 48)
    assert difference(back, quarters((64, 48))) < 8


@pytest.mark.parametrize("format_name", ["png", "webp", "avif", "gif", "tiff", "heic"])
def test_transparency_survives_where_the_format_has_it(format_name: str) -> None:
    image = scene(mode="RGBA")
    back = pixels("format/png", rendered(f"format/{format_name}", encoded(image)).body)
    assert back.mode == "RGBA"
    assert back.getpixel((140, 85))[3] == 0  # type: ignore[index]
    assert difference(back, image) < 10


@pytest.mark.parametrize("format_name", ["jpg", "bmp"])
def test_transparency_lies_on_white_where_the_format_has_none_and_a_note_says_so(format_name: str) -> None:
    made = rendered(f"format/{format_name}", encoded(scene(mode="RGBA")))
    assert all(level > 250 for level in opened(made.body).convert("RGB").getpixel((140, 85)))  # type: ignore[union-attr]
    assert any("transparency dropped" in note for note in made.notes)


def test_an_opaque_picture_with_an_alpha_channel_loses_nothing_worth_a_note() -> None:
    assert rendered("format/jpg", encoded(scene().convert("RGBA"))).notes == ()


def test_cmyk_comes_out_as_the_colours_that_it_prints() -> None:
    inks = Image.new("CMYK", (40, 20), (0, 0, 0, 0))
    ImageDraw.Draw(inks).rectangle((20, 0, 39, 19), fill=(0, 0, 0, 255))
    back = pixels("format/png", encoded(inks, "JPEG", quality=95))
    assert back.mode == "RGB"
    assert min(back.getpixel((5, 10))) > 245  # type: ignore[arg-type]  # no ink: paper
    assert max(back.getpixel((35, 10))) < 60  # type: ignore[arg-type]  # black ink


def test_cmyk_stays_upright_in_colour_through_a_shrunk_decode() -> None:
    inks = Image.new("CMYK", (800, 400), (0, 255, 255, 0))
    red, green, blue = pixels("resize/100,50/format/png", encoded(inks, "JPEG", quality=95)).getpixel((50, 25))  # type: ignore[misc]
    assert red > 180
    assert max(green, blue) < 90


def test_sixteen_bits_keep_their_upper_eight() -> None:
    ramp = Image.new("I;16", (256, 4))
    for x in range(256):
        for y in range(4):
            ramp.putpixel((x, y), x * 257)
    for format_name in ("PNG", "TIFF"):
        back = pixels("format/png", encoded(ramp, format_name))
        assert back.mode == "L"
        assert [back.getpixel((x, 0)) for x in range(256)] == pytest.approx(range(256), abs=1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_png_is_read_as_it_looks(mode: str) -> None:
    image = scene().convert("L").convert(mode) if mode in ("1", "I;16") else scene().convert(mode)
    expected = image.convert("L").convert("RGB") if mode != "I;16" else Image.new("RGB", image.size)
    if mode in ("P", "RGB", "RGBA"):
        expected = image.convert("RGB")
    assert difference(pixels("format/png", encoded(image)).convert("RGB"), expected) < 1


def test_a_palette_with_a_transparent_entry_becomes_alpha() -> None:
    image = quarters().quantize(8)
    index = image.getpixel((0, 0))
    back = pixels("flip/h", encoded(image, "PNG", transparency=index))
    assert back.getpixel((63, 0))[3] == 0  # type: ignore[index]
    assert back.getpixel((0, 0))[3] == 255  # type: ignore[index]


@pytest.mark.parametrize("format_name", ["jpg", "png", "webp", "avif", "tiff"])
def test_a_profile_that_fits_stays(format_name: str) -> None:
    source = encoded(scene(), "PNG", icc_profile=profile())
    assert opened(rendered(f"format/{format_name}", source).body).info.get("icc_profile") == profile()


def test_colours_are_turned_to_srgb_where_the_format_carries_no_profile() -> None:
    # A profile whose red and blue are swapped: obeying it is visible.
    swapped = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    at = {swapped[i : i + 4]: i for i in range(132, 132 + 12 * swapped[131], 12)}
    table = bytearray(swapped)
    red, blue = at[b"rXYZ"], at[b"bXYZ"]
    table[red + 4 : red + 12], table[blue + 4 : blue + 12] = swapped[blue + 4 : blue + 12], swapped[red + 4 : red + 12]
    source = encoded(Image.new("RGB", (20, 20), (255, 0, 0)), "PNG", icc_profile=bytes(table))
    for format_name in ("bmp", "gif"):
        red_level, _, blue_level = pixels(f"format/{format_name}", source).convert("RGB").getpixel((5, 5))  # type: ignore[misc]
        assert blue_level > 200 > red_level


def test_comments_exif_and_xmp_do_not_leave() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    source = encoded(scene(), "JPEG", exif=exif, comment=b"<script>alert(1)</script>", xmp=b"<x:xmpmeta/>")
    for plan in ("quality/Q_50", "resize/w_60", "rotate/90", "rotate/10", "crop/w_50"):
        for format_name in ("jpg", "png", "webp", "avif", "tiff", "heic"):
            body = rendered(f"{plan}/format/{format_name}", source).body
            assert b"secret" not in body
            assert b"script" not in body
            assert b"xmpmeta" not in body


def test_grey_stays_grey() -> None:
    for format_name in ("jpg", "png"):
        body = rendered(f"resize/w_60/format/{format_name}", encoded(scene(mode="L"))).body
        assert Image.open(io.BytesIO(body)).mode == "L"


@pytest.mark.parametrize("plan", ["resize/w_60", "rotate/10", "resize/w_480,limit_0"])
def test_hidden_colours_do_not_shine_through_at_the_edge_of_what_is_seen(plan: str) -> None:
    image = Image.new("RGBA", (240, 160), (255, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((40, 20, 200, 140), fill=(0, 0, 255, 255))
    made = pixels(plan, encoded(image))
    assert all(red < 40 for _, (red, _, _, alpha) in made.getcolors(1_000_000) if alpha > 25)  # type: ignore[union-attr,misc]
