"""What client and children say to each other: HTTP/1.1 whose body is a row of parts, their lengths in a header.

The client waits for `100 Continue` before it sends a body. So it knows when its job began, whatever time it spent in
the queue before, and a connection that ends earlier has tried nothing: it can be made again elsewhere.
Answers are JSON and bytes, because a broken decoder may have written them: nothing is ever unpickled.
"""

import errno
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPException, HTTPMessage

from app.core.faults import Fault, fault_of
from app.core.formats import FORMATS
from app.imaging.decode import Header
from app.imaging.limits import Limits
from app.imaging.render import Rendered

PARTS = "Imgfn-Parts"
NOTES = "Imgfn-Notes"
MILLISECONDS = "Imgfn-Milliseconds"
# Those of our encoders and of reports: a child must not make a page with a script of a picture.
CONTENT_TYPES = {
    *(known.content_type for known in FORMATS.values() if known.written),
    "application/json",
    "text/plain; charset=utf-8",
}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True)
class Job:
    """What is to be done with the source that follows; `plan` is None where only the header is asked for."""

    plan: str | None
    limits: Limits

    def dump(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def load(cls, text: bytes) -> "Job":
        told = json.loads(text)
        return cls(told["plan"], Limits(**told["limits"]))


def head(lengths: list[int]) -> bytes:
    """The start of a request whose parts have these lengths."""
    lines = (
        "POST / HTTP/1.1",
        "Host: renderer",
        "Expect: 100-continue",
        f"Content-Length: {sum(lengths)}",
        f"{PARTS}: {','.join(map(str, lengths))}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def receive(sock: socket.socket, size: int) -> bytes:
    """Exactly `size` bytes; ConnectionError where the other side ends earlier.

    One MSG_WAITALL lets the kernel fill one allocation; only a signal makes it come back with less.
    """
    chunks = []
    while size:
        chunk = sock.recv(size, socket.MSG_WAITALL)
        if not chunk:
            raise ConnectionResetError(errno.ECONNRESET, "the other side is gone")
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


def dump_fault(fault: Fault, trace: str = "") -> bytes:
    """A fault as it crosses over. `trace` is for our log, never for the caller."""
    return json.dumps(fault.facts() | {"trace": trace}).encode()


@contextmanager
def _from_one_of_ours() -> Iterator[None]:
    """A decoder that runs wild may have written the answer: nonsense raises HTTPException, as broken HTTP does."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise HTTPException("no render of ours answers like that") from error


@_from_one_of_ours()
def load_fault(body: bytes) -> tuple[Fault, str]:
    """The fault that a child raised, and its trace."""
    told = json.loads(body)
    fault = fault_of(told["code"])(
        str(told["detail"]), parameter=_text(told.get("parameter")), expected=_text(told.get("expected"))
    )
    return fault, str(told["trace"])


def dump_header(header: Header) -> bytes:
    """A header as it crosses over."""
    return json.dumps(asdict(header) | {"format": header.format.name}).encode()


@_from_one_of_ours()
def load_header(_headers: HTTPMessage, body: bytes) -> Header:
    """The header that a child read."""
    told = json.loads(body)
    return Header(**told | {"format": FORMATS[told["format"]]})


@_from_one_of_ours()
def load_rendered(headers: HTTPMessage, body: bytes) -> Rendered:
    """What a child rendered."""
    content_type, notes = headers["Content-Type"], tuple(json.loads(headers[NOTES]))
    if content_type not in CONTENT_TYPES or not all(note.isprintable() for note in notes):
        raise ValueError(content_type)
    milliseconds = {name: float(value) for name, value in json.loads(headers[MILLISECONDS]).items()}
    return Rendered(body, content_type, notes, milliseconds)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
