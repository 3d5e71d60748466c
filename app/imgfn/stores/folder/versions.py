"""The folder store's bookkeeping: files that are not finished, and what is known of each version of a file."""

import fcntl
import io
import json
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from imgfn.stores.folder.disk import Sync, copy, etag_of, sync_folder

MOST_KNOWN = 10_000  # descriptions kept in memory
CREATE_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL

Description = tuple[str, dict[str, str]]  # content type and metadata


class Versions:
    """Two folders beside `root`, on its file system, where nothing can collide with a key.

    `root`.meta holds sidecars of versions of objects, named by their etags: so what one says is never of another
    version. `root`.tmp holds unfinished files, and second names of versions that are losing theirs.
    """

    def __init__(self, root: Path, sync: Sync) -> None:
        self._sync = sync
        self._sidecars = root.with_name(root.name + ".meta")
        self._temporary = root.with_name(root.name + ".tmp")
        self._sidecars.mkdir(parents=True, exist_ok=True)
        self._temporary.mkdir(exist_ok=True)
        self._known: dict[str, Description] = {}
        self._mutex = threading.Lock()

    def describe(self, etag: str, content_type: str, meta: Mapping[str, str]) -> None:
        """Write the sidecar of a version that is about to be published."""
        descriptor = os.open(f"{self._sidecars}/{etag}", CREATE_FILE, 0o666)
        try:
            text = json.dumps([content_type, dict(meta)]).encode()
            copy(io.BytesIO(text), descriptor, len(text))
            self._sync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(self._sidecars, self._sync)

    def description(self, etag: str) -> Description | None:
        """The description of a version that `describe` or `remember` was given; None without one."""
        known = self._known.get(etag)
        if known is None:
            with suppress(FileNotFoundError, json.JSONDecodeError):  # a power cut has left it empty
                known = self.remember(etag, self._read_sidecar(etag))
        return known

    def remember(self, etag: str, known: Description) -> Description:
        """Keep in memory what every answer needs to know of a version, and what never changes."""
        with self._mutex:
            if len(self._known) >= MOST_KNOWN:
                del self._known[next(iter(self._known))]  # the oldest
            self._known[etag] = known
        return known

    @contextmanager
    def draft(self) -> Iterator[tuple[int, str]]:
        """A new file: descriptor and temporary name, under a lock that lasts as long as its writer."""
        while True:
            path = f"{self._temporary}/{secrets.token_hex(16)}"
            descriptor = os.open(path, CREATE_FILE, 0o666)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                break
            os.close(descriptor)  # a process that started just now took it before it was locked
        try:
            yield descriptor, path
        finally:
            self._forget(path)
            os.close(descriptor)

    @contextmanager
    def second_name(self, name: str, parent: int) -> Iterator[None]:
        """Hold on to a version that is losing its name, so that its sidecar goes with it, whatever crashes."""
        path = f"{self._temporary}/{secrets.token_hex(16)}"
        try:
            os.link(name, path, src_dir_fd=parent, follow_symlinks=False)
        except (FileNotFoundError, PermissionError):
            # Nothing to hold: there is no such file, or it is a folder, or somebody else's, which has no sidecar.
            yield
            return
        try:
            yield
        finally:
            self._forget(path)

    def reclaim(self) -> None:
        """Remove what dead processes left; living ones hold locks."""
        for path in map(str, self._temporary.iterdir()):
            with suppress(OSError):  # a read-only disk still serves
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._forget(path)
                finally:
                    os.close(descriptor)

    def _read_sidecar(self, etag: str) -> Description:
        descriptor = os.open(f"{self._sidecars}/{etag}", os.O_RDONLY)
        try:
            content_type, meta = json.loads(os.read(descriptor, os.fstat(descriptor).st_size))
        finally:
            os.close(descriptor)
        return content_type, meta

    def _forget(self, path: str) -> None:
        """Remove a temporary name; a version's last name takes the sidecar with it."""
        with suppress(FileNotFoundError):
            state = os.lstat(path)
            if state.st_nlink == 1:
                (self._sidecars / etag_of(state)).unlink(missing_ok=True)
            Path(path).unlink()
