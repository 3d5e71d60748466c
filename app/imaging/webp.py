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

ABI = 0x0209  # of <webp/decode.h>, since 2021; what is kept in reserve makes room for later ones
COLOURS = {3: 0, 4: 1}  # MODE_RGB, MODE_RGBA


class _Config(ctypes.Structure):
    """`WebPDecoderConfig`, as far as it is used here."""

    _fields_ = (
        ("input", ctypes.c_int * 10),
        ("colours", ctypes.c_int),
        ("size", ctypes.c_int * 2),
        ("is_external", ctypes.c_int),
        ("pixels", ctypes.c_void_p),
        ("stride", ctypes.c_int),
        ("length", ctypes.c_size_t),
        ("planes", ctypes.c_size_t * 10),  # and what is kept in reserve
        ("bypass_filtering", ctypes.c_int),
        ("no_fancy_upsampling", ctypes.c_int),
        ("others", ctypes.c_int * 64),
    )


def decode(source: bytes, size: Size, bands: int, *, roughly: bool) -> memoryview | None:
    """The pixels, row by row, RGB or RGBA as `bands` says.

    `roughly` does without what smooths the edges of blocks, in a tenth less time.
    None for an animation, for what is broken, and where Pillow has no libwebp that can be called: libvips says what
    becomes of these.
    """
    library, config = _library(), _Config()
    if library is None or not library.WebPInitDecoderConfigInternal(ctypes.byref(config), ABI):
        return None
    out = native.uninitialised(size[0] * size[1] * bands)
    config.colours, config.is_external = COLOURS[bands], 1
    config.pixels = ctypes.addressof(ctypes.c_char.from_buffer(out))
    config.stride, config.length = size[0] * bands, len(out)
    config.bypass_filtering = config.no_fancy_upsampling = roughly
    failed = library.WebPDecode(source, len(source), ctypes.byref(config))
    # A smaller picture would show what the memory held before.
    return None if failed or tuple(config.size) != size else memoryview(out)


@functools.cache
def _library() -> Any:
    module = importlib.util.find_spec("PIL._webp")
    try:
        library = ctypes.CDLL(module.origin if module else "")  # what it is linked with can be called through it
        library.WebPInitDecoderConfigInternal.argtypes = [ctypes.c_void_p, ctypes.c_int]
        library.WebPDecode.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p]
    except (OSError, AttributeError):
        return None
    return library
