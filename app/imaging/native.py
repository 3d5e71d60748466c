"""The loops of native.c as functions. hatch_build.py compiles it; `available()` says whether that was possible."""

import ctypes
import functools
from pathlib import Path
from typing import Any

from app.core.picture import Size

LIBRARY = Path(__file__).with_name("libnative.so")
Back = tuple[float, float, float, float, float, float]


def available() -> bool:
    """Whether the functions below can be called."""
    return LIBRARY.exists()


def affine(pixels: bytes, size: Size, back: Back, fill: bytes, has_alpha: bool, canvas: Size) -> bytearray:
    """A picture of `canvas` whose pixel (X, Y) is taken from (a X + b Y + c, d X + e Y + f), bicubic.

    `pixels` has 4 bytes for each pixel, and so has the result; around the picture lies `fill`. With `has_alpha` the
    fourth byte weighs the colours, else it is only carried along.
    """
    if len(pixels) != size[0] * size[1] * 4 or len(fill) != 4:
        raise ValueError("pixels of 4 bytes are wanted")
    out = bytearray(canvas[0] * canvas[1] * 4)
    _library().imgfn_affine(pixels, *size, (ctypes.c_double * 6)(*back), fill, has_alpha, _at(out), *canvas)
    return out


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
    reading, number, size = ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t
    writing, numbers = ctypes.POINTER(ctypes.c_char), ctypes.POINTER(ctypes.c_double)
    library.imgfn_affine.argtypes = [reading, number, number, numbers, reading, number, writing, number, number]
    library.imgfn_affine.restype = None
    library.imgfn_unfilter.argtypes = [reading, size, size, size, writing]
    library.imgfn_unfilter.restype = number
    library.imgfn_filter.argtypes = [reading, size, size, size, size, writing]
    library.imgfn_filter.restype = None
    return library
