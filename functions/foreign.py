"""GET of a picture by another service's URL grammar; authorization, ETag and caching are those of /proc."""

import hashlib
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from imgfn import wiring
from imgfn.core.key import Key
from imgfn.core.output import Size
from imgfn.functions.proc import cache_seconds, locate, show
from imgfn.grammars import iiif
from imgfn.grammars.asked import Asked, plan_of
from imgfn.http.authorization import admit
from imgfn.http.conditions import is_unchanged
from imgfn.http.function_compute import remember_request
from imgfn.http.request import Exchange
from imgfn.http.responses import Answer
from imgfn.http.serve import serve
from imgfn.imaging.view import ORIENTATIONS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

METHODS = ("GET", "HEAD")
LD_JSON = "application/ld+json"
LYING = {str(number) for number, turn in ORIENTATIONS.items() if turn.quarters % 2}  # upright, sides are swapped


def iiif_handler(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """IIIF Image API 3.0 below /iiif/3."""
    remember_request(environ)
    return serve(answer_iiif, environ, start_response, mount=iiif.MOUNT, methods=METHODS, settings=wiring.settings)


def answer_iiif(exchange: Exchange) -> Answer:
    """A picture, info.json, or the way from the base URI to it."""
    base = (exchange.settings.public_url or exchange.request.host_url).rstrip("/") + iiif.MOUNT
    asked = iiif.read(exchange.segments, base)
    until = admit(exchange, styled=False)
    if isinstance(asked, Asked):
        return show_asked(exchange, asked, until)
    if not asked.described:
        return Answer(303, {"Location": f"{base}/{exchange.raw_path}/info.json", "Content-Length": "0"})
    size = size_of(exchange, asked.key, until)
    return information(exchange, asked.information(base, size), until)


def information(exchange: Exchange, facts: dict[str, object], until: int | None) -> Answer:
    """info.json, as JSON-LD where the caller ranks that higher."""
    context = f'{LD_JSON};profile="{iiif.CONTEXT}"'
    accepted = exchange.request.accept_mimetypes
    kind = context if accepted.quality(LD_JSON) > accepted.quality("application/json") else "application/json"
    body = json.dumps(facts, ensure_ascii=False).encode()
    etag = hashlib.sha256(kind.encode() + body).hexdigest()[:32]
    max_age = cache_seconds(exchange.settings.cache_seconds, until)
    headers = {"ETag": f'"{etag}"', "Cache-Control": f"public, max-age={max_age}", "Vary": "Accept"}
    headers["Link"] = iiif.PROFILE
    if is_unchanged(exchange, etag, None):
        return Answer(304, headers)
    return Answer(200, headers | {"Content-Type": kind, "Content-Length": str(len(body))}, (body,))


def show_asked(exchange: Exchange, asked: Asked, until: int | None) -> Answer:
    """The picture that a grammar's URL means."""
    translated = asked.translate(lambda key: size_of(exchange, key, until))
    answer = show(exchange, translated.plan, asked.key, until)
    answer.headers.update(translated.headers)
    return answer


def size_of(exchange: Exchange, key: Key, until: int | None) -> Size:
    """Width and height of a source as it is shown: upright. Raises what reading it raises."""
    content = wiring.service().produce(locate(exchange, plan_of("info"), key), unbounded=until is not None)
    facts = json.loads(b"".join(content.chunks))
    width, height = (int(facts[name]["value"]) for name in ("ImageWidth", "ImageHeight"))
    lies = facts.get("Orientation", {}).get("value") in LYING
    return (height, width) if lies else (width, height)
