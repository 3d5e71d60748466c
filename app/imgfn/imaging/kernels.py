"""The heavy primitives: reshape and rotate by our own loops, blur by libvips, and the border between its pictures and
Pillow's.

These take a third to a tenth of Pillow's time (docs/performance.md). pyvips is imported at the first use, inside
`vips()`: web workers import the operations for their signatures only and never load libvips.
"""

import functools
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image

from imgfn.core.output import Box, Size
from imgfn.imaging import memory, native
from imgfn.imaging.raster import Raster, RowSource
from imgfn.imaging.view import Orientation, View, size_of

if TYPE_CHECKING:
    import pyvips

Scale = tuple[float, float]  # across, down
STRIP_ROWS = 64  # so few that what a strip needs stays in the cache
FETCHED_ROWS = 16  # of a picture that is decoded meanwhile: the more, the more rows the decoder keeps
BANDS = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
TRANSPOSE = {
    Orientation(1): Image.Transpose.ROTATE_270,  # Pillow counts against the clock
    Orientation(2): Image.Transpose.ROTATE_180,
    Orientation(3): Image.Transpose.ROTATE_90,
    Orientation(0, True): Image.Transpose.FLIP_LEFT_RIGHT,
    Orientation(1, True): Image.Transpose.TRANSVERSE,
    Orientation(2, True): Image.Transpose.FLIP_TOP_BOTTOM,
    Orientation(3, True): Image.Transpose.TRANSPOSE,
}


@functools.cache
def vips() -> Any:
    """pyvips, set up for one picture at a time: one thread, nothing cached, unsafe loaders off."""
    # Read by libvips when it starts: one render has one core, and more threads only cost memory.
    os.environ.setdefault("VIPS_CONCURRENCY", "1")
    import pyvips

    memory.keep_freed()
    pyvips.cache_set_max(0)
    pyvips.block_untrusted_set(True)
    # From memory librsvg runs no script and follows no reference to a file or a host.
    pyvips.operation_block_set("VipsForeignLoadSvg", False)
    return pyvips


def untrusted_is_blocked() -> bool:
    """Whether libvips refuses the loaders that it calls untrusted: one of them says so of any file."""
    try:
        vips().Image.vipsload(__file__)
    except vips().Error as error:
        return "operation is blocked" in str(error)
    return False


def to_vips(image: Image.Image) -> "pyvips.Image":
    """The same pixels for libvips; `image` is L, RGB or RGBA."""
    pixels = vips().Image.new_from_memory(image.tobytes(), *image.size, len(image.mode), "uchar")
    # Grey and RGB are taken for what they are, and a copy costs half a millisecond.
    return pixels.copy(interpretation="srgb") if image.mode == "RGBA" else pixels


def to_pillow(image: "pyvips.Image") -> Image.Image:
    """Compute an 8-bit libvips picture of one to four bands: L, LA, RGB or RGBA. For sources that lie in memory.

    In this very thread, strip by strip: `write_to_memory` has a worker thread, and wakes its caller after every strip.
    """
    region, row = vips().Region.new(image), image.width * image.bands
    pixels = bytearray(row * image.height)
    for top in range(0, image.height, STRIP_ROWS):
        rows = min(STRIP_ROWS, image.height - top)
        pixels[top * row : (top + rows) * row] = region.fetch(0, top, image.width, rows)
    mode = BANDS[image.bands]
    return Image.frombuffer(mode, (image.width, image.height), pixels, "raw", mode, 0, 1)


def turned(image: Image.Image, turn: Orientation) -> Image.Image:
    """Quarter turns and mirrors: pixels move, none is resampled."""
    return image.transpose(TRANSPOSE[turn]) if turn in TRANSPOSE else image


@dataclass(frozen=True)
class VipsStream:
    """A picture of libvips, L, RGB or RGBA, that is computed as its rows are asked for: once, from the top on."""

    image: "pyvips.Image"

    @property
    def size(self) -> Size:
        return self.image.width, self.image.height

    @property
    def layout(self) -> str:
        return BANDS[self.image.bands]

    def cut(self, box: Box) -> Image.Image:
        """What lies in `box`, as a picture of Pillow."""
        pixels = self.image.crop(box[0], box[1], *size_of(box)).write_to_memory()
        return Raster(size_of(box), self.layout, pixels).picture()

    def strips(self, box: Box) -> Iterator[Raster]:
        """What lies in `box`, a few rows at a time."""
        region, (left, top, right, bottom) = vips().Region.new(self.image), box
        for row in range(top, bottom, FETCHED_ROWS):
            size = right - left, min(FETCHED_ROWS, bottom - row)
            yield Raster(size, self.layout, region.fetch(left, row, *size))


def reshaped(image: Image.Image | RowSource, view: View, shrunk: Scale = (1.0, 1.0)) -> Image.Image:
    """`view` of a picture, without its turn; `image` (L, RGB or RGBA) may be a decode that was shrunk by these factors.

    Scaled by Lanczos. Where no side grows light is added up, and not what is stored for it: fine lines keep their
    brightness. Without the loops in C Pillow does it, in several times the time, and adds up what is stored.
    """
    if isinstance(image, Image.Image):
        if not view.scaled:
            return image if view.before == (0, 0, *image.size) else image.crop(view.before)
        image = Raster.of(image)
    if not view.scaled:
        return image.cut(view.before)
    (left, right), (top, bottom) = (
        (low / factor, min(high / factor, side))
        for low, high, factor, side in zip(view.before[:2], view.before[2:], shrunk, image.size, strict=True)
    )
    box = math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)
    left, top, right, bottom = left - box[0], top - box[1], right - box[0], bottom - box[1]
    if not native.available():
        inner = left, top, right, bottom
        return image.cut(box).resize(view.target, Image.Resampling.LANCZOS, inner).crop(view.after)
    across, down = (right - left) / view.target[0], (bottom - top) / view.target[1]
    return native.resampled(
        image.strips(box),
        size_of(box),
        image.layout,
        (left + view.after[0] * across, top + view.after[1] * down),
        (across, down),
        size_of(view.after),
        squared=across >= 1 and down >= 1,
    )


def round_half_up(value: float) -> int:
    """Alibaba OSS rounds half up; Python's `round` does not."""
    return math.floor(value + 0.5)


def rotated_size(size: Size, degrees: float) -> Size:
    """The canvas that holds all of a picture of `size` turned by `degrees`: Pillow's, to the pixel."""
    sine, cosine = abs(math.sin(math.radians(degrees))), abs(math.cos(math.radians(degrees)))
    width, height = size
    return _grown(width, width * cosine + height * sine), _grown(height, width * sine + height * cosine)


def _grown(side: int, extent: float) -> int:
    """Whole pixels that a stretch of `extent` touches when its middle lies on the middle of `side`."""
    # 1e-9: no pixel more out of rounding, when the stretch ends on a pixel's edge.
    return math.ceil((side + extent) / 2 - 1e-9) - math.floor((side - extent) / 2 + 1e-9)


def rotated(image: Image.Image, degrees: float, fill: tuple[int, ...]) -> Image.Image:
    """Turn clockwise around the centre, bicubic, on a canvas that grows; `fill` has a value for each band."""
    canvas = rotated_size(image.size, degrees)
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    x, y = (image.width - 1) / 2, (image.height - 1) / 2
    left, top = (canvas[0] - 1) / 2, (canvas[1] - 1) / 2
    if native.available() and image.mode != "L":
        back = (cosine, sine, x - cosine * left - sine * top, -sine, cosine, y + sine * left - cosine * top)
        return native.affine(Raster.of(image), back, bytes(fill).ljust(4, b"\xff"), canvas)
    return _with_weighed_colours(
        image,
        lambda pixels: pixels.affine(
            [cosine, -sine, sine, cosine],
            interpolate=vips().Interpolate.new("bicubic"),
            odx=left - cosine * x + sine * y,
            ody=top - sine * x - cosine * y,
            oarea=[0, 0, *canvas],
            background=[value * (fill[3:] or (255,))[0] // 255 for value in fill[:3]] + list(fill[3:]),
            premultiplied=True,
        ),
    )


def blurred(image: Image.Image, radius: int, sigma: float) -> Image.Image:
    """Gaussian blur whose bell ends `radius` pixels from its middle."""
    bell = [round(255 * math.exp(-(distance**2) / (2 * sigma**2))) for distance in range(-radius, radius + 1)]
    mask = vips().Image.new_from_array([bell], scale=sum(bell))
    return _with_weighed_colours(image, lambda pixels: pixels.convsep(mask, precision="integer"))


def _with_weighed_colours(image: Image.Image, change: Callable[["pyvips.Image"], "pyvips.Image"]) -> Image.Image:
    """Do `change` to a picture whose colours are multiplied by its alpha: what is transparent lends no colour."""
    pixels = to_vips(image)
    if image.mode == "RGBA":
        # Whole numbers: interpolating floats takes a third longer, blurring them ten times as long.
        pixels = change(pixels.premultiply().cast("uchar"))
        return to_pillow(pixels.unpremultiply().cast("uchar"))
    return to_pillow(change(pixels))


def rounded_mask(size: Size, radius: float) -> Image.Image:
    """A rectangle with round corners, 255 inside and 0 outside; smooth at the edge."""
    low, high = [-0.5, -0.5], [size[0] - 0.5, size[1] - 0.5]  # pixels lie at whole numbers
    distance = vips().Image.sdf(*size, "rounded-box", a=low, b=high, corners=[radius] * 4)
    return to_pillow((127.5 - distance * 255).cast("uchar"))


def attention_box(image: Image.Image, size: Size) -> Box:
    """The box of `size` in `image` that people look at first: edges, skin and strong colours (libvips' smartcrop)."""
    kept = to_vips(image).smartcrop(*size, interesting="attention")
    left, top = -kept.xoffset, -kept.yoffset
    return left, top, left + size[0], top + size[1]


def tiled(tile: Image.Image, gap: Size, size: Size, origin: tuple[int, int]) -> Image.Image:
    """An RGBA tile repeated `gap` apart over a canvas of `size`, in every direction from `origin`."""
    width, height = tile.width + gap[0], tile.height + gap[1]
    left, top = -origin[0] % width, -origin[1] % height
    across, down = math.ceil((left + size[0]) / width), math.ceil((top + size[1]) / height)
    spaced = to_vips(tile).embed(0, 0, width, height, extend="background", background=[0, 0, 0, 0])
    return to_pillow(spaced.replicate(across, down).crop(left, top, *size))
