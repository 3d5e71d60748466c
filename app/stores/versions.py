"""The folder store's bookkeeping: files that are not finished, and what is known of each version of a file."""

import fcntl
import io
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from app.stores.disk import Sync, copy, etag_of, sync_folder

MOST_KNOWN = 10_000  # sidecars kept in memory
CREATE_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL


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
        # What is said of a version never changes, and every answer needs it.
        self._read = lru_cache(MOST_KNOWN)(self._read_sidecar)

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

    def description(self, etag: str) -> tuple[str, dict[str, str]] | None:
        """Content type and metadata; None where no `describe` made a sidecar."""
        try:
            return self._read(etag)
        except (FileNotFoundError, json.JSONDecodeError):  # a power cut has left it empty
            return None

    @contextmanager
    def draft(self) -> Iterator[tuple[int, Path]]:
        """A new file: descriptor and temporary name, under a lock that lasts as long as its writer."""
        while True:
            path = self._temporary / secrets.token_hex(16)
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
        path = self._temporary / secrets.token_hex(16)
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
        for path in self._temporary.iterdir():
            with suppress(OSError):  # a read-only disk still serves
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._forget(path)
                finally:
                    os.close(descriptor)

    def _read_sidecar(self, etag: str) -> tuple[str, dict[str, str]]:
        descriptor = os.open(f"{self._sidecars}/{etag}", os.O_RDONLY)
        try:
            content_type, meta = json.loads(os.read(descriptor, os.fstat(descriptor).st_size))
        finally:
            os.close(descriptor)
        return content_type, meta

    def _forget(self, path: Path) -> None:
        """Remove a temporary name; a version's last name takes the sidecar with it."""
        with suppress(FileNotFoundError):
            state = path.lstat()
            if state.st_nlink == 1:
                (self._sidecars / etag_of(state)).unlink(missing_ok=True)
            path.unlink()
