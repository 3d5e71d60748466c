"""The loops in C: to the bit what Pillow reads, within a few levels what libvips turns."""

import itertools
import math
import zlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from imgfn.core.faults import BadImage
from imgfn.imaging import kernels, native
from imgfn.imaging.codecs.png import LAYOUTS, Broken, decode, encode
from imgfn.imaging.raster import BYTES, Raster
from imgfn.imaging.view import whole
from tests.imaging.rendering import pixels, rendered
from tests.pictures import difference, encoded, opened, png, scene
from tests.servers import need_compiled_loops


@pytest.fixture(autouse=True, scope="module")
def _compiled() -> None:
    need_compiled_loops()


@pytest.fixture
def by_libvips(monkeypatch):
    """Calls a function as if there were no compiled loops."""

    def call(function, *arguments):
        with monkeypatch.context() as patch:
            patch.setattr(native, "available", lambda: False)
            return function(*arguments)

    return call


def scanlines(width: int, height: int, colours: int, lines: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """A PNG of 8 bits around scanlines that are filtered already; its data lie in two chunks."""
    data = zlib.compress(lines)
    half = len(data) // 2
    return png(width, height, *more, (b"IDAT", data[:half]), (b"IDAT", data[half:]), colours=colours)


@st.composite
def random_pngs(draw: st.DrawFn) -> bytes:
    """Random bytes under random filters."""
    width, height = draw(st.integers(1, 40)), draw(st.integers(1, 12))
    colours = draw(st.sampled_from(sorted(LAYOUTS)))
    random = draw(st.randoms(use_true_random=False))
    # Two rows of number 4 are done at once.
    filters = draw(st.lists(st.sampled_from([0, 1, 2, 3, 4, 4, 4, 4]), min_size=height, max_size=height))
    rows = [bytes([number]) + random.randbytes(width * BYTES[LAYOUTS[colours]]) for number in filters]
    return scanlines(width, height, colours, b"".join(rows))


def all_of(source: bytes) -> Image.Image:
    found = decode(source)
    return found.cut(whole(found.size))


@given(
    source=random_pngs(),
    strip_bytes=st.sampled_from([1, 700, 1 << 17]),
    piece_bytes=st.sampled_from([1, 2, 7, 64, 1 << 16]),
    data=st.data(),
)
def test_a_png_has_the_pixels_that_pillow_reads(source, strip_bytes, piece_bytes, data):
    theirs = opened(source)
    left, top = data.draw(st.integers(0, theirs.width - 1)), data.draw(st.integers(0, theirs.height - 1))
    box = left, top, data.draw(st.integers(left + 1, theirs.width)), data.draw(st.integers(top + 1, theirs.height))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("imgfn.imaging.codecs.png.STRIP_BYTES", strip_bytes)
        patch.setattr("imgfn.imaging.codecs.png.PIECE_BYTES", piece_bytes)
        ours = decode(source).cut(box)
    assert ours.tobytes() == theirs.convert(ours.mode).crop(box).tobytes()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_png_of_many_strips_is_whole(mode):
    image = scene((1200, 700), "RGBA").convert(mode)
    assert all_of(encoded(image)).tobytes() == image.convert("RGBA" if mode == "LA" else mode).tobytes()


@pytest.mark.parametrize("plan", ["resize/w_100", "crop/x_10,y_5,w_50,h_60", "resize/w_400,limit_0"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_png_comes_out_as_by_libvips(plan, mode, monkeypatch):
    source = encoded(scene(mode="RGBA").convert(mode))
    assert decode(source) is not None
    ours = pixels(plan, source)
    monkeypatch.setattr("imgfn.imaging.codecs.png.decode", lambda _: None)
    assert ours.tobytes() == pixels(plan, source).tobytes()


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 12)), mode=st.sampled_from(["L", "RGB", "RGBA"]), data=st.data()
)
def test_a_png_that_is_written_has_its_pixels(size, mode, data):
    image = Image.frombytes(
        mode, size, data.draw(st.randoms(use_true_random=False)).randbytes(math.prod(size) * len(mode))
    )
    body = encode(image.tobytes(), size, len(mode), None)
    assume(body)  # not too flat
    written = opened(body)
    assert (written.mode, written.size, written.tobytes()) == (mode, size, image.tobytes())


def test_a_written_png_of_many_strips_is_whole_and_has_its_profile():
    image = Image.effect_noise((700, 500), 80).convert("RGB")
    written = encode(image.tobytes(), image.size, 3, b"a profile")
    assert opened(written).tobytes() == image.tobytes()
    assert opened(written).info["icc_profile"] == b"a profile"


def test_a_photograph_is_written_here_and_a_drawing_by_libvips(by_libvips):
    def result(source: Image.Image) -> bytes:
        return rendered("format/png", encoded(source)).body

    grainy = Image.effect_noise((200, 150), 80).convert("RGB")
    assert result(grainy) != by_libvips(result, grainy)
    flat = Image.new("RGB", (200, 150), "teal")
    assert result(flat) == by_libvips(result, flat)


def test_rows_that_are_not_there_are_not_filtered():
    for length, row, rows in ((30, 0, 3), (30, 2, 1), (30, -1, 1), (2, 0, 1)):
        with pytest.raises(ValueError, match="no such rows"):
            native.filtered(bytes(60), 3, length, row, rows)


ROW = b"\0" + bytes(30)
ODD = {
    "a transparent colour": scanlines(10, 1, 2, ROW, (b"tRNS", bytes(6))),
    "a palette": encoded(scene((10, 1)).convert("P")),
    "16 bits": encoded(Image.new("I;16", (10, 1))),
}
BROKEN = {
    "cut short": scanlines(10, 2, 2, ROW),
    "a filter of its own": scanlines(10, 1, 2, b"\5" + bytes(30)),
    "no pixels": png(10, 1),
    "no zlib": png(10, 1, (b"IDAT", b"nothing of the kind"), colours=2),
}


@pytest.mark.parametrize("source", ODD.values(), ids=ODD)
def test_what_is_odd_is_left_to_libvips(source):
    assert decode(source) is None


@pytest.mark.parametrize("source", BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_told_apart(source):
    with pytest.raises(Broken):
        all_of(source)


def test_a_wrong_checksum_is_seen():
    data = bytearray(zlib.compress(ROW))
    data[-1] ^= 1
    with pytest.raises(Broken):
        all_of(png(10, 1, (b"IDAT", bytes(data)), colours=2))


@pytest.mark.parametrize("what", ["no pixels", "no zlib"])
@pytest.mark.parametrize("plan", ["resize/w_5", "flip/h"])
def test_a_broken_png_is_refused(plan, what):
    with pytest.raises(BadImage):
        pixels(plan, BROKEN[what])


def test_rows_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="fit"):
        native.unfilter(bytes(31), 3, 30, bytearray(30), 1)
    with pytest.raises(ValueError, match="fit"):
        native.unfilter(bytes(31), 3, 30, bytearray(60), 0)


def weight(distance: float) -> float:
    """Catmull-Rom: R. Keys, Cubic convolution interpolation, 1981, with a = -0.5."""
    t = abs(distance)
    return (1.5 * t - 2.5) * t * t + 1 if t < 1 else ((-0.5 * t + 2.5) * t - 4) * t + 2 if t < 2 else 0.0


def sampled(image: Image.Image, x: float, y: float, fill: tuple[int, ...]) -> list[float]:
    """The colour on black and the alpha at a point of an RGBA picture that lies in `fill`, in floating point."""
    total = [0.0] * 4
    for j in range(math.floor(y) - 1, math.floor(y) + 3):
        for i in range(math.floor(x) - 1, math.floor(x) + 3):
            inside = 0 <= i < image.width and 0 <= j < image.height
            *colour, alpha = image.getpixel((i, j)) if inside else fill
            share = weight(x - i) * weight(y - j)
            total = [
                have + share * value
                for have, value in zip(total, (*(c * alpha / 255 for c in colour), alpha), strict=True)
            ]
    alpha = min(max(total[3], 0.0), 255.0)
    scale = alpha / max(total[3], 1.0)  # where alpha overshoots, the colours do with it
    return [min(max(value * scale, 0.0), alpha) for value in total[:3]] + [alpha]


@given(
    width=st.integers(1, 12),
    height=st.integers(1, 12),
    degrees=st.floats(0, 360),
    mode=st.sampled_from(["RGB", "RGBA"]),
    fill=st.sampled_from([(200, 100, 50, 255), (0, 0, 0, 0), (200, 100, 50, 128)]),
)
def test_a_turn_is_bicubic(width, height, degrees, mode, fill):
    image = scene((width, height), mode)
    fill = (*fill[:3], 255) if mode == "RGB" else fill
    turned = kernels.rotated(image, degrees, fill[: len(mode)]).convert("RGBA")
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    for row, column in itertools.product(range(turned.height), range(turned.width)):
        across, down = column - (turned.width - 1) / 2, row - (turned.height - 1) / 2
        x, y = cosine * across + sine * down + (width - 1) / 2, cosine * down - sine * across + (height - 1) / 2
        *colour, alpha = turned.getpixel((column, row))
        # 256 places between two pixels are told apart: half of one, each way, is at most 1.2 levels at an edge.
        got = [*(value * alpha / 255 for value in colour), alpha]
        assert got == pytest.approx(sampled(image.convert("RGBA"), x, y, fill), abs=3.5)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_turn_is_that_of_libvips(mode, by_libvips):
    turned = kernels.rotated(scene(mode=mode), 10, (0,) * len(mode))
    theirs = by_libvips(kernels.rotated, scene(mode=mode), 10, (0,) * len(mode))
    assert difference(turned, theirs) < 0.5


def test_a_turn_by_nothing_changes_nothing():
    for mode in ("RGB", "RGBA"):
        image = scene(mode=mode)
        turned = native.affine(Raster.of(image), (1, 0, 0, 0, 1, 0), bytes(4), image.size)
        assert difference(turned, image) == 0


def test_pixels_of_another_size_are_refused():
    with pytest.raises(ValueError, match="4 bytes"):
        native.affine(Raster((3, 3), "RGB", bytearray(27)), (1, 0, 0, 0, 1, 0), bytes(4), (3, 3))


FAR = (float("nan"), float("inf"), 1e300, 2.0**30)


@pytest.mark.parametrize("far", FAR)
def test_places_out_of_reach_are_refused(far):
    raster = Raster.of(scene((8, 8)))
    for back in ((far, 0, 0, 0, 1, 0), (1, far, 0, 0, 1, 0), (1, 0, far, 0, 1, 0), (1, 0, 0, 0, 1, -far)):
        with pytest.raises(ValueError, match="too far"):
            native.affine(raster, back, bytes(4), (3, 3))
    for start, step in (((far, 0), (1, 1)), ((0, -far), (1, 1)), ((0, 0), (far, 1)), ((0, 0), (1, far))):
        with pytest.raises(ValueError, match="no such picture"):
            native.resampled([raster], (8, 8), "RGBX", start, step, (3, 3), squared=False)
