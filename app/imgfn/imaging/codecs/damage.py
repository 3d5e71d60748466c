"""Finds by their structure files that end early or are damaged beside their pixels."""

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PIL import ImageFile

from imgfn.core.faults import BadImage
from imgfn.imaging.codecs.structure import jpeg_segments, png_chunks

ENDS_EARLY = "the file ends early; what is missing is left empty"
DAMAGED = "the file is damaged; it is shown as far as it can be read"
BAD_CHUNKS = "data beside the pixels are damaged and were passed over"
CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"fdAT", b"fcTL", b"acTL")  # https://www.w3.org/TR/png-3/


def damage_of(source: bytes, format_name: str) -> tuple[str, ...]:
    """Notes on what is wrong with a file, without decoding; none where it looks whole.

    Raises BadImage where it ends before the first pixel, and anything where it is no such file.
    """
    look = _LOOKS.get(format_name)
    return look(source) if look else ()


@contextmanager
def strictly() -> Iterator[None]:
    """Have decoders refuse what they otherwise show in part: Pillow and, by `open_libvips`, libvips.

    Of the whole process, since it is so in Pillow; renderers run one job at a time.
    """
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _jpeg(source: bytes) -> tuple[str, ...]:
    scanned = False
    for marker, position in jpeg_segments(source):
        scanned = scanned or (marker == 0xDA and position < len(source))
        if marker == 0xD9:
            break
    else:
        if not scanned:
            raise BadImage("the image ends before its first pixel")
        return (ENDS_EARLY,)
    return ()


def _png(source: bytes) -> tuple[str, ...]:
    notes, kind = [], b""
    for kind, start, length in png_chunks(source):
        end = start + length
        if end + 4 > len(source):
            break
        if kind not in CRITICAL and BAD_CHUNKS not in notes:
            check = zlib.crc32(memoryview(source)[start - 4 : end])
            if check != int.from_bytes(source[end : end + 4], "big"):
                notes.append(BAD_CHUNKS)
        if kind == b"IEND":
            return tuple(notes)
    if kind == b"IEND" and not any(length for found, _, length in png_chunks(source) if found == b"IDAT"):
        raise BadImage("the image ends before its first pixel")
    if not png_has_a_row(source):
        raise BadImage("the image ends before its first pixel")
    return (ENDS_EARLY, *notes)


def png_has_a_row(source: bytes) -> bool:
    """Whether the first row of pixels can be inflated."""
    width, _, depth, colours = struct.unpack_from(">IIBB", source, 16)
    bands = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colours, 1)
    row = 1 + (width * bands * depth + 7) // 8
    inflater = zlib.decompressobj()
    left: int = row
    try:
        for kind, start, length in png_chunks(source):
            if kind == b"IDAT" and left > 0:
                left -= len(inflater.decompress(source[start : start + length], left))
    except zlib.error:
        pass
    return left <= 0


def _gif(source: bytes) -> tuple[str, ...]:
    """GIF89a, 27: the trailer comes last. What stands in blocks is passed over."""
    position, frames = 13 + _colours(source[10]), 0
    while position < len(source):
        block = source[position]
        if block == 0x3B:
            return ()
        if block == 0x2C and position + 9 < len(source):
            frames += 1
            position += 11 + _colours(source[position + 9])
        elif block == 0x21:
            position += 2
        else:
            break
        while position < len(source) and source[position]:
            position += source[position] + 1
        position += 1
    if not frames:
        raise BadImage("the image ends before its first pixel")
    return (ENDS_EARLY,)


def _colours(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _bmp(source: bytes) -> tuple[str, ...]:
    """Bare rows, each of whole 32-bit words; packed ones do not say how long they are."""
    start, head, width, height, _, depth, packed = struct.unpack_from("<IIiiHHI", source, 10)
    if head < 40 or packed not in (0, 3, 6):
        return ()
    missing = start + (width * depth + 31) // 32 * 4 * abs(height) - len(source)
    if start >= len(source):
        raise BadImage("the image ends before its first pixel")
    return (ENDS_EARLY,) if missing > 0 else ()


def _heif(source: bytes) -> tuple[str, ...]:
    """ISO/IEC 14496-12, 4.2: boxes, one after the other. No decoder shows a part of what lies in them."""
    position = 0
    while position + 8 <= len(source):
        size = int.from_bytes(source[position : position + 4], "big")
        if size == 1:
            size = int.from_bytes(source[position + 8 : position + 16], "big")
        if size < 8:  # 0: up to the end of the file
            break
        kind = source[position + 4 : position + 8]
        position += size
        if position > len(source) and kind in (b"mdat", b"meta", b"moov"):
            raise BadImage("the file ends early, and nothing of it can be shown")
    return ()


_LOOKS: dict[str, Callable[[bytes], tuple[str, ...]]] = {
    "jpg": _jpeg,
    "png": _png,
    "gif": _gif,
    "bmp": _bmp,
    "heic": _heif,
    "avif": _heif,
}
