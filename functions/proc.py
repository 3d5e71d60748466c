"""GET /proc/<operations>/<key>: a stored picture, turned, scaled and converted as its URL says."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from app import wiring
from app.access import admit
from app.cloud import remember_request
from app.core.faults import NoSuchKey
from app.core.key import Key
from app.core.plan import Plan, parse_oss, parse_path, suggestion
from app.http import Exchange, chosen_part, not_modified, picture, serve
from app.service import Wanted

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def initializer(context: Any) -> None:
    """Function Compute calls this once for each instance, before the first request."""
    wiring.open_service(context)


def handler(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """The one entry: gunicorn, the Flask app and Function Compute all call it."""
    remember_request(environ)
    return serve(answer, environ, start_response, mount="/proc", methods=("GET", "HEAD"), settings=wiring.settings)


def answer(exchange: Exchange) -> Response:
    """Locate, then 304 or the picture."""
    plan, key = parse(exchange)
    until = admit(exchange, styled=False)
    wanted = locate(exchange, plan, key)
    exchange.facts |= {"plan": wanted.plan.text, "key": wanted.source.key}
    max_age = cache_seconds(exchange.settings.cache_seconds, until)
    unchanged = not_modified(wanted, exchange.request, max_age)
    if unchanged is not None:
        exchange.facts["result"] = "unchanged"
        return unchanged
    part = chosen_part(exchange.request, wanted)
    produced = wiring.service().produce(wanted, part, unbounded=until is not None)
    exchange.facts["result"] = "made" if produced.made else "kept"
    exchange.facts |= {f"{name}_ms": round(value, 2) for name, value in produced.milliseconds.items()}
    return picture(produced, wanted, max_age)


def parse(exchange: Exchange) -> tuple[Plan, Key]:
    """What the URL says; the path's steps come before those of x-oss-process. No store is asked."""
    plan, name = parse_path(exchange.path)
    process = exchange.request.args.get("x-oss-process")
    if process is not None:
        plan += parse_oss(process)
    return plan, Key.parse(name)


def locate(exchange: Exchange, plan: Plan, key: Key) -> Wanted:
    """The stats of the sources, and with them the result's name."""
    accept = exchange.request.accept_mimetypes

    def quality(content_type: str) -> tuple[float, bool]:
        return accept.quality(content_type), any(value == content_type for value, _ in accept)

    try:
        return wiring.service().locate(plan, key, quality)
    except NoSuchKey as fault:
        raise NoSuchKey(fault.detail + suggestion(key.partition("/")[0])) from fault


def cache_seconds(most: int, until: int | None) -> int:
    """How long caches may keep an answer: `most`, but never past the end of the signature that it was given to."""
    return most if until is None else max(0, min(most, until - int(time.time())))
