"""Reads objects: whole or in part, in memory up to 1 MB, as a file where one is needed."""

import hashlib
import io
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import BinaryIO

from imgfn.core.faults import SourceChanged
from imgfn.core.formats import SNIFF_BYTES, sniff
from imgfn.core.key import Key
from imgfn.core.store import Opened, Stat, Store

SPOOL_BYTES = 1024 * 1024  # bodies larger than this lie on disk, not in memory
CHUNK_BYTES = 256 * 1024
OPAQUE = "application/octet-stream"  # of objects that are no pictures

Part = tuple[int, int]  # first byte, number of bytes
Choose = Callable[[int], Part | None]  # size of the whole -> which part of it is wanted; None: all of it


@dataclass(frozen=True)
class Content:
    """An answer: stored before, or just made. `chunks` give `part` of it, if there is one; `size` is the whole's."""

    chunks: Iterable[bytes]
    size: int
    content_type: str
    modified: datetime
    made: bool
    notes: tuple[str, ...] = ()
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    part: Part | None = None


def read(store: Store, key: Key, choose: Choose | None = None) -> Content:
    """What is stored under `key`, or the part that `choose` wants. Raises what the store raises, before any byte."""
    began = time.perf_counter()
    part = choose(store.stat(key).size) if choose else None
    start, length = part or (0, None)
    opened = store.open(key, start, length)
    stat = opened.stat
    if (length or stat.size) <= SPOOL_BYTES:
        with opened:
            chunks: Iterable[bytes] = (opened.body.read(),)
    else:
        chunks = BodyStream(opened)
    notes = tuple(note for note in (stat.meta.get("note"),) if note)
    milliseconds = {"store": (time.perf_counter() - began) * 1000}
    return Content(chunks, stat.size, stat.content_type, stat.modified, False, notes, milliseconds, part)


def read_original(store: Store, known: Stat, choose: Choose | None = None) -> Content:
    """As `read`, its type sniffed: what a bucket says of its objects anybody may have written.

    Raises SourceChanged where it is not, or not for as long as it is read, the version that is `known`: people write
    into files. One that is too large for memory ends early then, without its last bytes.
    """
    key = known.key

    def check() -> None:
        if store.stat(key).etag != known.etag:
            raise SourceChanged(f"{key!r} changed while it was read; try again")

    original = read(store, key, choose)
    if isinstance(original.chunks, BodyStream):
        original.chunks.before_end = check
    check()
    if original.part is None and isinstance(original.chunks, tuple):
        head = original.chunks[0]
    else:
        with store.open(key, 0, SNIFF_BYTES) as opened:
            head = opened.body.read()
    fmt = sniff(head[:SNIFF_BYTES])
    return replace(original, content_type=fmt.content_type if fmt else OPAQUE)


def cut(whole: Content, choose: Choose | None) -> Content:
    """The part that `choose` wants of what is in memory."""
    part = choose(whole.size) if choose else None
    if part is None:
        return whole
    start, length = part
    return replace(whole, chunks=(b"".join(whole.chunks)[start : start + length],), part=part)


class BodyStream:
    """A body too large for memory: read once, in chunks; closes itself at its end, since FC never calls `close`."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self.before_end: Callable[[], None] = lambda: None  # may raise, and then the last chunk is not given

    def __iter__(self) -> Iterator[bytes]:
        with self._opened as opened:
            chunk = opened.body.read(CHUNK_BYTES)
            while chunk:
                following = opened.body.read(CHUNK_BYTES)
                if not following:
                    self.before_end()
                yield chunk
                chunk = following

    def close(self) -> None:
        """Let go of the store's connection or file; a caller that read to the end need not."""
        self._opened.body.close()


def as_file(opened: Opened, stack: ExitStack) -> BinaryIO:
    """The whole body as a seekable file at its start, which `stack` closes; a plain file stays what it is."""
    body = opened.body
    if isinstance(body, io.BufferedReader) and isinstance(body.raw, io.FileIO):
        return body
    if opened.stat.size <= SPOOL_BYTES:
        return io.BytesIO(opened.body.read())
    spooled: BinaryIO = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  # the stack closes it
    shutil.copyfileobj(opened.body, spooled, CHUNK_BYTES)
    spooled.seek(0)
    return spooled


def digest(store: Store, key: Key) -> str:
    """SHA-256 of what is stored under `key`, in hex."""
    with store.open(key) as opened:
        hasher = hashlib.sha256()
        while chunk := opened.body.read(CHUNK_BYTES):
            hasher.update(chunk)
        return hasher.hexdigest()
