"""How a worker takes connections where gunicorn's own way would drop some: short of descriptors, and at a stop."""

import errno
import select
import signal
import time
from collections.abc import Callable
from typing import Any

PAUSE_SECONDS = 0.01
QUEUE = 2048  # connections that the kernel lets wait (gunicorn's backlog)


def watch(worker: Any) -> None:
    """Change how `worker`, a gthread worker that has not begun, takes connections."""
    worker.accept = patiently(worker)

    def stop(*_signal: object) -> None:
        # In the worker's own loop: a signal can come while it holds a lock that an accepted connection needs.
        worker.method_queue.defer(lambda: close(worker))

    signal.signal(signal.SIGTERM, stop)


def patiently(worker: Any) -> Callable[[Any], None]:
    """`worker.accept` that leaves a connection in the kernel's queue while no descriptor is free; gunicorn's raises."""
    accept = worker.accept

    def take(listener: Any) -> None:
        if listener not in worker.sockets:
            return  # closed since the event was seen
        try:
            accept(listener)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            time.sleep(PAUSE_SECONDS)

    return take


def close(worker: Any) -> None:
    """Take what has connected already, close the door, and let the worker finish.

    A socket that closes resets the connections that wait in its queue, and those clients may have sent everything.
    """
    if not worker.alive:
        return
    worker.set_accept_enabled(False)
    for listener in worker.sockets:
        for _ in range(QUEUE):
            if not select.select([listener], [], [], 0)[0]:
                break
            worker.accept(listener)
        listener.close()
    worker.sockets = []
    worker.alive = False
