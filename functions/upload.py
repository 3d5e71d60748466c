"""POST /upload/ and PUT /upload/<key>: pictures in, checked before they are stored; DELETE /upload/<key>."""

from collections.abc import Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from werkzeug.wrappers import Request

from imgfn import wiring
from imgfn.core.faults import InvalidArgument, NoSuchKey
from imgfn.core.key import Key
from imgfn.http.authorization import grant_upload, require_admin
from imgfn.http.conditions import has_conditions, is_unchanged
from imgfn.http.function_compute import remember_request
from imgfn.http.request import Exchange
from imgfn.http.responses import Answer, receipt
from imgfn.http.serve import serve
from imgfn.http.uploads import receive_one, receive_parts
from imgfn.service.service import StoredUpload

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def initializer(context: Any) -> None:
    """Function Compute calls this once for each instance, before the first request."""
    wiring.open_service(context)


def handler(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """The one entry: gunicorn, the Flask app and Function Compute all call it."""
    remember_request(environ)
    methods = ("POST", "PUT", "DELETE")
    return serve(answer, environ, start_response, mount="/upload", methods=methods, settings=wiring.settings)


def answer(exchange: Exchange) -> Answer:
    """Take the pictures in, or delete one."""
    if exchange.method == "DELETE":
        return delete(exchange)
    settings = exchange.settings
    grant = grant_upload(exchange)
    by_content = names_by_content(exchange.request)
    limits = {"max_bytes": grant.max_bytes, "max_parts": settings.max_upload_parts}
    with ExitStack() as stack:
        if exchange.method == "PUT" or exchange.path:
            key = None if by_content else Key.parse(exchange.path)
            check_conditions(exchange, key)
            files = [receive_one(exchange.request, stack, key, **limits)]
        else:
            files = receive_parts(exchange.request, stack, by_content=by_content, **limits)
        stored = wiring.service().receive(files, overwrite=grant.overwrite, only_type=grant.content_type)
    exchange.facts["key"] = ",".join(file.stat.key for file in stored)
    exchange.facts["received_bytes"] = sum(file.stat.size for file in stored)
    receipts = [describe(file, settings.public_url) for file in stored]
    return receipt({"files": receipts}, 201 if any(file.created for file in stored) else 200)


def delete(exchange: Exchange) -> Answer:
    """204 when the source and all its results are gone."""
    require_admin(exchange, "delete")
    key = Key.parse(exchange.path)
    exchange.facts["key"] = key
    check_conditions(exchange, key)
    wiring.service().delete(key)
    return Answer(204, {})


def check_conditions(exchange: Exchange, key: Key | None) -> None:
    """Raise PreconditionFailed where If-Match and its like do not suit what is stored under `key`."""
    if key is None or not has_conditions(exchange):
        return
    try:
        stat = wiring.service().sources.stat(key)
    except NoSuchKey:
        is_unchanged(exchange, None, None)
    else:
        is_unchanged(exchange, stat.etag, stat.modified)


def names_by_content(request: Request) -> bool:
    """Whether ?key=hash asks for a name made of the content. Raises InvalidArgument for another ?key."""
    wish = request.args.get("key")
    if wish not in (None, "hash"):
        raise InvalidArgument(f"key is {wish!r}", parameter="key", expected="hash, or no such parameter")
    return wish == "hash"


def describe(file: StoredUpload, public_url: str) -> dict[str, Any]:
    """The receipt of a stored file; `size` in bytes, `width` and `height` in pixels."""
    return {
        "key": file.stat.key,
        "url": f"{public_url}/proc/{quote(file.stat.key)}",
        "size": file.stat.size,
        "width": file.width,
        "height": file.height,
        "format": file.format,
        "etag": file.stat.etag,
        "sha256": file.sha256,
    } | ({"notes": list(file.notes)} if file.notes else {})
