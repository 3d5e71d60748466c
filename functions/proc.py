"""GET /proc/<operations>/<key>: a stored picture, turned, scaled and converted as its URL says."""

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from imgfn import wiring
from imgfn.core.faults import AccessDenied, BadRequest, InvalidArgument, NoSuchKey, SourceChanged
from imgfn.core.key import Key
from imgfn.core.plan import EMPTY, Plan, parse_oss, parse_path, suggestion
from imgfn.http.authorization import admit, grant_upload
from imgfn.http.conditions import chosen_part, is_unchanged
from imgfn.http.function_compute import remember_request
from imgfn.http.request import Exchange
from imgfn.http.responses import Answer, cache_tags, not_modified, picture, receipt
from imgfn.http.saveas import ACTION, SaveAs, parse_saveas
from imgfn.http.serve import serve
from imgfn.service.service import ResultRef

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


TRIES = 4  # of a source that changes under us
METHODS = ("GET", "HEAD", "POST")


def initializer(context: Any) -> None:
    """Function Compute calls this once for each instance, before the first request."""
    wiring.open_service(context)


def handler(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """The one entry: gunicorn, the Flask app and Function Compute all call it."""
    remember_request(environ)
    return serve(answer, environ, start_response, mount="/proc", methods=METHODS, settings=wiring.settings)


def object_handler(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """The same under OSS's own URLs: the path is the key, whatever it looks like, and x-oss-process the plan."""
    remember_request(environ)
    return serve(answer_object, environ, start_response, mount="", methods=METHODS, settings=wiring.settings)


def answer(exchange: Exchange) -> Answer:
    """A picture, or on POST a stored one."""
    return respond(exchange, *parse_path(exchange.path, wiring.styles().find))


def answer_object(exchange: Exchange) -> Answer:
    """As `answer`, without operations in the path."""
    return respond(exchange, EMPTY, exchange.path)


def respond(exchange: Exchange, plan: Plan, name: str) -> Answer:
    """Do what the path, then the style after the key, then x-oss-process say."""
    styles = wiring.styles()
    name, style = styles.split(name, exchange.settings.style_delimiter)
    posted = exchange.method == "POST"
    process = _process(exchange, posted)
    if not posted and ACTION in process:
        raise BadRequest(f"{ACTION} stores something, so it needs POST", parameter="x-oss-process", expected="POST")
    saveas = parse_saveas(process) if posted else None
    if saveas is not None:
        process = saveas.process
    plan = plan + style + (parse_oss(process, styles.find) if process else EMPTY)
    key = Key.parse(name)
    until = admit(exchange, styled=plan.styled)
    if saveas is not None:
        return save(exchange, plan, key, saveas)
    return show(exchange, plan, key, until)


def _process(exchange: Exchange, posted: bool) -> str:
    """The value of x-oss-process, from the body or from the query; most requests have no query."""
    if not posted and not exchange.query:
        return ""
    return (exchange.request.form if posted else exchange.request.args).get("x-oss-process", "")


def show(exchange: Exchange, plan: Plan, key: Key, until: int | None) -> Answer:
    """The picture or 304; `until` is when the signature ends that lets the caller see it.

    A source that changes while it is read is looked for again, so that the answer is of one version of it.
    """
    for _ in range(TRIES - 1):
        with suppress(SourceChanged):
            return show_once(exchange, plan, key, until)
    return show_once(exchange, plan, key, until)


def show_once(exchange: Exchange, plan: Plan, key: Key, until: int | None) -> Answer:
    """Locate, then 304 or the picture. Raises SourceChanged."""
    ref = locate(exchange, plan, key)
    max_age = cache_seconds(exchange.settings.cache_seconds, until)
    tags = cache_tags(ref, wiring.cache_tag_headers())
    if is_unchanged(exchange, ref.etag, ref.modified):
        exchange.facts["result"] = "unchanged"
        unchanged = not_modified(ref, max_age)
        unchanged.headers.update(tags)
        return unchanged
    part = chosen_part(exchange, ref.etag, ref.modified)
    content = wiring.service().produce(ref, part, unbounded=until is not None)
    exchange.facts["result"] = "made" if content.made else "kept"
    exchange.facts |= {f"{name}_ms": round(value, 2) for name, value in content.milliseconds.items()}
    answer = picture(content, ref, max_age)
    answer.headers.update(tags)
    return answer


def save(exchange: Exchange, plan: Plan, key: Key, saveas: SaveAs) -> Answer:
    """Store the result under another key, as an upload would be; the answer is OSS's."""
    grant = grant_upload(exchange)
    bucket = exchange.settings.s3_source_bucket
    if saveas.bucket not in (None, bucket):
        raise AccessDenied(f"saveas: {saveas.bucket!r} is not ours to write to", parameter="b", expected=bucket)
    if plan.reports:
        raise InvalidArgument("saveas stores pictures", parameter="x-oss-process", expected="a plan without a report")
    ref = locate(exchange, plan, key)
    is_unchanged(exchange, ref.etag, ref.modified)  # raises where a condition does not hold
    stat = wiring.service().save(ref, saveas.key, overwrite=grant.overwrite)
    return receipt({"bucket": bucket, "fileSize": stat.size, "object": stat.key, "status": "OK"}, 200)


def locate(exchange: Exchange, plan: Plan, key: Key) -> ResultRef:
    """The stats of the sources, and with them the result's name."""
    exchange.facts |= {"plan": plan.text, "key": key}

    def quality(content_type: str) -> tuple[float, bool]:
        accept = exchange.request.accept_mimetypes
        return accept.quality(content_type), any(value.lower() == content_type for value, _ in accept)

    try:
        return wiring.service().locate(plan, key, quality)
    except NoSuchKey as fault:
        raise NoSuchKey(fault.detail + suggestion(key.partition("/")[0])) from fault


def cache_seconds(most: int, until: int | None) -> int:
    """How long caches may keep an answer: `most`, but never past the end of the signature that it was given to."""
    return most if until is None else max(0, min(most, until - int(time.time())))
