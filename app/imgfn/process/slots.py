"""Seats: which of a server's equal processes one is, and the core that it keeps to."""

import itertools
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

SEAT = "IMGFN_SEAT"  # the environment variable by which a server tells each of its workers
# That this process may use from its start. Only Linux tells.
CORES = tuple(sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1))


def take_seat(server: Any, worker: Any) -> None:
    """Give a worker the first free seat, its predecessor's where that has gone: gunicorn's hook `pre_fork`."""
    taken = {other.seat for other in server.WORKERS.values()}
    worker.seat = next(seat for seat in itertools.count() if seat not in taken)


def own_seat() -> int:
    """The seat of this process; 0 where it is the only one."""
    return int(os.environ.get(SEAT, "0"))


def keep_to_core(seat: int, seats: int, cores: Sequence[int] = CORES) -> None:
    """Keep this process to one of `cores`, where there are as many seats as cores.

    What a request needs is done by one process after the other. Linux may wake the next one on a core that is busy,
    and then takes milliseconds to see that another one is idle. Side by side on one core they also share its caches.
    """
    if seats == len(cores):
        # A platform that cannot or does not let us, or a core that was taken from us meanwhile.
        with suppress(OSError, AttributeError):
            os.sched_setaffinity(0, {cores[seat % seats]})
