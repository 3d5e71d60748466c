"""Which workers are alive: each holds a lock that the kernel, or PostgreSQL, drops with its process.

The engine itself goes on with a dead executor's runs only when an executor of that name starts again. So each worker
looks for executors that have runs under way and no lock, and takes their runs over.
"""

import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from imgfn.observability.log import log

LOOK_SECONDS = 1.0
ROUNDS_MISSED = 2  # a lock that is free for a moment only is that of a worker which reconnects or restarts
START_SECONDS = 5.0  # that a starting worker waits for a peer who is just taking its runs over


class Taken(Exception):
    """Another living worker has this name."""


class Leases(Protocol):
    """Locks by name."""

    def take(self, name: str) -> bool:
        """Lock it; False where another process has it."""
        ...

    def give(self, name: str) -> None:
        """Unlock it."""
        ...

    def renew(self, name: str) -> None:
        """Make sure that ours is still ours; raises where it cannot be."""
        ...


class FileLeases:
    """Files that are locked, for workers on one machine."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._held: dict[str, int] = {}

    def take(self, name: str) -> bool:
        descriptor = os.open(self._folder / name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._held[name] = descriptor
        return True

    def give(self, name: str) -> None:
        os.close(self._held.pop(name))

    def renew(self, name: str) -> None:
        if name not in self._held:
            raise Taken(name)


class PostgresLeases:
    """Advisory locks of one connection, for workers on many machines: they end with it."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("postgresql+psycopg://", "postgresql://")
        self._connection: Any = None

    def _connect(self) -> Any:
        import psycopg

        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=5,
                keepalives_idle=2,
                keepalives_interval=1,
                keepalives_count=3,
            )
        return self._connection

    def take(self, name: str) -> bool:
        return bool(self._connect().execute("select pg_try_advisory_lock(%s)", (_number(name),)).fetchone()[0])

    def give(self, name: str) -> None:
        self._connect().execute("select pg_advisory_unlock(%s)", (_number(name),))

    def renew(self, name: str) -> None:
        held = self._connection
        connection = self._connect()
        connection.execute("select 1")
        if connection is not held and not self.take(name):
            connection.close()
            raise Taken(name)


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"imgfn {name}".encode()).digest()[:8], "big", signed=True)


def claim_name(leases: Leases, host: str, wanted: str | None) -> str:
    """A name for this worker, locked: `wanted`, or the first free one of `<host>-0`, `<host>-1` …

    Raises Taken where `wanted` has a living worker.
    """
    if wanted is None:
        return next(name for name in (f"{host}-{seat}" for seat in range(10_000)) if leases.take(name))
    until = time.monotonic() + START_SECONDS
    while not leases.take(wanted):
        if time.monotonic() > until:
            raise Taken(f"a worker called {wanted} runs already")
        time.sleep(0.2)
    return wanted


class Watch:
    """Looks after the peers, and after our own lease."""

    def __init__(
        self, me: str, leases: Leases, owners: Callable[[], set[str]], take_over: Callable[[str], int]
    ) -> None:
        self._me, self._leases, self._owners, self._take_over = me, leases, owners, take_over
        self._missed: dict[str, int] = {}
        self.recovered = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            try:
                self._leases.renew(self._me)
                self.look()
            except Exception as error:  # a database that is away: look again
                self._missed.clear()
                log.warning("leases_not_read", problem=f"{type(error).__name__}: {error}"[:300])

    def look(self) -> None:
        """One round: who has runs and no lock twice in a row is dead."""
        owners = self._owners() - {self._me}
        self._missed = {name: self._missed.get(name, 0) for name in owners}
        for name in owners:
            if not self._leases.take(name):
                self._missed[name] = 0
                continue
            try:
                self._missed[name] += 1
                if self._missed[name] >= ROUNDS_MISSED:
                    runs = self._take_over(name)
                    self.recovered += runs
                    log.warning("worker_died", worker=name, runs_taken_over=runs)
            finally:
                self._leases.give(name)
