"""What the boxes of a HEIC or AVIF say that decoders do not pass on (ISO/IEC 14496-12, 23008-12)."""

import struct
from collections.abc import Iterator

Span = tuple[int, int]  # where the content of a box starts and ends
REPEATED = 1  # flag of an edit list: its one segment is played again and again
ENDLESS = {0: 0xFFFFFFFF, 1: 0xFFFFFFFFFFFFFFFF}  # durations, by version of the box
MAX_BOXES = 10_000


def nclx(source: bytes) -> tuple[int, int] | None:
    """Colour primaries and transfer function (ITU-T H.273) of the primary picture; None where it has an ICC profile."""
    try:
        return _nclx(source)
    except (struct.error, IndexError):
        return None


def plays(source: bytes) -> int:
    """How often the animation of an AVIF runs, 0 for ever: by its edit list, and for ever where it has none."""
    try:
        return _plays(source)
    except (struct.error, IndexError, ZeroDivisionError):
        return 0


def _nclx(source: bytes) -> tuple[int, int] | None:
    meta = _find(source, (0, len(source)), b"meta")
    if meta is None:
        return None
    inner = (meta[0] + 4, meta[1])  # after version and flags
    primary, properties = _find(source, inner, b"pitm"), _find(source, inner, b"iprp")
    if primary is None or properties is None:
        return None
    item = int.from_bytes(source[primary[0] + 4 : primary[0] + (8 if source[primary[0]] else 6)], "big")
    container = _find(source, properties, b"ipco")
    if container is None:
        return None
    boxes = list(_boxes(source, container))
    own = [boxes[index - 1] for index in _associated(source, properties, item) if 0 < index <= len(boxes)]
    # A grid may leave it to its tiles.
    colours = [box for box in own if box[0] == b"colr"] or [box for box in boxes if box[0] == b"colr"]
    kinds = {source[start : start + 4]: start for _, start, _ in colours}
    if b"nclx" not in kinds or b"prof" in kinds or b"rICC" in kinds:
        return None
    primaries, transfer = struct.unpack_from(">HH", source, kinds[b"nclx"] + 4)
    return primaries, transfer


def _associated(source: bytes, properties: Span, item: int) -> Iterator[int]:
    """Numbers of the properties of an item, from 1 (ItemPropertyAssociationBox)."""
    for kind, start, _ in _boxes(source, properties):
        if kind != b"ipma":
            continue
        wide_id, wide_index = source[start] >= 1, source[start + 3] & 1
        (entries,) = struct.unpack_from(">I", source, start + 4)
        at = start + 8
        for _ in range(min(entries, MAX_BOXES)):
            (own,) = struct.unpack_from(">I" if wide_id else ">H", source, at)
            at += 4 if wide_id else 2
            count = source[at]
            at += 1
            for _ in range(count):
                if own == item:
                    yield (struct.unpack_from(">H", source, at)[0] & 0x7FFF) if wide_index else source[at] & 0x7F
                at += 2 if wide_index else 1


def _plays(source: bytes) -> int:
    track = _find(source, (0, len(source)), b"moov", b"trak")
    header, edits = (_find(source, track, b"tkhd"), _find(source, track, b"edts", b"elst")) if track else (None, None)
    if header is None or edits is None:
        return 0
    if not source[edits[0] + 3] & REPEATED:
        return 1
    version = source[header[0]]
    whole: int
    (whole,) = struct.unpack_from(">Q" if version else ">I", source, header[0] + (28 if version else 20))
    if whole == ENDLESS[1 if version else 0]:
        return 0
    segment: int
    (segment,) = struct.unpack_from(">Q" if source[edits[0]] else ">I", source, edits[0] + 8)
    return -(-whole // segment)


def _find(source: bytes, span: Span, *path: bytes) -> Span | None:
    """The first box at the end of `path`."""
    for kind, start, end in _boxes(source, span):
        if kind == path[0]:
            return (start, end) if len(path) == 1 else _find(source, (start, end), *path[1:])
    return None


def _boxes(source: bytes, span: Span) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of the content of each box in `span`."""
    at, end = span
    for _ in range(MAX_BOXES):
        if at + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", source, at)
        head = 8
        if size == 1:
            (size,), head = struct.unpack_from(">Q", source, at + 8), 16
        elif size == 0:
            size = end - at
        if size < head:
            return
        yield kind, at + head, min(at + size, end)
        at += size
