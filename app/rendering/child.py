"""What a render process does: one WSGI application, one job at a time."""

import base64
import json
import socket
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any

from app.core.faults import Fault, ImageTooLarge, InternalError
from app.core.plan import Plan, parse_path
from app.imaging import kernels
from app.imaging.decode import inspect
from app.imaging.limits import Limits
from app.imaging.render import render
from app.ops import load_operations
from app.rendering.wire import MILLISECONDS, NOTES, PARTS, Job, dump_fault, dump_header, receive

load_operations()
# Loaded before the fork, and so shared: libvips, in which nothing is run yet, and what imaging imports late.
kernels.vips()
for late in ("PIL.AvifImagePlugin", "PIL.ImageCms", "pillow_heif", "fontTools.ttLib"):
    import_module(late)

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4//8/AAX+Av4N70a4AAAAAElFTkSuQmCC")

Headers = list[tuple[str, str]]
Answer = tuple[str, Headers, bytes]


def answer(environ: dict[str, Any], start_response: Callable[[str, Headers], Any]) -> list[bytes]:
    """The WSGI application: one job, whose parts come over the socket itself once they have been asked for."""
    status, headers, body = work(environ["gunicorn.socket"], environ["HTTP_" + PARTS.upper().replace("-", "_")])
    start_response(status, [*headers, ("Content-Length", str(len(body)))])
    return [body]


def warm() -> None:
    """Load decoders and encoders by making one picture of one pixel."""
    render(PIXEL, Plan(), Limits(), {})


def work(sock: socket.socket, lengths: str) -> Answer:
    """Read one job from `sock`, whose parts have these lengths, and do it."""
    text, source, *marks = [receive(sock, int(length)) for length in lengths.split(",")]
    try:
        job = Job.load(text)
        if job.plan is None:
            header = inspect(source, job.limits)
            return "200 OK", [("Content-Type", "application/json")], dump_header(header)
        plan, rest = parse_path(job.plan)
        if rest:
            raise LookupError(f"the pool does not know the operation of {rest!r}")
        rendered = render(source, plan, job.limits, dict(zip(plan.marks, marks, strict=True)))
    except Fault as fault:
        return refuse(fault)
    except MemoryError:
        return refuse(ImageTooLarge("the image needs more memory than a render may have"))
    except Exception:  # a bug of ours or an operation's: this child is well, and the log of the service gets the trace
        return refuse(InternalError(), traceback.format_exc())
    headers = [
        ("Content-Type", rendered.content_type),
        (NOTES, json.dumps(rendered.notes)),
        (MILLISECONDS, json.dumps(dict(rendered.milliseconds))),
    ]
    return "200 OK", headers, rendered.body


def refuse(fault: Fault, trace: str = "") -> Answer:
    """The answer that carries a fault."""
    return f"{fault.status} {fault.code}", [("Content-Type", "application/json")], dump_fault(fault, trace)
