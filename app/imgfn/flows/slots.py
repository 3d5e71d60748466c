"""How many flows render at once on this machine: files that renders lock, so that the dead hold none."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POLL_SECONDS = 0.01


class RenderSlots:
    """At most `count` holders at once, over all processes that name the same folder."""

    def __init__(self, folder: Path, count: int) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._paths = [folder / f"render.{number:03}" for number in range(count)]

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Wait for a slot and keep it."""
        descriptor = self._take()
        try:
            yield
        finally:
            os.close(descriptor)

    def _take(self) -> int:
        while True:
            for path in self._paths:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(descriptor)
                else:
                    return descriptor
            time.sleep(POLL_SECONDS)
