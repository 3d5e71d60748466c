"""The pool's gunicorn configuration, read in its master: sync workers that fork warm and can be lost.

The master imports libvips but runs nothing in it: a fork after its first operation would deadlock the children.
"""

import ctypes
import fcntl
import json
import os
import resource
import signal
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from imgfn.imaging import memory
from imgfn.imaging.text.fonts import set_font_dirs
from imgfn.process.slots import keep_to_core, take_seat
from imgfn.renderpool.sandbox.landlock import allow_reading
from imgfn.renderpool.sandbox.seccomp import forbid, libseccomp
from imgfn.renderpool.worker import RenderWorker, warm

_pool = json.loads(os.environ["IMGFN_POOL"])

set_font_dirs(map(Path, _pool["font_dirs"]))

bind = [f"fd://{listener}" for listener in _pool["listeners"]]
workers = _pool["processes"]
worker_class = RenderWorker
preload_app = True
timeout = 0  # gunicorn's own would also strike idle workers when a cloud function is thawed; see pre_request
max_requests = _pool["recycle"]
max_requests_jitter = max(1, max_requests // 10)
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = "warning"

PR_SET_PDEATHSIG = 1
LOG_BYTES = 1 << 20
CPU_MORE_SECONDS = 2


def on_starting(_server: Any) -> None:
    """Set what the children inherit, before there are any."""
    with suppress(OSError):  # the children will say so
        libseccomp()
    with suppress(OSError):
        os.sched_setaffinity(0, _pool["cores"])  # our parent may keep to one of them
    resource.setrlimit(resource.RLIMIT_AS, (_pool["memory_bytes"], _pool["memory_bytes"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LOG_BYTES, LOG_BYTES))  # the pool's log is all that is ever written


def when_ready(_server: Any) -> None:
    """Live exactly as long as a client does.

    A service manager may send SIGTERM to all processes of a unit at once; the clients' last requests still need us.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_last_client, daemon=True).start()


def _end_with_the_last_client() -> None:
    fcntl.flock(_pool["lease"], fcntl.LOCK_EX)  # every client holds a shared lock; the kernel drops a dead one's
    os._exit(0)


pre_fork = take_seat


def post_fork(_server: Any, worker: Any) -> None:
    """Die with the master, and hold none of its locks."""
    keep_to_core(worker.seat, workers, _pool["cores"])
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.close(_pool["lease"])
    os.close(_pool["alive"])


def post_worker_init(worker: Any) -> None:
    """Make the first picture before the first request comes, behind the last walls that this kernel has."""
    for wall in (partial(allow_reading, _pool["readable"]), forbid):
        try:
            wall()
        except OSError as error:
            worker.log.warning("a wall is missing, see imgfn doctor: %s", error)
    warm()


def pre_request(_worker: Any, _request: Any) -> None:
    """Let the kernel kill this process at the deadline, by the clock and by its CPU time.

    SIGALRM and SIGPROF keep their default action: no handler is in their way.
    """
    signal.setitimer(signal.ITIMER_REAL, _pool["seconds"])
    signal.setitimer(signal.ITIMER_PROF, _pool["seconds"] + CPU_MORE_SECONDS)  # runs out only if several threads run


def post_request(_worker: Any, _request: Any) -> None:
    """Take the deadline back and give memory back: the answer has been sent."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.setitimer(signal.ITIMER_PROF, 0)
    memory.give_back()
