"""Events that were acknowledged and not handed over yet: one file for each request, safe on the disk before its 2xx.

A database can be slow or away; a file on a local disk is neither. `imgfn work` reads the files in their order, hands
their events over to the engine, and then removes them. Handing over twice is harmless, so a crash in between is.
"""

import fcntl
import itertools
import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imgfn.core.faults import StoreFull, StoreUnavailable
from imgfn.flows.event import Event
from imgfn.observability.log import log

_count = itertools.count()


class Journal:
    """Files of JSON in `folder`/new, named by time. Many processes append; one at a time drains.

    The folder has to be on a local disk: rename and fsync have to mean what they say.
    """

    def __init__(self, folder: Path) -> None:
        self._new, self._draft, self._bad = folder / "new", folder / "draft", folder / "bad"
        self._lock = folder / "drain.lock"
        for made in (self._new, self._draft, self._bad):
            made.mkdir(mode=0o700, parents=True, exist_ok=True)

    def append(self, events: Sequence[Event]) -> None:
        """Back only when `events` outlive a power cut. Raises StoreFull and StoreUnavailable."""
        if not events:
            return
        body = json.dumps([event.to_json() for event in events], separators=(",", ":")).encode()
        # Sorts by time, for one process by its order, and no other process makes the same.
        name = f"{time.time_ns():020}-{os.getpid()}-{next(_count):06}.json"
        write_durably(self._draft / name, self._new / name, body)

    def entries(self) -> list[Path]:
        """The files that wait, oldest first."""
        return sorted(path for path in self._new.iterdir() if path.suffix == ".json")

    def read(self, entries: Iterable[Path]) -> Iterator[tuple[Path, list[Event]]]:
        """Each file with its events. One that is none is put aside for a person, and logged."""
        for path in entries:
            try:
                yield path, [Event.from_json(told) for told in json.loads(path.read_bytes())]
            except FileNotFoundError:
                continue
            except (ValueError, TypeError) as error:
                log.error("journal_entry_not_read", file=path.name, problem=str(error))
                path.replace(self._bad / path.name)

    def forget(self, path: Path) -> None:
        """Its events are in the engine."""
        path.unlink(missing_ok=True)

    def oldest_seconds(self) -> float:
        """For how long the oldest file has waited; 0 where none does."""
        first = min((path.name for path in self._new.iterdir()), default=None)
        return 0.0 if first is None else max(0.0, time.time() - int(first.partition("-")[0]) / 1e9)

    @contextmanager
    def draining(self) -> Iterator[bool]:
        """Whether it is us who may drain now: the kernel lets go of what a dead worker held."""
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)


def write_durably(draft: Path, path: Path, body: bytes, *, exclusive: bool = False) -> None:
    """Write `path` by way of `draft`, both on one disk, so that it is whole or not there, and safe when this returns.

    With `exclusive` a file that is there already stays, and FileExistsError is raised. Raises StoreFull and
    StoreUnavailable where the disk refuses.
    """
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            try:
                view = memoryview(body)
                while view:
                    view = view[os.write(descriptor, view) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if exclusive:
                path.hardlink_to(draft)
            else:
                draft.rename(path)
        finally:
            draft.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError:
        raise
    except OSError as error:
        kind = StoreFull if error.errno in (28, 122) else StoreUnavailable
        raise kind(
            f"the journal of events cannot be written: {error.strerror}", headers={"Retry-After": "5"}
        ) from error


def read_json(path: Path) -> Any:
    """What `write_durably` wrote."""
    return json.loads(path.read_bytes())
