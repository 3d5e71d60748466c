"""How renderers ended: the pool's master writes it into a file of the pool's folder, and clients read it there.

A client sees its connection end and no more. Whether the picture crashed its renderer, the deadline killed it or
somebody else did (the kernel's OOM killer, an operator) only the parent of the process is told (waitpid(2)).
"""

import os
import signal
import struct
import time
from contextlib import suppress
from enum import Enum
from pathlib import Path

_HEAD = struct.Struct("d")  # when the master was last seen, by the monotonic clock
_RECORD = struct.Struct("qq")  # a renderer's number (from 1) and its wait status
_PLACES = 1024  # the latest deaths that are remembered
_SIZE = _HEAD.size + _PLACES * _RECORD.size
HUNG = -1  # in place of a wait status: it did not move, and the master killed it
MASTER_SILENT_SECONDS = 10.0
POLL_SECONDS = 0.01
REAP_SECONDS = 1.0  # within which a master has noticed a death

DEADLINE_SIGNALS = {signal.SIGALRM, signal.SIGPROF}  # of the two clocks of each job
STRANGERS_SIGNALS = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT}


class Death(Enum):
    """Why a renderer ended in the middle of a job."""

    CRASHED = "crashed"  # by a signal of its own making, or by leaving
    OVERRAN = "overran"  # killed at its deadline
    KILLED = "killed"  # by somebody else
    HUNG = "hung"  # it was stopped, or a call of the kernel did not return


def create(path: Path) -> int:
    """A new file for the deaths of one pool; its descriptor is the master's. Raises OSError on a full disk."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.pwrite(descriptor, bytes(_SIZE), 0)
        tell_alive(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def tell_alive(descriptor: int) -> None:
    """Say that the master runs, now."""
    os.pwrite(descriptor, _HEAD.pack(time.monotonic()), 0)


def record(descriptor: int, number: int, status: int) -> None:
    """Remember how the renderer of that number ended: its wait status, or HUNG."""
    os.pwrite(descriptor, _RECORD.pack(number, status), _place(number))


def master_is_silent(path: Path) -> bool:
    """Whether the master has not been seen for MASTER_SILENT_SECONDS: it is stopped, or hangs."""
    with suppress(OSError), path.open("rb") as file:
        head = file.read(_HEAD.size)
        return len(head) == _HEAD.size and time.monotonic() - _HEAD.unpack(head)[0] > MASTER_SILENT_SECONDS
    return False


def find(path: Path, number: int) -> Death:
    """How the renderer of that number ended. Waits REAP_SECONDS for the master to tell; KILLED where it does not."""
    latest = time.monotonic() + REAP_SECONDS
    while True:
        status = _status(path, number)
        if status is not None:
            return _death(status)
        if time.monotonic() > latest:
            return Death.KILLED
        time.sleep(POLL_SECONDS)


def _status(path: Path, number: int) -> int | None:
    with suppress(OSError), path.open("rb") as file:
        file.seek(_place(number))
        told = file.read(_RECORD.size)
        if len(told) == _RECORD.size:
            found, status = _RECORD.unpack(told)
            return int(status) if found == number else None
    return None


def _death(status: int) -> Death:
    if status == HUNG:
        return Death.HUNG
    if os.WIFSIGNALED(status):
        if os.WTERMSIG(status) in DEADLINE_SIGNALS:
            return Death.OVERRAN
        if os.WTERMSIG(status) in STRANGERS_SIGNALS:
            return Death.KILLED
    return Death.CRASHED


def _place(number: int) -> int:
    return _HEAD.size + number % _PLACES * _RECORD.size
