"""Common PNG files, read in two thirds and written in a third of libvips' time by ISA-L and loops in C.

https://www.w3.org/TR/png-3/
"""

import struct
import zlib
from collections.abc import Iterator

from isal import igzip_lib, isal_zlib

from app.core.picture import Size
from app.imaging import native
from app.imaging.raster import BYTES, Raster
from app.imaging.structure import png_chunks

LAYOUTS = {0: "L", 2: "RGB", 4: "LA", 6: "RGBA"}  # by colour type
MOST_PIXELS = 16_000_000  # libvips holds a few rows of a larger one, this decoder all of them
COLOURS = {BYTES[layout]: colours for colours, layout in LAYOUTS.items()}
LEVEL = 2  # of ISA-L's; 3 takes longer for as many bytes
DRAWN = 1 / 16  # of the bytes of its pixels: what becomes smaller than that was drawn, and zlib makes half of it
STRIP_BYTES = 128 * 1024  # at once: what was inflated is still in the cache when it is unfiltered, and so back


def decode(source: bytes) -> Raster | None:
    """The pixels of a PNG of 8 bits for each band, without palette, interlace or transparent colour.

    None for every other file, and for one with anything broken: libvips says what becomes of these.
    """
    if not native.available():
        return None
    width, height, depth, colours, _, _, interlace = struct.unpack_from(">IIBBBBB", source, 16)
    chunks = list(png_chunks(source))
    plain = depth == 8 and colours in LAYOUTS and not interlace and not any(kind == b"tRNS" for kind, _, _ in chunks)
    if not plain or width * height > MOST_PIXELS:
        return None
    data = (memoryview(source)[start : start + length] for kind, start, length in chunks if kind == b"IDAT")
    try:
        bands = BYTES[LAYOUTS[colours]]
        pixels = _pixels(b"".join(data), width * bands, height, bands)
    except (igzip_lib.IsalError, EOFError, ValueError):  # type: ignore[misc]  # its stub calls the class an instance
        return None
    return Raster((width, height), LAYOUTS[colours], pixels)


def has_profile(source: bytes) -> bool:
    """Whether it has a colour profile."""
    return any(kind == b"iCCP" for kind, _, _ in png_chunks(source))


def _pixels(deflated: bytes, length: int, height: int, bands: int) -> memoryview:
    """Rows of `length` bytes. Raises IsalError, EOFError or ValueError where there are not `height` of them."""
    out = native.uninitialised((height + 1) * length)
    out[:length] = bytes(length)  # which the first row's filter looks at
    inflater = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_ZLIB)
    at_once = _rows_at_once(length)
    for row in range(1, height + 1, at_once):
        rows = min(at_once, height + 1 - row)
        raw = inflater.decompress(deflated, rows * (length + 1))
        if len(raw) < rows * (length + 1):
            raise ValueError("the pixels end too early")
        native.unfilter(raw, bands, length, out, row)
        deflated = b""  # the inflater keeps what it has not used
    return memoryview(out)[length:]


def encode(pixels: bytes, size: Size, bands: int, icc: bytes | None) -> bytes | None:
    """A PNG of 8 bits for each band, of `pixels` row by row.

    None for what libvips makes much smaller, flat drawings, and where the loops in C could not be compiled.
    """
    if not native.available():
        return None
    width, height = size
    data = b"".join(_deflated(pixels, width * bands, height, bands))
    if len(data) < len(pixels) * DRAWN:
        return None
    header = struct.pack(">IIBBBBB", width, height, 8, COLOURS[bands], 0, 0, 0)
    profile = [_chunk(b"iCCP", b"icc\0\0" + zlib.compress(icc))] if icc else []
    return b"".join(
        [b"\x89PNG\r\n\x1a\n", _chunk(b"IHDR", header), *profile, _chunk(b"IDAT", data), _chunk(b"IEND", b"")]
    )


def _deflated(pixels: bytes, length: int, height: int, bands: int) -> Iterator[bytes]:
    deflater = isal_zlib.compressobj(LEVEL)
    at_once = _rows_at_once(length)
    for row in range(0, height, at_once):
        yield deflater.compress(native.filtered(pixels, bands, length, row, min(at_once, height - row)))
    yield deflater.flush()


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = isal_zlib.crc32(content, isal_zlib.crc32(kind))
    return b"".join([struct.pack(">I", len(content)), kind, content, struct.pack(">I", check)])


def _rows_at_once(length: int) -> int:
    return max(1, STRIP_BYTES // (length + 1) // 2) * 2  # even: rows are unfiltered two by two
