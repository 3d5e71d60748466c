"""The loops in C as functions. hatch_build.py compiles them; `available()` says whether that was possible."""

import ctypes
import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from imgfn.core.output import Size
from imgfn.imaging.raster import BYTES, Raster

LIBRARY = Path(__file__).with_name("libnative.so")
Place = tuple[float, float]  # across, down
LARGEST = 1 << 30  # coordinate, in pixels, that the loops can count to
Back = tuple[float, float, float, float, float, float]


def available() -> bool:
    """Whether the functions below can be called."""
    return LIBRARY.exists()


def affine(raster: Raster, back: Back, fill: bytes, canvas: Size) -> Image.Image:
    """A picture of `canvas` whose pixel (X, Y) is taken from (a X + b Y + c, d X + e Y + f), bicubic.

    `raster` is RGBX or RGBA, and the result RGB or RGBA; around the picture lies `fill`. Alpha weighs the colours.
    """
    if raster.layout not in ("RGBX", "RGBA") or len(fill) != 4:
        raise ValueError("pixels of 4 bytes are wanted")
    for a, b, c in (back[:3], back[3:]):
        if not abs(a) * canvas[0] + abs(b) * canvas[1] + abs(c) < LARGEST:  # as no comparison with NaN is
            raise ValueError("this lies too far away")
    image, made = Raster.blank(raster.mode, canvas)
    has_alpha = raster.layout == "RGBA"
    _library().imgfn_affine(
        raster.address, *raster.size, (ctypes.c_double * 6)(*back), fill, has_alpha, made.address, *canvas
    )
    return image


def resampled(
    strips: Iterable[Raster], size: Size, layout: str, start: Place, step: Place, canvas: Size, *, squared: bool
) -> Image.Image:
    """A picture of `canvas`; each pixel stands for a box of `step` pixels, the first one's from `start` on: Lanczos.

    `strips` are all rows of a picture of `size`, from the top on; 4 goes into the number of each one's, but for the
    last. `layout` is L, RGB, RGBX or RGBA, and the result L, RGB or RGBA. Alpha weighs the colours. With `squared`
    light is added up: what is stored grows about as the root of it. Raises MemoryError.
    """
    # No comparison with NaN is true.
    in_reach = all(
        pace > 0 and abs(first) + pace * (length + 4) < LARGEST
        for first, pace, length in zip(start, step, canvas, strict=True)
    )
    if layout == "LA" or min(*size, *canvas) <= 0 or not in_reach:
        raise ValueError("there is no such picture")
    image, made = Raster.blank("RGB" if layout == "RGBX" else layout, canvas)
    library, numbers = _library(), ctypes.c_double * 2
    state = library.imgfn_resampler(
        *size, BYTES[layout], numbers(*start), numbers(*step), layout == "RGBA", squared, *canvas
    )
    if not state:
        raise MemoryError
    try:
        left = size[1]
        for strip in strips:
            left -= strip.size[1]
            if (strip.size[0], strip.layout) != (size[0], layout) or left < 0 or (left and strip.size[1] % 4):
                raise ValueError("this is no strip of that picture")
            library.imgfn_add(state, strip.address, strip.row_bytes, strip.size[1], made.address)
        if left:
            raise ValueError("the strips end too early")
    finally:
        library.imgfn_forget(state)
    return image


def unfilter(raw: bytes, bands: int, length: int, out: bytearray, row: int) -> None:
    """Undo the filters of all whole rows in `raw`, the scanlines of a PNG of 8 bits; `length` bytes are in a bare row.

    They become the rows from `row`, at least 1, on in `out`; the row above has to be there, zeros for the first.
    Raises ValueError for a filter that PNG has not got.
    """
    rows = len(raw) // (length + 1)
    if not 1 <= bands <= 4 or length % bands or row < 1 or (row + rows) * length > len(out):
        raise ValueError("the rows do not fit")
    if _library().imgfn_unfilter(raw, rows, length, bands, _at(out, row * length)):
        raise ValueError("PNG has no such filter")


def filtered(pixels: bytes, bands: int, length: int, row: int, rows: int) -> bytearray:
    """So many rows of `length` bytes, from `row` on, as the scanlines of a PNG of 8 bits, filtered."""
    if not 1 <= bands <= length or row < 0 or (row + rows) * length > len(pixels):
        raise ValueError("there are no such rows")
    out = uninitialised(rows * (length + 1))
    _library().imgfn_filter(pixels, row, rows, length, bands, _at(out))
    return out


def uninitialised(length: int) -> bytearray:
    """Bytes that are about to be written, every one: zeroing those of a photograph takes a millisecond."""
    make = ctypes.pythonapi.PyByteArray_FromStringAndSize
    make.argtypes, make.restype = [ctypes.c_char_p, ctypes.c_ssize_t], ctypes.py_object
    out: bytearray = make(None, length)
    return out


def _at(buffer: bytearray, offset: int = 0) -> Any:
    return ctypes.byref(ctypes.c_char.from_buffer(buffer, offset))


@functools.cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(LIBRARY))
    address, reading, number, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t
    writing, numbers = ctypes.POINTER(ctypes.c_char), ctypes.POINTER(ctypes.c_double)
    library.imgfn_resampler.argtypes = [number, number, number, numbers, numbers, number, number, number, number]
    library.imgfn_resampler.restype = address
    library.imgfn_add.argtypes = [address, address, size, number, address]
    library.imgfn_add.restype = None
    library.imgfn_forget.argtypes = [address]
    library.imgfn_forget.restype = None
    library.imgfn_affine.argtypes = [address, number, number, numbers, reading, number, address, number, number]
    library.imgfn_affine.restype = None
    library.imgfn_unfilter.argtypes = [reading, size, size, size, writing]
    library.imgfn_unfilter.restype = number
    library.imgfn_filter.argtypes = [reading, size, size, size, size, writing]
    library.imgfn_filter.restype = None
    return library
