"""Lanczos in C: within a rounding of what arithmetic says, on pixels where they lie."""

import ctypes
import itertools
import math
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imgfn.core.output import Box, Size
from imgfn.imaging import kernels, native
from imgfn.imaging.native import Place
from imgfn.imaging.raster import Raster
from imgfn.imaging.view import View
from tests.imaging.rendering import pixels
from tests.pictures import difference, encoded, scene, soft
from tests.servers import need_compiled_loops


@pytest.fixture(autouse=True, scope="module")
def _compiled() -> None:
    need_compiled_loops()


def lanczos(distance: float) -> float:
    x = math.pi * distance
    return (3 * math.sin(x) * math.sin(x / 3) / x**2 if x else 1.0) if abs(distance) < 3 else 0.0


def shares(start: float, step: float, length: int, count: int) -> list[dict[int, float]]:
    """What each of `count` places of a new row is made of: places of the old one, which has `length`, and weights."""
    made = []
    for place in range(count):
        middle = start + (place + 0.5) * step - 0.5
        weights = {at: lanczos((at - middle) / max(step, 1.0)) for at in range(length)}
        made.append({at: weight / sum(weights.values()) for at, weight in weights.items() if weight})
    return made


def exact(image: Image.Image, start: Place, step: Place, canvas: Size, squared: bool) -> list[list[float]]:
    """The new pixels in floating point, one by one; colours as they are seen on black."""
    power, out = (2 if squared else 1), []
    across = shares(start[0], step[0], image.width, canvas[0])
    down = shares(start[1], step[1], image.height, canvas[1])
    lit = image.convert("RGBA")
    for row, column in itertools.product(down, across):
        total = [0.0] * 4
        for (y, share), (x, part) in itertools.product(row.items(), column.items()):
            *colours, alpha = lit.getpixel((x, y))
            for band, value in enumerate((*(level**power * alpha for level in colours), alpha)):
                total[band] += share * part * value
        alpha = total[3] if total[3] >= 0.5 else math.inf
        seen = min(max(total[3], 0.0), 255.0)
        colours = [min(max(value / alpha, 0.0) ** (1 / power), 255.0) * seen / 255 for value in total[:3]]
        out.append([*colours, seen])
    return out


@st.composite
def pictures(draw: st.DrawFn) -> Image.Image:
    mode, size = draw(st.sampled_from(["L", "RGB", "RGBA"])), draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    random = draw(st.randoms(use_true_random=False))
    count = size[0] * size[1] * len(mode)
    # Noise, or the hardest edges there are, and one more band that is 255 everywhere.
    content = random.randbytes(count) if draw(st.booleans()) else bytes(random.choices((0, 255), k=count))
    image = Image.frombytes(mode, size, content)
    if mode == "RGBA" and draw(st.booleans()):
        image.putalpha(255)
    return image


@given(
    data=st.data(), image=pictures(), canvas=st.tuples(st.integers(1, 24), st.integers(1, 24)), squared=st.booleans()
)
def test_every_pixel_is_the_sum_that_arithmetic_gives(data, image, canvas, squared):
    left, top = data.draw(st.integers(0, image.width - 1)), data.draw(st.integers(0, image.height - 1))
    clip: Box = (
        *(left, top),
        *(data.draw(st.integers(left + 1, image.width)), data.draw(st.integers(top + 1, image.height))),
    )
    size = clip[2] - left, clip[3] - top
    step = size[0] / canvas[0], size[1] / canvas[1]
    for raster in (Raster(image.size, image.mode, bytearray(image.tobytes())), Raster.of(image)):
        part = raster.part(clip)
        rows = [(0, top, size[0], min(top + 4, size[1])) for top in range(0, size[1], 4)]
        strips = data.draw(st.sampled_from([[part], list(map(part.part, rows))]))
        made = native.resampled(strips, size, raster.layout, (0, 0), step, canvas, squared=squared)
        assert (made.mode, made.size) == (image.mode, canvas)
        wanted = exact(image.crop(clip), (0.0, 0.0), step, canvas, squared)
        for place, expected in zip(itertools.product(range(canvas[1]), range(canvas[0])), wanted, strict=True):
            *colours, alpha = made.convert("RGBA").getpixel(place[::-1])
            got = [*(colour * alpha / 255 for colour in colours), alpha]
            # Half a level of rounding in colour, and half a one in alpha.
            assert got == pytest.approx(expected, abs=1.02 if image.mode == "RGBA" else 0.51)


def test_a_part_of_a_scaled_picture_is_that_part():
    def scaled(start: Place, canvas: Size) -> Image.Image:
        strips = [Raster.of(scene())]
        return native.resampled(strips, (240, 160), "RGBX", start, (2.5, 2.5), canvas, squared=True)

    whole, part = scaled((0, 0), (96, 64)), scaled((50, 25), (30, 40))
    assert part.tobytes() == whole.crop((20, 10, 50, 50)).tobytes()


def test_lines_that_vanish_leave_their_light():
    lines = Image.new("L", (64, 64))
    lines.paste(255, (0, 0, 32, 64))
    for x in range(32, 64, 2):
        lines.paste(255, (x, 0, x + 1, 64))
    made = pixels("resize/w_16", encoded(lines))
    assert made.getpixel((4, 8)) == 255
    assert made.getpixel((12, 8)) == pytest.approx(255 * math.sqrt(0.5), abs=1)  # not 128, which has a quarter of it


def test_what_grows_is_not_made_lighter():
    edge = Image.new("L", (2, 1))
    edge.putpixel((1, 0), 255)
    grown = pixels("resize/w_64,limit_0", encoded(edge))
    assert grown.getpixel((31, 0)) + grown.getpixel((32, 0)) == pytest.approx(255, abs=1)


def test_a_picture_of_pillow_is_read_where_it_lies():
    image = scene()
    raster = Raster.of(image)
    assert bytes(raster.pixels) == image.tobytes("raw", "RGBX")
    image.putpixel((0, 0), (1, 2, 3))
    assert bytes(raster.pixels[:3]) == b"\1\2\3"
    del image
    assert raster.picture().getpixel((0, 0)) == (1, 2, 3)  # it keeps what it shows


@pytest.fixture
def _in_pieces() -> Iterator[None]:
    """Pillow's own setting."""
    ours = Image.core.get_block_size()
    Image.core.set_block_size(16 << 20)
    yield
    Image.core.set_block_size(ours)


@pytest.mark.usefixtures("_in_pieces")
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_picture_that_pillow_keeps_in_pieces_is_read_too(mode):
    image = scene((6000, 3000), "RGBA").convert(mode)
    assert difference(Raster.of(image).picture(), image) == 0
    view = View.of(image.size).resize((60, 30))
    assert difference(kernels.reshaped(image, view), scene((60, 30), "RGBA").convert(mode)) < 12
    if mode == "RGB":
        with pytest.raises(MemoryError):
            Raster.blank(mode, image.size)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_large_picture_is_read_and_written_where_it_lies(mode):
    image, raster = Raster.blank(mode, (6000, 3000))
    ctypes.memset(raster.address, 77, len(raster.pixels))
    assert image.getextrema() == ((77, 77) if mode == "L" else ((77, 77),) * len(mode))
    assert Raster.of(image).address == raster.address


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("target", [(90, 60), (90, 200), (300, 60), (300, 200)])
def test_without_a_compiler_pillow_does_the_same_but_for_light(mode, target, monkeypatch):
    image = soft().convert(mode)
    view = View.of(image.size).crop((11, 7, 233, 151)).resize(target).crop((10, 5, 70, 50))
    ours = kernels.reshaped(image, view)
    monkeypatch.setattr(native, "available", lambda: False)
    theirs = kernels.reshaped(image, view)
    assert (theirs.mode, theirs.size) == (ours.mode, ours.size) == (mode, (60, 45))
    assert difference(ours, theirs) < 1


@pytest.mark.parametrize("by_us", [True, False])
@pytest.mark.parametrize("short", [1, 200])
@pytest.mark.parametrize("lies", [True, False])
def test_a_row_on_its_way_to_a_column_is_never_a_large_picture(short, lies, by_us):
    size, target = ((16000, short), (short, 16000))[:: 1 if lies else -1]
    script = f"""if True:
        import resource
        from PIL import Image
        from imgfn.imaging import kernels, native
        from imgfn.imaging.view import View
        native.available = lambda: {by_us}
        image, peak = Image.new("RGB", {size}, (10, 20, 30)), lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        before = peak()
        made = kernels.reshaped(image, View.of({size}).resize({target}))
        print(made.getextrema(), peak() - before < 64 << 10)
    """
    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert told == "((10, 10), (20, 20), (30, 30)) True\n"


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("plan", [(100, 66), (400, 300), None])
def test_a_stream_comes_out_as_a_picture_in_memory(mode, plan):
    image = scene(mode=mode)
    view = View.of(image.size).crop((21, 30, 219, 151))
    view = view.resize(plan) if plan else view
    stream = kernels.VipsStream(kernels.to_vips(image))
    assert kernels.reshaped(stream, view).tobytes() == kernels.reshaped(image, view).tobytes()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("box", [(0, 0, 240, 160), (200, 100, 240, 160), (0, 0, 1, 1), (10, 20, 30, 160)])
def test_a_part_of_a_raster_is_that_part(mode, box):
    image = scene(mode="RGBA").convert(mode)
    raster = Raster(image.size, mode, bytearray(image.tobytes()))
    assert raster.cut(box).tobytes() == image.crop(box).tobytes()
    inner = (0, 0, box[2] - box[0], (box[3] - box[1] + 1) // 2)
    assert raster.part(box).cut(inner).tobytes() == image.crop(box).crop(inner).tobytes()


def test_what_does_not_make_a_picture_is_refused():
    def resample(*heights: int, size: Size = (8, 6), layout: str = "RGBX", canvas: Size = (4, 3)) -> None:
        strips = [Raster.of(scene((8, height))) for height in heights]
        native.resampled(strips, size, layout, (0, 0), (2, 2), canvas, squared=False)

    resample(4, 2)
    for heights, size in (((6, 1), (8, 6)), ((3, 3), (8, 6)), ((6,), (9, 6))):
        with pytest.raises(ValueError, match="no strip of that picture"):
            resample(*heights, size=size)
    with pytest.raises(ValueError, match="no strip of that picture"):
        resample(6, layout="RGBA")
    with pytest.raises(ValueError, match="end too early"):
        resample(4)
    for wrong in ({"canvas": (0, 3)}, {"layout": "LA"}, {"size": (8, 0)}):
        with pytest.raises(ValueError, match="no such picture"):
            resample(6, **wrong)


def test_pixels_that_do_not_fill_a_picture_are_refused():
    with pytest.raises(ValueError, match="no such pixels"):
        Raster((3, 3), "RGB", bytearray(26))
    with pytest.raises(ValueError, match="no such pixels"):
        Raster.of(scene((8, 6))).part((0, 0, 8, 7))
    with pytest.raises(ValueError, match="no such pixels"):
        Raster.of(scene((8, 6))).part((4, 0, 4, 6))
