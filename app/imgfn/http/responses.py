"""Answers: pictures, receipts, problem documents, 304."""

import functools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import http_date, parse_accept_header

from imgfn.core.faults import Fault
from imgfn.purge.change import tag_of_key, tag_of_style
from imgfn.service.content import OPAQUE, Content
from imgfn.service.service import ResultRef

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

PROBLEM = "application/problem+json"
MOST_KNOWN = 1000  # what is worked out for one request and the same for many others
NO_STORE = {"Cache-Control": "no-store"}
_to_json = json.JSONEncoder(ensure_ascii=False).encode


@dataclass
class Answer:
    """A response: status, headers, and the body in chunks, read once."""

    status: int
    headers: dict[str, str]
    chunks: Iterable[bytes] = ()


def problem(fault: Fault, environ: "WSGIEnvironment", request_id: str) -> Answer:
    """RFC 9457; XML in OSS's shape where Accept prefers it."""
    told = {"type": f"urn:imgfn:{fault.code}", **fault.facts(), "request_id": request_id}
    chosen = _kind_of_problem(environ.get("HTTP_ACCEPT", ""))
    if chosen.endswith("/xml"):
        host = environ.get("HTTP_HOST") or environ["SERVER_NAME"]
        members = {"Code": fault.code, "Message": fault.detail, "RequestId": request_id, "HostId": host}
        inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in members.items())
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>\n'
        return _text(body, fault.status, fault.headers, chosen)
    return _text(_to_json(told) + "\n", fault.status, fault.headers, PROBLEM)


@functools.lru_cache(MOST_KNOWN)
def _kind_of_problem(accept: str) -> str:
    """The media type that suits an Accept header best."""
    kinds = [PROBLEM, "application/json", "application/xml", "text/xml"]
    return parse_accept_header(accept, MIMEAccept).best_match(kinds, PROBLEM)


def not_modified(ref: ResultRef, max_age: int) -> Answer:
    """304, for a caller that has this version already."""
    return Answer(304, _validators(ref, max_age))


def picture(content: Content, ref: ResultRef, max_age: int) -> Answer:
    """The answer with a picture or a report in it."""
    # An SVG can run scripts: a stored one must not open in our origin.
    closed = content.content_type in ("image/svg+xml", OPAQUE)
    headers = {
        **_validators(ref, max_age),
        "Content-Type": content.content_type,
        "Content-Length": str(content.size),
        "Accept-Ranges": "bytes",
        "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
        "Content-Disposition": "attachment" if closed else "inline",
        "X-Imgfn-Result": "made" if content.made else "kept",
        "Server-Timing": ", ".join(f"{name};dur={value:.1f}" for name, value in content.milliseconds.items()),
    }
    if content.notes:
        headers["X-Imgfn-Note"] = "; ".join(content.notes)
    status = 200
    if content.part is not None:
        start, length = content.part
        status = 206
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{content.size}"
        headers["Content-Length"] = str(length)
    return Answer(status, headers, content.chunks)


def cache_tags(ref: ResultRef, headers: Sequence[str]) -> dict[str, str]:
    """Tags by which caches find all that is made of a source, of a watermark image or by a style.

    `Surrogate-Key` has spaces between them (https://www.fastly.com/documentation/reference/http/http-headers/Surrogate-Key),
    Cache-Tag and its like have commas.
    """
    if not headers:
        return {}
    keys = (ref.source.key, *(watermark.key for watermark in ref.watermarks))
    tags = (*map(tag_of_key, dict.fromkeys(keys)), *map(tag_of_style, ref.plan.styles))
    return {header: (" " if header.lower() == "surrogate-key" else ",").join(tags) for header in headers}


def receipt(body: Any, status: int) -> Answer:
    """A JSON answer that is not a picture and not a problem."""
    return _text(_to_json(body) + "\n", status, {}, "application/json")


def _text(text: str, status: int, headers: dict[str, str], content_type: str) -> Answer:
    body = text.encode()
    about = {"Content-Type": content_type, "Content-Length": str(len(body))}
    return Answer(status, headers | NO_STORE | about, (body,))


_date = functools.lru_cache(MOST_KNOWN)(http_date)


def _validators(ref: ResultRef, max_age: int) -> dict[str, str]:
    headers = {
        "ETag": f'"{ref.etag}"',
        "Last-Modified": _date(ref.modified),
        "Cache-Control": f"public, max-age={max_age}",
    }
    return headers | {"Vary": "Accept"} if ref.varies else headers
