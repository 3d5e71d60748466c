"""What a render process does: one job at a time, each on a connection of its own."""

import base64
import itertools
import os
import socket
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import BinaryIO

from gunicorn.workers.sync import StopWaiting, SyncWorker

from imgfn.core.faults import Fault, ImageTooLarge, InternalError, SourceChanged
from imgfn.core.plan import Plan, parse_path
from imgfn.imaging import kernels
from imgfn.imaging.codecs.decode import inspect
from imgfn.imaging.limits import Limits
from imgfn.imaging.render import render
from imgfn.ops import load_operations
from imgfn.renderpool import heartbeat
from imgfn.renderpool.protocol import (
    Job,
    dump_fault,
    dump_header,
    dump_rendered,
    receive_job,
    send_answer,
)

load_operations()
# Loaded before the fork, and so shared: libvips, in which nothing is run yet, and what imaging imports late.
kernels.vips()
for late in ("PIL.AvifImagePlugin", "PIL.ImageCms", "pillow_heif", "fontTools.ttLib"):
    import_module(late)

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4//8/AAX+Av4N70a4AAAAAElFTkSuQmCC")
WAIT_SECONDS = 0.5  # between two looks whether the master lives
GRACE_SECONDS = 0.003  # within which an idle process takes its own job: who runs on its core may end a slice first

Reply = tuple[Mapping[str, object], bytes]


def answer(sock: socket.socket, number: int, done: Callable[[], None]) -> None:
    """Take one job from `sock` as the renderer of that number, do it, call `done` and answer."""
    job, file, watermarks = receive_job(sock, number)
    with file:
        line, body = work(job, file, watermarks)
    done()
    send_answer(sock, line, body)


def warm() -> None:
    """Load decoders and encoders by making one picture of one pixel."""
    render(PIXEL, Plan(), Limits(), {})


def work(job: Job, file: BinaryIO, watermarks: Sequence[bytes]) -> Reply:
    """What becomes of a job.

    The source is read, not mapped: somebody may cut its file short meanwhile, and that must not kill us.
    """
    try:
        source = os.pread(file.fileno(), job.size, 0)
        if len(source) != job.size:
            raise SourceChanged("the source is shorter than it was said to be; try again")
        if job.plan is None:
            return dump_header(inspect(source, job.limits)), b""
        plan, rest = parse_path(job.plan)
        if rest:
            raise LookupError(f"the pool does not know the operation of {rest!r}")
        rendered = render(source, plan, job.limits, dict(zip(plan.watermarks, watermarks, strict=True)))
    except Fault as fault:
        return dump_fault(fault), b""
    except MemoryError:
        return dump_fault(ImageTooLarge("the image needs more memory than a render may have")), b""
    except Exception:  # a bug of ours or an operation's: this child is well, and the log of the service gets the trace
        return dump_fault(InternalError(), traceback.format_exc()), b""
    return dump_rendered(rendered), rendered.body


class RenderWorker(SyncWorker):  # type: ignore[misc]  # untyped there
    """Gunicorn's worker, with jobs on its connections in place of HTTP.

    It listens to the socket of its own slot, and takes jobs from another's while that one's process is busy.
    """

    slot: int
    age: int  # its number in the pool

    def run(self) -> None:
        """Take job after job until told to stop."""
        own = self._own = self.slot % len(self.sockets)
        self._tell(busy=False)  # whatever our predecessor died over
        for listener in self.sockets:
            listener.setblocking(False)
        for other in itertools.cycle(range(len(self.sockets))):
            if not self.alive or not self.is_parent_alive():
                return
            # Others come first in their turn: a process may be busy for long, and who waits for it must not.
            if (heartbeat.is_busy(other) and self._take(other)) or self._take(own):
                continue
            self._tell(busy=False)
            try:
                ready = self.wait(WAIT_SECONDS) or ()
            except StopWaiting:
                return
            for slot, listener in enumerate(self.sockets):
                if slot != own and listener in ready:
                    if not heartbeat.is_busy(slot):
                        time.sleep(GRACE_SECONDS)  # its own process has been woken too
                    if self._take(slot):
                        break  # our own may have come meanwhile, or our last

    def _take(self, slot: int) -> bool:
        """Do the job that has waited longest at `slot`. False where none waits."""
        try:
            client, _ = self.sockets[slot].accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False
        self._tell(busy=True)
        self.nr += 1
        self.alive = self.nr < self.max_requests
        self.cfg.pre_request(self, None)
        client.setblocking(True)
        with client, suppress(OSError):  # a client may go away at any time
            # Whoever gets the answer may run before we do: its next job must not look as if it had to wait for long.
            self.wsgi(client, self.age, partial(self._tell, busy=False))
        self.cfg.post_request(self, None, None, None)
        self._tell(busy=False)  # also where a client went away
        return True

    def _tell(self, *, busy: bool) -> None:
        heartbeat.beat(self._own, busy=busy)

    def notify(self) -> None:
        """Say nothing: without a timeout nobody listens, and a heartbeat would need a call that is forbidden."""
