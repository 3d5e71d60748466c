"""HTTP to a store that may hang, drip, break off or be away: one pool, few retries, and an end to all waiting.

urllib3's timeouts bound one wait for bytes, so a store that sends one byte a second is waited for without end. Here
every operation is a Call with a total of seconds, and its sockets wait only as long as it has left.
"""

import io
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

import certifi
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import Retry, Timeout

from imgfn.observability.trace_context import outgoing_headers

if TYPE_CHECKING:
    from typing_extensions import Buffer  # collections.abc has it from Python 3.12 on

BACKOFF_SECONDS = 0.1  # before the second retry, doubled each time
JITTER_SECONDS = 0.1


class Call:
    """One operation: the seconds that it may still wait for the store. What the caller does in between is not counted.

    With `create` it writes only where nothing is (RFC 9110, If-None-Match: *).
    """

    def __init__(self, seconds: float, create: bool = False) -> None:
        self.create = create
        self._left = seconds
        self._end = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Let the seconds run, for this thread's sockets."""
        self._end = time.monotonic() + self._left
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)
            self._left = self._end - time.monotonic()

    def shorten(self, seconds: float | None) -> float:
        """A timeout, but no longer than there is time. Raises TimeoutError where there is none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the operation's time is over")
        return left if seconds is None else min(left, seconds)


_current: ContextVar[Call] = ContextVar("call")


class _BoundedSocket:
    """A connected socket whose every wait ends with the Call; all else is the socket's own."""

    def __init__(self, wrapped: socket.socket) -> None:
        self._socket = wrapped
        self._patience_seconds = wrapped.gettimeout()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def settimeout(self, seconds: float | None) -> None:
        self._patience_seconds = seconds

    def limit(self) -> None:
        """Set the socket to wait for the next bytes only."""
        self._socket.settimeout(_current.get().shorten(self._patience_seconds))

    def sendall(self, content: "Buffer") -> None:
        view = memoryview(content).cast("B")
        while view:
            self.limit()
            view = view[self._socket.send(view) :]

    def makefile(self, mode: Literal["rb"]) -> io.BufferedReader:
        return _WholeLines(_Incoming(self, self._socket.makefile(mode, buffering=0)))


class _Incoming(io.RawIOBase):
    def __init__(self, bounded: _BoundedSocket, file: socket.SocketIO) -> None:
        self._bounded = bounded
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int | None:
        self._bounded.limit()
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


class _WholeLines(io.BufferedReader):
    """http.client takes headers that a broken connection cut in the middle for all there are."""

    def readline(self, limit: int | None = -1) -> bytes:
        line = super().readline(limit)
        if not line.endswith(b"\n") and len(line) != limit:
            raise ConnectionAbortedError("the answer ended within its headers")
        return line


def _bound(connection: HTTPConnection) -> None:
    connection.sock = _BoundedSocket(connection.sock)  # quacks like one


class _Connection(HTTPConnection):
    def connect(self) -> None:
        self.timeout = _current.get().shorten(self.timeout)
        super().connect()
        _bound(self)


class _SecureConnection(HTTPSConnection):
    def connect(self) -> None:
        self.timeout = _current.get().shorten(self.timeout)
        super().connect()
        _bound(self)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class Wire(urllib3.PoolManager):
    """The HTTP client of one store; every request belongs to the Call that is waiting.

    `connections` is as many as there are threads: more would be thrown away, fewer made again and again.
    """

    def __init__(self, connect_seconds: float, read_seconds: float, retries: int, connections: int) -> None:
        super().__init__(
            timeout=Timeout(connect=connect_seconds, read=read_seconds),
            maxsize=connections,
            cert_reqs="CERT_REQUIRED",
            ca_certs=os.environ.get("SSL_CERT_FILE") or certifi.where(),
            retries=Retry(
                total=retries,
                redirect=0,
                status_forcelist=(500, 502, 503, 504),
                backoff_factor=BACKOFF_SECONDS,
                backoff_jitter=JITTER_SECONDS,
                raise_on_status=False,
                raise_on_redirect=False,
                respect_retry_after_header=False,  # it may ask for hours
            ),
        )
        self.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def urlopen(  # type: ignore[override]  # PoolManager's own signature differs from its base's, too
        self, method: str, url: str, redirect: bool = True, **options: Any
    ) -> Any:
        options["headers"].update(outgoing_headers())
        if _current.get().create and _publishes(method, url):
            options["headers"]["If-None-Match"] = "*"
            # Sent twice, it would meet its own first success and call it somebody else's.
            options["retries"] = Retry(total=0, raise_on_status=False)
        return super().urlopen(method, url, redirect, **options)


def _publishes(method: str, url: str) -> bool:
    """Whether a request makes an object visible: a plain PUT, or the POST that completes a multipart upload."""
    return method == ("POST" if "uploadId=" in url else "PUT")
