"""What a file's own marks say of its cost, counted without decoding: scans, chunks, frames, directories."""

import re
import struct
from collections.abc import Callable, Iterator

from imgfn.core.faults import ImageTooLarge
from imgfn.imaging.limits import Limits

MAX_PNG_CHUNKS = 100_000
MAX_PNG_TEXTS = 32  # each may inflate to megabytes
# Inside a scan FF is followed by 00 or a restart marker, or fills up (ITU-T T.81, B.1.1.2 and B.1.1.5).
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_BARE_MARKERS = {0x00, 0x01, *range(0xD0, 0xD9)}  # nothing follows them


def frames_of(source: bytes, format_name: str, limits: Limits) -> int:
    """How many frames or pages the file announces, as far as the decoder would have to walk to know it.

    Counting stops past the limit. Raises ImageTooLarge where the file has more scans or chunks than a decoder should
    be asked to read, and anything where it ends too early.
    """
    count = _COUNTERS.get(format_name)
    return count(source, limits) if count else 1


def _jpeg(source: bytes, limits: Limits) -> int:
    scans = 0
    for marker, _ in jpeg_segments(source):
        scans += marker == 0xDA
        if scans > limits.max_scans:
            raise ImageTooLarge(
                f"the JPEG has more than {limits.max_scans} scans", expected=f"at most {limits.max_scans} scans"
            )
    return 1


def jpeg_segments(source: bytes) -> Iterator[tuple[int, int]]:
    """The marker of each segment, and where what follows it begins: of a scan its pixels.

    Up to the end of the image (D9), or as far as there are segments: a motion photo has a film behind it, and that any
    bytes.
    """
    position = 2
    while position + 2 <= len(source):
        if source[position] != 0xFF:
            return
        marker = source[position + 1]
        if marker == 0xD9:
            yield marker, position + 2
            return
        if marker == 0xFF or marker in _BARE_MARKERS:
            position += 1 if marker == 0xFF else 2
            continue
        if position + 4 > len(source):
            return
        position += 2 + int.from_bytes(source[position + 2 : position + 4], "big")
        yield marker, position
        if marker == 0xDA:
            following = _MARKER.search(source, position)
            position = following.start() if following else len(source)


def _png(source: bytes, limits: Limits) -> int:  # noqa: ARG001  all counters are called alike
    """Frames by the acTL chunk of APNG; one where there is none."""
    frames, texts = 1, 0
    for chunks, (kind, start, length) in enumerate(png_chunks(source), 1):
        texts += kind in (b"zTXt", b"iTXt", b"iCCP")
        if kind == b"acTL" and length >= 8:
            frames = max(1, int.from_bytes(source[start : start + 4], "big"))
        if chunks > MAX_PNG_CHUNKS or texts > MAX_PNG_TEXTS:
            raise ImageTooLarge("the PNG has too many chunks", expected=f"at most {MAX_PNG_TEXTS} compressed texts")
    return frames


def png_chunks(source: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The kind of each chunk, where its data start, and how many bytes it says these are."""
    position = 8
    while position + 8 <= len(source):
        length = int.from_bytes(source[position : position + 4], "big")
        yield source[position + 4 : position + 8], position + 8, length
        position += 12 + length


def _gif(source: bytes, limits: Limits) -> int:
    """GIF89a, section 17 to 23: image blocks and extensions, each a chain of sub-blocks of at most 255 bytes."""
    frames, position = 0, 13 + _gif_colours(source[10])
    while position < len(source) and frames <= limits.max_frames:
        block = source[position]
        if block == 0x2C:
            frames += 1
            position += 11 + _gif_colours(source[position + 9])
        elif block == 0x21:
            position += 2
        else:
            break
        while position < len(source) and source[position]:
            position += source[position] + 1
        position += 1
    return max(1, frames)


def _gif_colours(flags: int) -> int:
    """Bytes of the colour table that these flags announce."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _tiff(source: bytes, limits: Limits) -> int:
    """Image file directories of a TIFF 6.0 or BigTIFF."""
    order = "<" if source[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", source, 2)[0] == 43
    (position,) = struct.unpack_from(order + ("Q" if big else "I"), source, 8 if big else 4)
    seen: set[int] = set()
    while position and position not in seen and len(seen) <= limits.max_frames:
        seen.add(position)
        (entries,) = struct.unpack_from(order + ("Q" if big else "H"), source, position)
        following = position + (8 + 20 * entries if big else 2 + 12 * entries)
        if following + 4 > len(source):
            break
        (position,) = struct.unpack_from(order + ("Q" if big else "I"), source, following)
    return max(1, len(seen))


_COUNTERS: dict[str, Callable[[bytes, Limits], int]] = {"jpg": _jpeg, "png": _png, "gif": _gif, "tiff": _tiff}
