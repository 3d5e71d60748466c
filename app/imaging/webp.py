"""The pixels of a still WebP in half of Pillow's time, by the very libwebp that Pillow brings along.

Pillow decodes every WebP as an animation: to four bytes a pixel, onto a canvas, which is copied twice.
https://developers.google.com/speed/webp/docs/api
"""

import ctypes
import functools
import importlib.util
from typing import Any

from app.core.picture import Size
from app.imaging import native


def decode(source: bytes, size: Size, bands: int) -> memoryview | None:
    """The pixels, row by row, RGB or RGBA as `bands` says.

    None for an animation, for what is broken, and where Pillow has no libwebp that can be called: libvips says what
    becomes of these.
    """
    library = _library()
    if library is None:
        return None
    width, height = size
    out = native.uninitialised(width * height * bands)
    into = ctypes.byref(ctypes.c_char.from_buffer(out))
    do = library.WebPDecodeRGBInto if bands == 3 else library.WebPDecodeRGBAInto
    return memoryview(out) if do(source, len(source), into, len(out), width * bands) else None


@functools.cache
def _library() -> Any:
    module = importlib.util.find_spec("PIL._webp")
    try:
        library = ctypes.CDLL(module.origin if module else "")  # what it is linked with can be called through it
        for do in (library.WebPDecodeRGBInto, library.WebPDecodeRGBAInto):
            do.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
            do.restype = ctypes.c_void_p
    except (OSError, AttributeError):
        return None
    return library
