"""The pool's gunicorn configuration, read in its master: sync workers that fork warm and can be lost.

The master imports libvips but runs nothing in it: a fork after its first operation would deadlock the children.
"""

import ctypes
import fcntl
import json
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from imgfn.imaging import memory
from imgfn.imaging.text.fonts import set_font_dirs
from imgfn.process.slots import assign_slot
from imgfn.renderpool import heartbeat
from imgfn.renderpool.sandbox import layers
from imgfn.renderpool.sandbox.posix import POOL, lift_deadline
from imgfn.renderpool.sandbox.report import forget_report, write_report
from imgfn.renderpool.sandbox.rules import Rules
from imgfn.renderpool.sandbox.seccomp import libseccomp
from imgfn.renderpool.worker import RenderWorker, warm

_pool = json.loads(os.environ[POOL])
_rules = Rules(**_pool["rules"])
_failed: layers.Report = _pool["failed"]

set_font_dirs(map(Path, _pool["font_dirs"]))

bind = [f"fd://{listener}" for listener in _pool["listeners"]]
workers = _pool["processes"]
worker_class = RenderWorker
preload_app = True
timeout = 0  # see pre_request, and imgfn.renderpool.__main__
max_requests = _pool["recycle"]
max_requests_jitter = max(1, max_requests // 10)
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = "warning"

PR_SET_PDEATHSIG = 1
BOOT_ERROR = 3  # gunicorn's own status of a worker with which another try is in vain
OOM_SCORE = 500  # of 1000: where memory ends the kernel takes a renderer, not a web worker (proc(5))

job_seconds: float = _pool["seconds"]
deaths_file: int = _pool["deaths"]


def on_starting(_server: Any) -> None:
    """Set what the children inherit, before there are any."""
    with suppress(OSError):  # the children will say so
        libseccomp()
    _failed.update(layers.apply("supervisor", _rules))


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


def pre_fork(server: Any, worker: Any) -> None:
    """Give a renderer its slot, from which nothing was heard yet."""
    assign_slot(server, worker)
    heartbeat.start(worker.slot)
    worker.silence = heartbeat.Silence()


def post_fork(_server: Any, worker: Any) -> None:
    """Die with the master, and hold none of its locks."""
    forget_report(_pool["report"], worker.slot)
    with suppress(AttributeError):  # not on this platform: a worker looks for its parent now and then
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.close(_pool["lease"])
    os.close(_pool["alive"])
    os.close(deaths_file)
    if _pool["proc"] is not None:
        raise_oom_score(_pool["proc"])


def raise_oom_score(proc: int) -> None:
    """Have the kernel take this process first where memory ends. `proc` is /proc, which bubblewrap hides; it closes."""
    with suppress(OSError), os.fdopen(os.open("self/oom_score_adj", os.O_WRONLY, dir_fd=proc), "w") as file:
        file.write(str(OOM_SCORE))
    os.close(proc)


def post_worker_init(worker: Any) -> None:
    """Look which layers of the sandbox hold, and make the first picture before the first request comes."""
    failed = _failed | layers.apply("renderer", _rules) | layers.apply("job", _rules)
    report = layers.inspect(_rules, failed)
    lift_deadline()
    write_report(_pool["report"], worker.slot, report)
    os.close(_pool["report"])
    if _rules.require and (complaint := layers.complain(report)):
        worker.log.error("IMGFN_SANDBOX=require: %s", complaint)
        sys.exit(BOOT_ERROR)
    warm()


def pre_request(_worker: Any, _request: Any) -> None:
    """Start the deadline."""
    layers.apply("job", _rules)


def post_request(_worker: Any, _request: Any) -> None:
    """Take the deadline back and give memory back: the answer has been sent."""
    lift_deadline()
    memory.give_back()
