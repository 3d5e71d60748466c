"""Pictures that crashed renderers, and plans that overran on a picture: after two deaths they rest for a while."""

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

DEATHS_ALLOWED = 2
SECONDS = 600.0
MOST = 1000  # suspects that are remembered


class Quarantine:
    """Shared by all processes that name the same folder: one file for each suspect, one byte in it for each death.

    A suspect is a picture, whatever is done to it, or one plan on one picture. A file's name starts with the picture's
    size, so that a picture is hashed only when a suspect has the same size.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def holds(self, source: BinaryIO, size: int, plan: str | None = None) -> bool:
        """Whether this picture, or with `plan` that plan on it, has had its tries."""
        try:
            if not any(path.name.startswith(f"{size}-") for path in self._folder.iterdir()):
                return False
            told = self._suspect(size, digest(source, size), plan).stat()
        except FileNotFoundError:
            return False
        return told.st_size >= DEATHS_ALLOWED and told.st_mtime > time.time() - SECONDS

    def record(self, source: BinaryIO, size: int, plan: str | None = None) -> str:
        """Remember a renderer's death over this picture, or with `plan` over that plan on it.

        The picture's SHA-256 comes back, for the log. On a full disk nothing is remembered.
        """
        name = digest(source, size)
        with suppress(OSError):
            self._forget()
            with self._suspect(size, name, plan).open("ab") as file:
                file.write(b"x")
        return name

    def _suspect(self, size: int, name: str, plan: str | None) -> Path:
        suffix = "" if plan is None else f"-{hashlib.sha256(plan.encode()).hexdigest()[:32]}"
        return self._folder / f"{size}-{name}{suffix}"

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
