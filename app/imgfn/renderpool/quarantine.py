"""Pictures that killed renderers: after two deaths a picture is not tried again for a while."""

import hashlib
import os
import time
from pathlib import Path
from typing import BinaryIO

CRASHES_ALLOWED = 2
SECONDS = 600.0
MOST = 1000  # suspects that are remembered


class Quarantine:
    """Shared by all processes that name the same folder: one file for each suspect, one byte in it for each death.

    A file's name starts with the picture's size, so that a picture is hashed only when a suspect has the same size.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def holds(self, source: BinaryIO, size: int) -> bool:
        """Whether this picture has had its tries."""
        if not any(path.name.startswith(f"{size}-") for path in self._folder.iterdir()):
            return False
        try:
            told = self._suspect(size, digest(source, size)).stat()
        except FileNotFoundError:
            return False
        return told.st_size >= CRASHES_ALLOWED and told.st_mtime > time.time() - SECONDS

    def record_crash(self, source: BinaryIO, size: int) -> str:
        """Remember that this picture killed a renderer. Its SHA-256 comes back, for the log."""
        self._forget()
        name = digest(source, size)
        with self._suspect(size, name).open("ab") as file:
            file.write(b"x")
        return name

    def _suspect(self, size: int, name: str) -> Path:
        return self._folder / f"{size}-{name}"

    def _forget(self) -> None:
        """Let those go whose time is over, and the oldest where there are too many."""
        with os.scandir(self._folder) as entries:
            aged = sorted((entry.stat().st_mtime, entry.path) for entry in entries)
        stale = time.time() - SECONDS
        for position, (modified, path) in enumerate(aged):
            if modified < stale or position <= len(aged) - MOST:
                Path(path).unlink(missing_ok=True)


def digest(source: BinaryIO, size: int) -> str:
    """The SHA-256 of a source's first `size` bytes."""
    source.seek(0)
    hashed = hashlib.sha256()
    while size and (chunk := source.read(min(size, 1 << 20))):
        hashed.update(chunk)
        size -= len(chunk)
    return hashed.hexdigest()
