"""Common PNG files, read in two thirds and written in a third of libvips' time by ISA-L and loops in C.

https://www.w3.org/TR/png-3/
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from isal import igzip_lib, isal_zlib
from PIL import Image

from imgfn.core.output import Box, Size
from imgfn.imaging import native
from imgfn.imaging.codecs.structure import png_chunks
from imgfn.imaging.raster import BYTES, Raster
from imgfn.imaging.view import size_of

LAYOUTS = {0: "L", 2: "RGB", 4: "LA", 6: "RGBA"}  # by colour type
COLOURS = {BYTES[layout]: colours for colours, layout in LAYOUTS.items()}
LEVEL = 2  # of ISA-L's; 3 takes longer for as many bytes
DRAWN = 1 / 16  # of the bytes of its pixels: what becomes smaller than that was drawn, and zlib makes half of it
PIECE_BYTES = 64 * 1024  # of what is deflated, at once
STRIP_BYTES = 128 * 1024  # at once: what was inflated is still in the cache when it is unfiltered, and so back


class Broken(Exception):
    """The pixels end too early, or are none."""


@dataclass(frozen=True)
class Rows:
    """The pixels of a PNG, decoded as they are asked for. Both methods raise Broken."""

    size: Size
    has_profile: bool  # of colours
    _stored: str  # its layout in the file
    _deflated: tuple[memoryview, ...]

    @property
    def layout(self) -> str:
        """L, RGB or RGBA."""
        return "RGBA" if self._stored == "LA" else self._stored

    def cut(self, box: Box) -> Image.Image:
        """What lies in `box`, as a picture of Pillow."""
        picture, row = Image.new(self.layout, size_of(box), None), 0
        for strip in self.strips(box):
            picture.paste(strip.picture(), (0, row))
            row += strip.size[1]
        return picture

    def strips(self, box: Box) -> Iterator[Raster]:
        """What lies in `box`, a few rows at a time, each in the memory of the one before."""
        width, (left, top, right, bottom) = self.size[0], box
        bands = BYTES[self._stored]
        length, inflater = width * bands, _Inflater(self._deflated)
        at_once = _rows_at_once(length)
        out = native.uninitialised((1 + at_once) * length)
        out[:length] = bytes(length)  # which the first row's filter looks at
        row = 0
        while row < bottom:
            rows = min(at_once, (top if row < top else bottom) - row)
            try:
                native.unfilter(inflater.read(rows * (length + 1)), bands, length, out, 1)
            except (igzip_lib.IsalError, EOFError, ValueError) as error:  # type: ignore[misc]  # its stub calls the class an instance
                raise Broken("the pixels cannot be read") from error
            if row >= top:
                strip = Raster((width, rows), self._stored, out, first=length).part((left, 0, right, rows))
                yield Raster.of(strip.picture().convert("RGBA")) if self._stored == "LA" else strip
            out[:length] = out[rows * length : (rows + 1) * length]
            row += rows


class _Inflater:
    """Bytes out of a zlib stream in pieces."""

    def __init__(self, deflated: Iterable[memoryview]) -> None:
        self._inflater = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_ZLIB)
        # It copies what it is given and does not need yet.
        self._pieces = (data[at : at + PIECE_BYTES] for data in deflated for at in range(0, len(data), PIECE_BYTES))

    def read(self, count: int) -> bytes:
        """So many bytes. Raises IsalError, and EOFError where there are fewer."""
        parts = []
        while count:
            hungry = self._inflater.needs_input
            piece = next(self._pieces, b"") if hungry else b""
            part = self._inflater.decompress(piece, count)
            if hungry and not (piece or part):
                raise EOFError
            parts.append(part)
            count -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def decode(source: bytes) -> Rows | None:
    """The pixels of a PNG of 8 bits for each band, without palette, interlace or transparent colour.

    None for every other file, and without the loops in C: libvips reads these.
    """
    if not native.available():
        return None
    width, height, depth, colours, _, _, interlace = struct.unpack_from(">IIBBBBB", source, 16)
    chunks = list(png_chunks(source))
    kinds = {kind for kind, _, _ in chunks}
    if depth != 8 or colours not in LAYOUTS or interlace or b"tRNS" in kinds:
        return None
    data = (memoryview(source)[start : start + length] for kind, start, length in chunks if kind == b"IDAT")
    return Rows((width, height), b"iCCP" in kinds, LAYOUTS[colours], tuple(data))


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
    return max(1, STRIP_BYTES // (length + 1) // 4) * 4  # as the resampler wants it
