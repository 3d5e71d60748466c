"""The pixels of a still WebP in half of Pillow's time, by the very libwebp that Pillow brings along.

Pillow decodes every WebP as an animation: to four bytes a pixel, onto a canvas, which is copied twice.
https://developers.google.com/speed/webp/docs/api
"""

import ctypes
import functools
import importlib.util
from typing import Any

from imgfn.core.output import Size
from imgfn.imaging import native
from imgfn.imaging.raster import BYTES, Raster

ABI = 0x0209  # of <webp/decode.h>, since 2021; what is kept in reserve makes room for later ones
COLOURS = {"RGB": 0, "RGBA": 1}  # MODE_RGB, MODE_RGBA
ANIMATION, EXIF, PROFILE = 0x02, 0x08, 0x20  # https://developers.google.com/speed/webp/docs/riff_container


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


class _Features(ctypes.Structure):
    """`WebPBitstreamFeatures`."""

    _fields_ = (
        *((name, ctypes.c_int) for name in ("width", "height", "has_alpha", "has_animation", "format")),
        ("reserved", ctypes.c_uint32 * 5),
    )


def plain_header(source: bytes) -> tuple[Size, bool] | None:
    """The size, and whether there is alpha, of a still picture that is all there and has no EXIF record.

    Twice as fast as libvips, which says what becomes of all others: None.
    """
    library, features = _library(), _Features()
    whole = len(source) >= 8 + int.from_bytes(source[4:8], "little")
    if library is None or not whole or _flags(source) & (ANIMATION | EXIF):
        return None
    if library.WebPGetFeaturesInternal(source, len(source), ctypes.byref(features), ABI) or features.has_animation:
        return None
    return (features.width, features.height), bool(features.has_alpha)


def has_profile(source: bytes) -> bool:
    """Whether it says that it has a colour profile."""
    return bool(_flags(source) & PROFILE)


def _flags(source: bytes) -> int:
    return source[20] if source[12:16] == b"VP8X" else 0


def decode(source: bytes, size: Size, layout: str, *, roughly: bool) -> Raster | None:
    """The pixels, RGB or RGBA as `layout` says.

    `roughly` does without what smooths the edges of blocks, in a tenth less time.
    None for an animation, for what is broken, and where Pillow has no libwebp that can be called: libvips says what
    becomes of these.
    """
    library, config = _library(), _Config()
    if library is None or not library.WebPInitDecoderConfigInternal(ctypes.byref(config), ABI):
        return None
    out = native.uninitialised(size[0] * size[1] * BYTES[layout])
    made = Raster(size, layout, out)
    config.colours, config.is_external = COLOURS[layout], 1
    config.pixels, config.stride, config.length = made.address, made.row_bytes, len(out)
    config.bypass_filtering = config.no_fancy_upsampling = roughly
    failed = library.WebPDecode(source, len(source), ctypes.byref(config))
    # A smaller picture would show what the memory held before.
    return None if failed or tuple(config.size) != size else made


@functools.cache
def _library() -> Any:
    module = importlib.util.find_spec("PIL._webp")
    try:
        library = ctypes.CDLL(module.origin if module else "")  # what it is linked with can be called through it
        library.WebPInitDecoderConfigInternal.argtypes = [ctypes.c_void_p, ctypes.c_int]
        library.WebPDecode.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p]
        library.WebPGetFeaturesInternal.argtypes = [*library.WebPDecode.argtypes, ctypes.c_int]
    except (OSError, AttributeError):
        return None
    return library
