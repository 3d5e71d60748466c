"""What the folder store asks of a file system: its errors as faults, versions, copies and slices."""

import errno
import hashlib
import io
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, BinaryIO

from imgfn.core.faults import (
    BadRequest,
    Fault,
    InvalidArgument,
    NoSuchKey,
    ObjectAlreadyExists,
    SlowDown,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer  # collections.abc has it from Python 3.12 on

CHUNK_BYTES = 1024 * 1024

Faults = Mapping[int, type[Fault]]  # by errno

ALWAYS: Faults = {
    errno.ENOSPC: StoreFull,
    errno.EDQUOT: StoreFull,
    errno.EFBIG: StoreFull,  # a limit on the size of files (RLIMIT_FSIZE)
    errno.EROFS: StoreReadOnly,
    errno.EACCES: StoreUnavailable,
    errno.EPERM: StoreUnavailable,
    errno.EMFILE: SlowDown,
    errno.ENFILE: SlowDown,
    errno.EIO: StoreUnavailable,
    errno.ESTALE: StoreUnavailable,
}
READING: Faults = {
    **ALWAYS,
    errno.ENOENT: NoSuchKey,
    errno.ENOTDIR: NoSuchKey,
    errno.EISDIR: NoSuchKey,
    errno.ELOOP: NoSuchKey,  # a symbolic link
    errno.ENXIO: NoSuchKey,  # a socket
    errno.ENAMETOOLONG: NoSuchKey,
}
# A file cannot be a folder too: of the keys `a` and `a/b` the first that comes wins.
WRITING: Faults = {
    **ALWAYS,
    errno.EEXIST: ObjectAlreadyExists,
    errno.ENOTDIR: ObjectAlreadyExists,
    errno.EISDIR: ObjectAlreadyExists,
    errno.ELOOP: ObjectAlreadyExists,
    errno.ENAMETOOLONG: InvalidArgument,
    errno.ENOENT: StoreUnavailable,
}


class explain:  # reads as contextlib.suppress does, and costs a quarter of a generator
    """Raise the Fault that `faults` has for an OSError; others, such as those of an uploader's socket, pass."""

    def __init__(self, name: str, faults: Faults) -> None:
        self._name, self._faults = name, faults

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: object, _trace: object) -> None:
        if not isinstance(error, OSError):
            return
        kind = self._faults.get(error.errno or 0)
        if kind is not None:
            # Callers ask for objects: the message names no file.
            reason = "there is no such object" if kind is NoSuchKey else error.strerror
            raise kind(f"{self._name!r}: {reason}") from error


def etag_of(state: os.stat_result) -> str:
    """Names one version of one file: a new file has another inode, a rewritten one another time."""
    version = f"{state.st_ino}/{state.st_size}/{state.st_mtime_ns}"
    return hashlib.blake2b(version.encode(), digest_size=16).hexdigest()


def copy(body: BinaryIO, descriptor: int, size: int) -> None:
    """Write the next `size` bytes of `body`. Raises BadRequest where it has fewer."""
    left = size
    while left:
        chunk = memoryview(body.read(min(left, CHUNK_BYTES)))
        if not chunk:
            raise BadRequest(f"the body ended after {size - left} of {size} bytes")
        left -= len(chunk)
        while chunk:
            chunk = chunk[os.write(descriptor, chunk) :]


Sync = Callable[[int], None]  # makes a file, or the names in a folder, survive a power cut


def no_sync(_descriptor: int) -> None:
    """The Sync of what can be made again: a power cut may cost it, or leave it empty."""


def sync_folder(path: str | os.PathLike[str], sync: Sync) -> None:
    """`sync` for a folder that is not open."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


class Slice(io.RawIOBase):
    """At most `length` bytes of `file` from where it stands. It owns the file."""

    def __init__(self, file: io.BufferedIOBase, length: int) -> None:
        self._file = file
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int:
        count = self._file.readinto(memoryview(buffer)[: self._left])
        self._left -= count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
