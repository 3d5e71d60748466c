"""What a render process does: one job at a time, each on a connection of its own."""

import base64
import os
import socket
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import BinaryIO

from gunicorn.workers.sync import SyncWorker

from app.core.faults import Fault, ImageTooLarge, InternalError
from app.core.plan import Plan, parse_path
from app.imaging import kernels
from app.imaging.decode import inspect
from app.imaging.limits import Limits
from app.imaging.render import render
from app.ops import load_operations
from app.rendering.wire import (
    BEGUN,
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


Answer = tuple[Mapping[str, object], bytes]


def answer(sock: socket.socket) -> None:
    """Take one job from `sock`, do it and answer."""
    sock.sendall(BEGUN)
    job, file, marks = receive_job(sock)
    with file:
        line, body = work(job, file, marks)
    send_answer(sock, line, body)


def warm() -> None:
    """Load decoders and encoders by making one picture of one pixel."""
    render(PIXEL, Plan(), Limits(), {})


def work(job: Job, file: BinaryIO, marks: Sequence[bytes]) -> Answer:
    """What becomes of a job.

    The source is read, not mapped: somebody may cut its file short meanwhile, and that must not kill us.
    """
    try:
        source = os.pread(file.fileno(), job.size, 0)
        if len(source) != job.size:
            raise InternalError("the source is shorter than it was said to be")
        if job.plan is None:
            return dump_header(inspect(source, job.limits)), b""
        plan, rest = parse_path(job.plan)
        if rest:
            raise LookupError(f"the pool does not know the operation of {rest!r}")
        rendered = render(source, plan, job.limits, dict(zip(plan.marks, marks, strict=True)))
    except Fault as fault:
        return dump_fault(fault), b""
    except MemoryError:
        return dump_fault(ImageTooLarge("the image needs more memory than a render may have")), b""
    except Exception:  # a bug of ours or an operation's: this child is well, and the log of the service gets the trace
        return dump_fault(InternalError(), traceback.format_exc()), b""
    return dump_rendered(rendered), rendered.body


class Worker(SyncWorker):  # type: ignore[misc]  # untyped there
    """Gunicorn's worker, with jobs on its connections in place of HTTP."""

    def notify(self) -> None:
        """Say nothing: without a timeout nobody listens, and a heartbeat would need a call that is forbidden."""

    def handle(self, _listener: socket.socket, client: socket.socket, _address: object) -> None:
        """Let the application, which is no WSGI one, have the connection."""
        self.nr += 1
        self.alive = self.nr < self.max_requests
        self.cfg.pre_request(self, None)
        with client, suppress(OSError):  # a client may go away at any time
            self.wsgi(client)
        self.cfg.post_request(self, None, None, None)
