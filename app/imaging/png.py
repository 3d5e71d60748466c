"""The pixels of common PNG files in two thirds of libvips' time: inflated by ISA-L, unfiltered by native.c.

https://www.w3.org/TR/png-3/
"""

import struct

from isal import igzip_lib

from app.imaging import native
from app.imaging.structure import png_chunks

BANDS = {0: 1, 2: 3, 4: 2, 6: 4}  # by colour type: L, RGB, LA, RGBA
MOST_PIXELS = 16_000_000  # libvips holds a few rows of a larger one, this decoder all of them
STRIP_BYTES = 128 * 1024  # inflated at once: they are still in the cache when they are unfiltered


def decode(source: bytes) -> memoryview | None:
    """The pixels, row by row, of a PNG of 8 bits for each band, without palette, interlace or transparent colour.

    None for every other file, and for one with anything broken: libvips says what becomes of these.
    """
    if not native.available():
        return None
    width, height, depth, colours, _, _, interlace = struct.unpack_from(">IIBBBBB", source, 16)
    chunks = list(png_chunks(source))
    plain = depth == 8 and colours in BANDS and not interlace and not any(kind == b"tRNS" for kind, _, _ in chunks)
    if not plain or width * height > MOST_PIXELS:
        return None
    data = (memoryview(source)[start : start + length] for kind, start, length in chunks if kind == b"IDAT")
    try:
        return _pixels(b"".join(data), width * BANDS[colours], height, BANDS[colours])
    except (igzip_lib.IsalError, EOFError, ValueError):  # type: ignore[misc]  # its stub calls the class an instance
        return None


def _pixels(deflated: bytes, length: int, height: int, bands: int) -> memoryview:
    """Rows of `length` bytes. Raises IsalError, EOFError or ValueError where there are not `height` of them."""
    out = bytearray((height + 1) * length)  # the first row's filter looks at a row of zeros
    inflater = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_ZLIB)
    at_once = max(1, STRIP_BYTES // (length + 1))
    for row in range(1, height + 1, at_once):
        rows = min(at_once, height + 1 - row)
        raw = inflater.decompress(deflated, rows * (length + 1))
        if len(raw) < rows * (length + 1):
            raise ValueError("the pixels end too early")
        native.unfilter(raw, bands, length, out, row)
        deflated = b""  # the inflater keeps what it has not used
    return memoryview(out)[length:]
