"""Objects as plain files under one folder: the embedded store, into which a person can drop pictures."""

import io
import mimetypes
import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from imgfn.core.faults import InvalidArgument, NoSuchKey, RangeNotSatisfiable, StoreUnavailable
from imgfn.core.formats import SNIFF_BYTES, Format, sniff
from imgfn.core.key import Key
from imgfn.core.store import Opened, Stat
from imgfn.stores.folder.disk import ALWAYS, READING, WRITING, Slice, Sync, copy, etag_of, explain, no_sync
from imgfn.stores.folder.versions import Description, Versions

PUBLISH_TRIES = 10  # each is lost only to a delete that removed the emptied folder at that very moment

NOT_A_USE = getattr(os, "O_NOATIME", 0)  # to look at a result is not to ask for it; `open` notes that itself
DAY_SECONDS = 24 * 60 * 60
READ_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# O_NONBLOCK: a named pipe that somebody dropped in must not hold a thread.
READ_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


class FolderStore:
    """A Store in `root`. No symbolic link below `root` is ever followed.

    A file that a person put there is an object too; its type is sniffed. A segment of a key has at most 255 bytes, and
    of the keys `a` and `a/b` there can be one: put raises InvalidArgument and ObjectAlreadyExists.

    With `durable=False` a put does not wait for the disk. A killed process still leaves the old bytes or the new; a
    power cut may cost an object, and one that is found empty counts as gone.
    """

    def __init__(self, root: Path, *, durable: bool = True) -> None:
        self._root = root.resolve()
        self._sync: Sync = os.fsync if durable else no_sync
        self._empty_is_gone = not durable
        with explain(root.name, WRITING):
            self._root.mkdir(parents=True, exist_ok=True)
            self._versions = Versions(self._root, self._sync)
            self._versions.reclaim()

    def stat(self, key: Key) -> Stat:
        with explain(key, READING):
            descriptor, known = self._find(key)
            os.close(descriptor)
        return known

    def open(self, key: Key, start: int = 0, length: int | None = None) -> Opened:
        with explain(key, READING):
            descriptor, known = self._find(key)
        if self._empty_is_gone and known.used and time.time() - known.used.timestamp() > DAY_SECONDS:
            _note_use(descriptor)
        if start and start >= known.size:
            os.close(descriptor)
            raise RangeNotSatisfiable(f"{key!r} has {known.size} bytes", expected=f"bytes 0 to {known.size - 1}")
        file = io.BufferedReader(io.FileIO(descriptor))  # `open` would ask whether it is a terminal
        if start:
            file.seek(start)
        return Opened(known, file if length is None else io.BufferedReader(Slice(file, length)))

    def put(
        self,
        key: Key,
        body: BinaryIO,
        size: int,
        content_type: str,
        meta: Mapping[str, str] | None = None,
        *,
        overwrite: bool = True,
    ) -> Stat:
        with explain(key, WRITING), self._versions.draft() as (descriptor, path):
            copy(body, descriptor, size)
            # The kernel's own stamp is as coarse as its tick: a new file in a reused inode could look like the old one.
            now = time.time_ns()
            os.utime(descriptor, ns=(now, now))
            self._sync(descriptor)
            state = os.fstat(descriptor)
            # Most results need none, and a second file would cost as much as theirs.
            if meta or _guess_type(key, _sniff(descriptor)) != content_type:
                self._versions.describe(etag_of(state), content_type, meta or {})
            self._publish(path, key, overwrite)
        return _stat(key, state, content_type, meta or {})

    def delete(self, key: Key) -> None:
        *folders, name = key.split("/")
        with suppress(NoSuchKey), explain(key, READING):
            parent = self._open_folder(folders)
            try:
                with self._versions.second_name(name, parent):
                    os.unlink(name, dir_fd=parent)
                self._sync(parent)
            finally:
                os.close(parent)
            # An empty folder would keep its name from being a key.
            while folders:
                *folders, name = folders
                parent = self._open_folder(folders)
                try:
                    os.rmdir(name, dir_fd=parent)
                except OSError:
                    return
                finally:
                    os.close(parent)

    def list(self, prefix: str = "", after: str = "") -> Iterator[Stat]:
        folder, slash, start = prefix.rpartition("/")
        with suppress(InvalidArgument):  # no key begins like that
            yield from self._list_folder(Key.parse(folder) + "/" if slash else "", start, after)

    def check(self) -> None:
        with explain("", ALWAYS):
            os.close(self._open_folder([]))

    def _find(self, key: Key) -> tuple[int, Stat]:
        """An open descriptor of the object, and the Stat of that very version."""
        seen = None
        while True:
            descriptor = self._open_file(key)
            try:
                state = os.fstat(descriptor)
                if not stat.S_ISREG(state.st_mode):
                    raise NoSuchKey(f"{key!r} is a folder, not an object")
                if self._empty_is_gone and not state.st_size:
                    raise NoSuchKey(f"{key!r} was lost in a power cut")
                etag = etag_of(state)
                known = self._versions.description(etag)
                # Without one it needs none, or it is a version that was replaced just now: look again.
                if known is None and etag == seen:
                    known = self._describe(key, descriptor, etag)
                if known:
                    return descriptor, _stat(key, state, *known)
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
            seen = etag

    def _describe(self, key: Key, descriptor: int, etag: str) -> Description:
        """What a version without a sidecar tells of itself."""
        fmt = _sniff(descriptor)
        known: Description = _guess_type(key, fmt), {}
        return self._versions.remember(etag, known) if fmt else known  # a name may change

    def _open_file(self, key: Key) -> int:
        *folders, name = key.split("/")
        parent = self._open_folder(folders)
        try:
            if self._empty_is_gone:
                with suppress(PermissionError):  # somebody else's file
                    return os.open(name, READ_FILE | NOT_A_USE, dir_fd=parent)
            return os.open(name, READ_FILE, dir_fd=parent)
        finally:
            os.close(parent)

    def _open_folder(self, names: Sequence[str], make: bool = False) -> int:
        """A descriptor of a folder, reached name by name: a path as a whole would follow symbolic links."""
        try:
            folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError as error:
            raise StoreUnavailable("the store's folder is gone") from error
        for name in names:
            parent = folder
            try:
                folder = os.open(name, READ_FOLDER, dir_fd=parent)
            except FileNotFoundError:
                if not make:
                    raise
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=parent)
                    self._sync(parent)
                folder = os.open(name, READ_FOLDER, dir_fd=parent)
            finally:
                os.close(parent)
        return folder

    def _list_folder(self, folder: str, start: str, after: str) -> Iterator[Stat]:
        try:
            descriptor = self._open_folder(folder.split("/")[:-1])
        except (FileNotFoundError, NotADirectoryError):
            return
        try:
            with os.scandir(descriptor) as entries:
                # With its slash a folder sorts as the keys in it do: `a.b` lies before `a/b`.
                names = [e.name + "/" * e.is_dir(follow_symlinks=False) for e in entries if e.name.startswith(start)]
        finally:
            os.close(descriptor)
        passed = os.fsencode(after)
        for name in sorted(names, key=os.fsencode):
            if os.fsencode(folder + name) <= passed and not (name.endswith("/") and after.startswith(folder + name)):
                continue
            if name.endswith("/"):
                yield from self._list_folder(folder + name, "", after)
            elif _is_key(folder + name):
                with suppress(NoSuchKey):  # deleted meanwhile, or a symbolic link
                    yield self.stat(Key(folder + name))

    def _publish(self, path: str, key: Key, overwrite: bool) -> None:
        """Give the finished file its name, in one step."""
        *folders, name = key.split("/")
        for _ in range(PUBLISH_TRIES):
            with suppress(FileNotFoundError):
                parent = self._open_folder(folders, make=True)
                try:
                    if overwrite:
                        with self._versions.second_name(name, parent):
                            os.rename(path, name, dst_dir_fd=parent)
                    else:
                        os.link(path, name, dst_dir_fd=parent)
                    self._sync(parent)
                    return
                finally:
                    os.close(parent)
        raise StoreUnavailable(f"the folder of {key!r} is being removed again and again")


def _note_use(descriptor: int) -> None:
    """Write down when a result was last asked for: many disks are mounted so that the kernel does not."""
    with suppress(OSError):  # a read-only disk still serves
        os.utime(descriptor, ns=(time.time_ns(), os.fstat(descriptor).st_mtime_ns))


def _stat(key: Key, state: os.stat_result, content_type: str, meta: Mapping[str, str]) -> Stat:
    return Stat(
        key=key,
        size=state.st_size,
        etag=etag_of(state),
        modified=datetime.fromtimestamp(state.st_mtime, UTC),
        content_type=content_type,
        meta=meta,
        used=datetime.fromtimestamp(max(state.st_atime, state.st_mtime), UTC),
    )


def _sniff(descriptor: int) -> Format | None:
    return sniff(os.pread(descriptor, SNIFF_BYTES, 0))


def _guess_type(key: Key, fmt: Format | None) -> str:
    return fmt.content_type if fmt else mimetypes.guess_type(key)[0] or "application/octet-stream"


def _is_key(name: str) -> bool:
    """Whether a caller could ask for this file: not where a person chose, say, a name with a control character."""
    try:
        return Key.parse(name) == name
    except InvalidArgument:
        return False
