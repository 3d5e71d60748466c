"""Worker slots: which of a server's equal processes this one is."""

import itertools
import os
from typing import Any

SLOT = "IMGFN_WORKER_SLOT"  # the environment variable by which a server tells each of its workers
# The cores that this process may use from its start. Only Linux tells.
CORES = tuple(sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1))


def assign_slot(server: Any, worker: Any) -> None:
    """Give a worker the first free slot, its predecessor's where that has gone: gunicorn's hook `pre_fork`."""
    taken = {other.slot for other in server.WORKERS.values()}
    worker.slot = next(slot for slot in itertools.count() if slot not in taken)


def own_slot() -> int:
    """The slot of this process; 0 where it is the only one."""
    return int(os.environ.get(SLOT, "0"))
