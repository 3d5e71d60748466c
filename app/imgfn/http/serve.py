"""Runs one WSGI request to its end: every exception becomes an answer, a log line and a count."""

import errno
import time
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException

from imgfn.core.faults import (
    BadRequest,
    EntityTooLarge,
    Fault,
    InternalError,
    MethodNotAllowed,
    NotFound,
    SlowDown,
    StoreFull,
)
from imgfn.http.request import Exchange
from imgfn.http.responses import Answer, problem
from imgfn.http.urls import conform
from imgfn.observability import trace_context
from imgfn.observability.events import choose_request_id, observe_incident, observe_request
from imgfn.observability.log import bind, log, unbind

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from imgfn.config.settings import Settings

VERSION = version("imgfn")
EXPOSED = "ETag, X-Request-Id, X-Imgfn-Result, X-Imgfn-Note, X-Imgfn-Version, Server-Timing, Content-Length"
CLOSED = {  # unless an answer says otherwise
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}

STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}

# Resources of the machine that can run out; shortages of the store come as its own Faults.
SHORTAGES: dict[int, type[Fault]] = {
    errno.EMFILE: SlowDown,
    errno.ENFILE: SlowDown,
    errno.ENOMEM: SlowDown,
    errno.ENOSPC: StoreFull,
    errno.EDQUOT: StoreFull,
    errno.EFBIG: StoreFull,
}


def serve(
    answer: Callable[[Exchange], Answer],
    environ: "WSGIEnvironment",
    start_response: "StartResponse",
    *,
    mount: str,
    methods: tuple[str, ...],
    settings: "Callable[[], Settings]",
) -> Iterable[bytes]:
    """Run one request to its end: a Fault becomes a problem document, anything else is a bug of ours and a 500."""
    began = time.perf_counter()
    environ = conform(environ)
    method = environ["REQUEST_METHOD"].upper()
    request_id = choose_request_id(environ.get("HTTP_X_REQUEST_ID"))
    trace = trace_context.begin(environ)
    bound = {"request_id": request_id} | ({"trace_id": trace.trace_id} if trace else {})
    bind(**bound)
    facts: dict[str, Any] = {}
    try:
        if method == "OPTIONS":
            told = _preflight(methods)
        elif method not in methods:
            allow = ", ".join((*methods, "OPTIONS"))
            raise MethodNotAllowed(f"{method} is not allowed here", expected=allow, headers={"Allow": allow})
        else:
            exchange = Exchange(environ, method, mount, settings())
            facts = exchange.facts
            told = answer(exchange)
    except Fault as fault:
        told = problem(fault, environ, request_id)
    except HTTPException as error:
        told = problem(_fault_from(error, environ["PATH_INFO"]), environ, request_id)
    except Exception as error:
        told = problem(_explain(error), environ, request_id)
    headers = CLOSED | told.headers | _common_headers(environ, request_id, settings, told.headers.get("Vary"))
    sent_bytes = 0 if method == "HEAD" else int(headers.get("Content-Length", 0))
    line = {"function": mount.strip("/") or "web", "method": method, "status": told.status, **facts}
    line |= {"bytes": sent_bytes, "ms": round((time.perf_counter() - began) * 1000, 2)}
    observe_request(line)
    if trace is not None:
        trace_context.end(trace, line)
    unbind(*bound)
    start_response(STATUS_LINES[told.status], list(headers.items()))
    if method != "HEAD":
        return told.chunks if isinstance(told.chunks, tuple) else _Body(told.chunks, request_id)
    if hasattr(told.chunks, "close"):
        told.chunks.close()
    return ()


class _Body:
    """A body that is read while it is sent. Where it breaks off the connection is reset: the status is out already.

    Servers take an OSError for a connection that is gone, and close it once. Any other exception they try to answer.
    """

    def __init__(self, chunks: Iterable[bytes], request_id: str) -> None:
        self._chunks = chunks
        self._request_id = request_id

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._chunks
        except Exception as error:
            detail = error.detail if isinstance(error, Fault) else repr(error)
            observe_incident("answer_cut_off", request_id=self._request_id, detail=detail)
            raise ConnectionResetError(errno.ECONNRESET, "the answer ended early") from error

    def close(self) -> None:
        if hasattr(self._chunks, "close"):
            self._chunks.close()


def _explain(error: Exception) -> Fault:
    """The Fault for a shortage of the machine; any other exception is a bug of ours."""
    kind = SHORTAGES.get(error.errno or 0) if isinstance(error, OSError) else None
    if kind is None:
        log.exception("bug")
        return InternalError()
    log.exception("shortage")
    return kind(headers={"Retry-After": "1"})


def _fault_from(error: HTTPException, path: str) -> Fault:
    """What Werkzeug and Flask refuse, as one of our faults."""
    if error.code == 404:
        return NotFound(f"nothing is at {path.encode('latin-1').decode(errors='replace')[:80]!r}")
    kinds: dict[int | None, type[Fault]] = {405: MethodNotAllowed, 413: EntityTooLarge}
    allow = {name: value for name, value in error.get_headers() if name == "Allow"}
    return kinds.get(error.code, BadRequest)(str(error.description), expected=allow.get("Allow"), headers=allow)


def _preflight(methods: tuple[str, ...]) -> Answer:
    allow = ", ".join((*methods, "OPTIONS"))
    headers = {
        "Allow": allow,
        "Access-Control-Allow-Methods": allow,
        "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Match, "
        "If-Range, If-Unmodified-Since, Range, X-Request-Id",
        "Access-Control-Max-Age": "86400",
    }
    return Answer(204, headers)


def _common_headers(
    environ: "WSGIEnvironment", request_id: str, settings: "Callable[[], Settings]", varies: str | None
) -> dict[str, str]:
    """What every answer carries, the refused ones too. `varies` is what its Vary says already."""
    headers = {"X-Request-Id": request_id, "X-Imgfn-Version": VERSION, "X-Content-Type-Options": "nosniff"}
    allowed = settings().cors_origins
    if "*" in allowed:
        headers["Access-Control-Allow-Origin"] = "*"  # to everyone, so that a cache can give it to everyone
    elif allowed:
        headers["Vary"] = f"{varies}, Origin" if varies else "Origin"
        origin = environ.get("HTTP_ORIGIN")
        if origin in allowed:
            headers["Access-Control-Allow-Origin"] = origin
    if "Access-Control-Allow-Origin" in headers:
        headers["Access-Control-Expose-Headers"] = EXPOSED
    return headers
