"""HTTP at the edge: requests in; pictures, receipts and problem documents out."""

import errno
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.http import http_date
from werkzeug.wrappers import Request

from app.address import conform, path_below, signed_target
from app.core.faults import (
    BadRequest,
    EntityTooLarge,
    Fault,
    InternalError,
    MethodNotAllowed,
    NotFound,
    RangeNotSatisfiable,
    SlowDown,
    StoreFull,
)
from app.core.turns import turn
from app.log import bind, log, unbind
from app.reading import OPAQUE, Choose, Part, Produced
from app.service import Wanted
from app.telemetry import choose_request_id, observe_request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from app.core.settings import Settings

VERSION = version("imgfn")
NO_STORE = {"Cache-Control": "no-store"}
EXPOSED = "ETag, X-Request-Id, X-Imgfn-Result, X-Imgfn-Note, X-Imgfn-Version, Server-Timing, Content-Length"
CLOSED = {  # unless an answer says otherwise
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}

STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
_to_json = json.JSONEncoder(ensure_ascii=False).encode
SENT_AT_ONCE_BYTES = 65536  # what a kernel takes whole, however slowly the caller reads

# What a machine can run out of while nobody is at fault; the store's own shortages come as its Faults.
SHORTAGES: dict[int, type[Fault]] = {
    errno.EMFILE: SlowDown,
    errno.ENFILE: SlowDown,
    errno.ENOMEM: SlowDown,
    errno.ENOSPC: StoreFull,
    errno.EDQUOT: StoreFull,
    errno.EFBIG: StoreFull,
}


@dataclass
class Answer:
    """What goes out: a status, headers, and the body in chunks, read once."""

    status: int
    headers: dict[str, str]
    chunks: Iterable[bytes] = ()


class Exchange:
    """One request on its way: what was asked, and what the log line will say of it."""

    def __init__(self, request: Request, mount: str, settings: "Settings") -> None:
        self.request = request
        self.settings = settings
        self.path = path_below(request.environ, mount, settings.max_url_bytes)
        self.facts: dict[str, Any] = {}
        self._mount = mount

    @property
    def target(self) -> str:
        """What a signature of this request covers."""
        return signed_target(self.request.environ, self._mount, self.path)


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
    request = Request(conform(environ))
    request_id = choose_request_id(environ.get("HTTP_X_REQUEST_ID"))
    bind(request_id=request_id)
    facts: dict[str, Any] = {}
    try:
        if request.method == "OPTIONS":
            told = _preflight(methods)
        elif request.method not in methods:
            allow = ", ".join((*methods, "OPTIONS"))
            raise MethodNotAllowed(f"{request.method} is not allowed here", expected=allow, headers={"Allow": allow})
        else:
            exchange = Exchange(request, mount, settings())
            facts = exchange.facts
            told = answer(exchange)
    except Fault as fault:
        told = problem(fault, request, request_id)
    except HTTPException as error:
        told = problem(_fault_from(error, request), request, request_id)
    except Exception as error:
        told = problem(_explain(error), request, request_id)
    headers = CLOSED | told.headers | _common_headers(request, request_id, settings, told.headers.get("Vary"))
    sent_bytes = 0 if request.method == "HEAD" else int(headers.get("Content-Length", 0))
    line = {"function": mount.strip("/") or "web", "method": request.method, "status": told.status, **facts}
    observe_request({**line, "bytes": sent_bytes, "ms": round((time.perf_counter() - began) * 1000, 2)})
    unbind("request_id")
    if sent_bytes > SENT_AT_ONCE_BYTES:
        turn.give_way()
    start_response(STATUS_LINES[told.status], list(headers.items()))
    if request.method != "HEAD":
        return told.chunks
    if hasattr(told.chunks, "close"):
        told.chunks.close()
    return ()


def _explain(error: Exception) -> Fault:
    """What a machine without room or descriptors is told to callers; all else that is no Fault is a bug of ours."""
    kind = SHORTAGES.get(error.errno or 0) if isinstance(error, OSError) else None
    if kind is None:
        log.exception("bug")
        return InternalError()
    log.exception("shortage")
    return kind(headers={"Retry-After": "1"})


def problem(fault: Fault, request: Request, request_id: str) -> Answer:
    """RFC 9457; XML in OSS's shape where Accept prefers it."""
    told = {"type": f"urn:imgfn:{fault.code}", **fault.facts(), "request_id": request_id}
    kinds = ["application/problem+json", "application/json", "application/xml", "text/xml"]
    chosen = request.accept_mimetypes.best_match(kinds, kinds[0])
    if chosen.endswith("/xml"):
        members = {"Code": fault.code, "Message": fault.detail, "RequestId": request_id, "HostId": request.host}
        inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in members.items())
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>\n'
        return _text(body, fault.status, fault.headers, chosen)
    return _text(_to_json(told) + "\n", fault.status, fault.headers, kinds[0])


def _fault_from(error: HTTPException, request: Request) -> Fault:
    """What Werkzeug and Flask refuse, as one of our faults."""
    if error.code == 404:
        return NotFound(f"nothing is at {request.path[:80]!r}")
    kinds: dict[int | None, type[Fault]] = {405: MethodNotAllowed, 413: EntityTooLarge}
    allow = {name: value for name, value in error.get_headers() if name == "Allow"}
    return kinds.get(error.code, BadRequest)(str(error.description), expected=allow.get("Allow"), headers=allow)


def not_modified(wanted: Wanted, request: Request, max_age: int) -> Answer | None:
    """304 where the caller has this version already (RFC 9110, 13.1), else None."""
    if "HTTP_IF_NONE_MATCH" in request.environ:
        fresh = request.if_none_match.contains_weak(wanted.etag)
    else:
        since = request.if_modified_since
        fresh = since is not None and wanted.source.modified.replace(microsecond=0) <= since
    if not fresh:
        return None
    return Answer(304, _validators(wanted, max_age))


def chosen_part(request: Request, wanted: Wanted) -> Choose | None:
    """What a Range header asks for: a function from the size of the whole. Several ranges at once count as none."""
    ranges = request.range
    if ranges is None or ranges.units != "bytes" or len(ranges.ranges) != 1:
        return None
    condition = request.if_range
    if condition.etag not in (None, wanted.etag):
        return None
    if condition.date is not None and condition.date != wanted.source.modified.replace(microsecond=0):
        return None

    def choose(size: int) -> Part:
        bounds = ranges.range_for_length(size)
        if bounds is None or bounds[0] >= size:
            raise RangeNotSatisfiable(expected=f"0-{size - 1}", headers={"Content-Range": f"bytes */{size}"})
        return bounds[0], bounds[1] - bounds[0]

    return choose


def picture(produced: Produced, wanted: Wanted, max_age: int) -> Answer:
    """The answer with a picture or a report in it."""
    # An SVG is a program: nobody may open a stored one in our origin.
    closed = produced.content_type in ("image/svg+xml", OPAQUE)
    headers = {
        **_validators(wanted, max_age),
        "Content-Type": produced.content_type,
        "Content-Length": str(produced.size),
        "Accept-Ranges": "bytes",
        "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
        "Content-Disposition": "attachment" if closed else "inline",
        "X-Imgfn-Result": "made" if produced.made else "kept",
        "Server-Timing": ", ".join(f"{name};dur={value:.1f}" for name, value in produced.milliseconds.items()),
    }
    if produced.notes:
        headers["X-Imgfn-Note"] = "; ".join(produced.notes)
    status = 200
    if produced.part is not None:
        start, length = produced.part
        status = 206
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{produced.size}"
        headers["Content-Length"] = str(length)
    return Answer(status, headers, produced.chunks)


def receipt(body: Any, status: int) -> Answer:
    """A JSON answer that is not a picture and not a problem."""
    return _text(_to_json(body) + "\n", status, {}, "application/json")


def _text(text: str, status: int, headers: dict[str, str], content_type: str) -> Answer:
    body = text.encode()
    about = {"Content-Type": content_type, "Content-Length": str(len(body))}
    return Answer(status, headers | NO_STORE | about, (body,))


def _validators(wanted: Wanted, max_age: int) -> dict[str, str]:
    headers = {
        "ETag": f'"{wanted.etag}"',
        "Last-Modified": http_date(wanted.source.modified),
        "Cache-Control": f"public, max-age={max_age}",
    }
    return headers | {"Vary": "Accept"} if wanted.varies else headers


def _preflight(methods: tuple[str, ...]) -> Answer:
    allow = ", ".join((*methods, "OPTIONS"))
    headers = {
        "Allow": allow,
        "Access-Control-Allow-Methods": allow,
        "Access-Control-Allow-Headers": "Authorization, Content-Type, If-None-Match, Range, X-Request-Id",
        "Access-Control-Max-Age": "86400",
    }
    return Answer(204, headers)


def _common_headers(
    request: Request, request_id: str, settings: "Callable[[], Settings]", varies: str | None
) -> dict[str, str]:
    """What every answer carries, the refused ones too. `varies` is what its Vary says already."""
    headers = {"X-Request-Id": request_id, "X-Imgfn-Version": VERSION, "X-Content-Type-Options": "nosniff"}
    allowed = settings().cors_origins
    if "*" in allowed:
        headers["Access-Control-Allow-Origin"] = "*"  # to everyone, so that a cache can give it to everyone
    elif allowed:
        headers["Vary"] = f"{varies}, Origin" if varies else "Origin"
        origin = request.headers.get("Origin")
        if origin in allowed:
            headers["Access-Control-Allow-Origin"] = origin
    if "Access-Control-Allow-Origin" in headers:
        headers["Access-Control-Expose-Headers"] = EXPOSED
    return headers
