"""What client and children say to each other over a unix socket: lines of JSON, bytes, and one descriptor.

A job is a line, the bytes of its watermark images, and with its first byte a descriptor of the source, read only. The
child says what time it is and who it is as soon as it has the connection. So the client knows when its job began,
whatever time that spent in the queue before, and a connection that ends earlier has tried nothing: it can be made again
elsewhere.
An answer is a line and the bytes of a result. A broken decoder may have written it: nothing is ever unpickled.
"""

import errno
import io
import json
import os
import shutil
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ContextDecorator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from imgfn.core.faults import Fault, fault_of
from imgfn.core.formats import FORMATS
from imgfn.imaging.codecs.decode import Header
from imgfn.imaging.limits import Limits
from imgfn.imaging.render import Rendered

if TYPE_CHECKING:
    from typing_extensions import Buffer  # collections.abc has it from Python 3.12 on

# Those of our encoders and of reports: a child must not make a page with a script of a picture.
CONTENT_TYPES = {
    *(known.content_type for known in FORMATS.values() if known.written),
    "application/json",
    "text/plain; charset=utf-8",
}
# When a job begins, in seconds by the monotonic clock, which all processes of a machine share; and whose job it is.
BEGIN = struct.Struct("dq")
TIMEVAL = struct.Struct("ll")  # socket(7)
DESCRIPTORS = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"  # there the same open file, and not a new one
LINE_BYTES = 1 << 20  # an answer's line is no longer: the longest has a trace in it
BUFFER_BYTES = 1 << 16  # so that most answers come in one piece


class ProtocolError(Exception):
    """An answer that no render of ours gives."""


@dataclass(frozen=True)
class Job:
    """What is to be done with a source of `size` bytes; `plan` is None where only the header is asked for."""

    plan: str | None
    limits: Limits
    size: int
    watermarks: Sequence[int] = ()  # their lengths in bytes

    def dump(self) -> bytes:
        return json.dumps(vars(self) | {"limits": vars(self.limits)}).encode() + b"\n"

    @classmethod
    def load(cls, line: bytes) -> "Job":
        told = json.loads(line)
        return cls(**told | {"limits": Limits(**told["limits"])})


def share(file: BinaryIO) -> int:
    """A new descriptor of what `file` holds, to be given away: it can only be read, and its use moves no other."""
    file.seek(0)  # what is buffered is written, too
    try:
        return _readable(file.fileno())
    except io.UnsupportedOperation:  # it lies in memory, and does so once more
        with _new_file() as copy:
            shutil.copyfileobj(file, copy)
            copy.flush()
            return _readable(copy.fileno())


def _new_file() -> BinaryIO:
    """A file that has no name: in memory where the platform has such files."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("source"), "w+b")
    return tempfile.TemporaryFile()  # the caller closes it


def _readable(descriptor: int) -> int:
    return os.open(f"{DESCRIPTORS}/{descriptor}", os.O_RDONLY)


def limit(sock: socket.socket, seconds: float) -> None:
    """Have the kernel wait so long for each thing sent or received; BlockingIOError where it takes longer."""
    timeout = TIMEVAL.pack(int(seconds), int(seconds % 1 * 1_000_000))
    sock.setblocking(True)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)


def send_job(sock: socket.socket, job: bytes, source: int, watermarks: Sequence[bytes]) -> None:
    """Ask for a job. `source` is a descriptor, which stays ours to close."""
    message = b"".join([job, *watermarks])
    sent = socket.send_fds(sock, [message], [source])
    if sent < len(message):  # else the other side may have done the job and gone by now
        sock.sendall(message[sent:])


def receive_job(sock: socket.socket, number: int) -> tuple[Job, BinaryIO, list[bytes]]:
    """Say that the renderer of that number takes a job on, and take it: with its source and its watermarks.

    ConnectionError where the other side ends earlier.
    """
    sock.sendall(BEGIN.pack(time.monotonic(), number))
    start, descriptors, _, _ = socket.recv_fds(sock, 1, 1)
    if not descriptors:
        raise _gone()
    source: BinaryIO = os.fdopen(descriptors[0], "rb", buffering=0)
    with io.BufferedReader(socket.SocketIO(sock, "r"), BUFFER_BYTES) as rest:
        job = Job.load(start + rest.readline())
        return job, source, [_read(rest, size) for size in job.watermarks]


def send_answer(sock: socket.socket, line: Mapping[str, object], body: bytes = b"") -> None:
    """What became of a job."""
    head = json.dumps({**line, "size": len(body)}).encode() + b"\n"
    if len(body) <= BUFFER_BYTES:
        sock.sendall(head + body)  # the other side is woken once
    else:
        sock.sendall(head)
        sock.sendall(body)


class Reply(io.BufferedReader):
    """What comes on a connection after a job, in the order of its methods. It owns the connection.

    The kernel gathers it: who waits for it is woken once, and not for each word that is said.
    """

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(_Gathered(connection), BUFFER_BYTES)
        self.number = 0

    def receive_begin(self) -> float:
        """When the job was taken on, by the renderer that is `number` from now on; ConnectionError where it was not."""
        began: float
        began, self.number = BEGIN.unpack(_read(self, BEGIN.size))
        return began

    def receive_rest(self, most: int) -> tuple[dict[str, Any], bytes]:
        """The line and the bytes. Raises ProtocolError, also for more than `most` bytes, and ConnectionError."""
        line = self.readline(LINE_BYTES)
        if not line:
            raise _gone()
        with _from_one_of_ours():
            told = json.loads(line)
            size = told["size"]
            if not 0 <= size <= most:
                raise ValueError(size)
            return told, _read(self, size)


class _Gathered(io.RawIOBase):
    """A connection as a file that fills what it is given, up to its end."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int:
        return self._connection.recv_into(buffer, 0, socket.MSG_WAITALL)

    def close(self) -> None:
        self._connection.close()
        super().close()


def _read(file: io.BufferedIOBase, size: int) -> bytes:
    """Exactly `size` bytes; ConnectionError where the other side ends earlier."""
    body = file.read(size)
    if len(body) != size:
        raise _gone()
    return body


def _gone() -> ConnectionError:
    return ConnectionResetError(errno.ECONNRESET, "the other side is gone")


def dump_fault(fault: Fault, trace: str = "") -> dict[str, object]:
    """A fault as it crosses over. `trace` is for our log, never for the caller."""
    return {"fault": fault.facts() | {"trace": trace}}


class _from_one_of_ours(ContextDecorator):
    """A decoder that runs wild may have written the answer: nonsense raises ProtocolError."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: object, _trace: object) -> None:
        if isinstance(error, ValueError | LookupError | TypeError | AttributeError | RecursionError):
            raise ProtocolError("no render of ours answers like that") from error


@_from_one_of_ours()
def load_fault(told: Mapping[str, Any]) -> tuple[Fault, str]:
    """The fault that a child raised, and its trace."""
    facts = told["fault"]
    fault = fault_of(facts["code"])(
        str(facts["detail"]), parameter=_text(facts.get("parameter")), expected=_text(facts.get("expected"))
    )
    return fault, str(facts["trace"])


def dump_header(header: Header) -> dict[str, object]:
    """A header as it crosses over."""
    return {"header": asdict(header) | {"format": header.format.name}}


@_from_one_of_ours()
def load_header(told: Mapping[str, Any], _body: bytes) -> Header:
    """The header that a child read."""
    header = told["header"]
    return Header(**header | {"format": FORMATS[header["format"]], "notes": tuple(header["notes"])})


def dump_rendered(rendered: Rendered) -> dict[str, object]:
    """All but the bytes of a result as it crosses over."""
    milliseconds = dict(rendered.milliseconds)
    return {"content_type": rendered.content_type, "notes": rendered.notes, "milliseconds": milliseconds}


@_from_one_of_ours()
def load_rendered(told: Mapping[str, Any], body: bytes) -> Rendered:
    """What a child rendered."""
    content_type, notes = told["content_type"], tuple(told["notes"])
    if content_type not in CONTENT_TYPES or not all(note.isprintable() for note in notes):
        raise ValueError(content_type)
    milliseconds = {name: float(value) for name, value in told["milliseconds"].items()}
    return Rendered(body, content_type, notes, milliseconds)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
