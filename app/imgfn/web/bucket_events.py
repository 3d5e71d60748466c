"""POST /events/s3: what buckets tell. A 2xx says that the events are safe on our disk, or that nothing can be done."""

import functools

from flask import Blueprint, Response, jsonify, request

from imgfn import wiring
from imgfn.core.faults import AccessDenied, EntityTooLarge
from imgfn.flows.journal import Journal
from imgfn.flows.notifications import MAX_BYTES, parse_notification
from imgfn.http.authorization import bears
from imgfn.observability.events import observe_incident

bucket_events = Blueprint("bucket_events", __name__)


@bucket_events.post("/events/s3")
def take_events() -> Response:
    """Notifications of S3, MinIO and OSS, CloudEvents of both; the bearer token is IMGFN_EVENTS_TOKEN.

    MinIO sends an event again until it is answered 2xx, and all others wait behind it. So what can never succeed is
    answered 200, logged and counted; only a full or broken disk is not.
    """
    settings = wiring.settings()
    journal = _journal()
    if settings.events_token is None or journal is None:
        raise AccessDenied("events are off here; IMGFN_EVENTS_TOKEN and IMGFN_FLOWS_FILE turn them on")
    if not bears(request, settings.events_token):
        raise AccessDenied(
            "to tell of events needs the events token",
            parameter="Authorization",
            expected="Bearer <token>",
            headers={"WWW-Authenticate": "Bearer"},
        )
    try:
        body = _body()
    except EntityTooLarge as fault:
        observe_incident("event_refused", problem=fault.detail)
        return jsonify({"taken": 0, "foreign": 0, "ignored": 0, "refused": [fault.detail]})
    told = parse_notification(body, {name.lower(): value for name, value in request.headers.items()})
    own = [event for event in told.events if event.bucket == settings.s3_source_bucket]
    journal.append(own)
    for problem in told.refused:
        observe_incident("event_refused", problem=problem[:300])
    foreign = len(told.events) - len(own)
    if foreign:
        buckets = sorted({event.bucket for event in told.events} - {settings.s3_source_bucket})
        observe_incident("event_of_foreign_bucket", buckets=buckets, expected=settings.s3_source_bucket)
    counts = {"taken": len(own), "foreign": foreign, "ignored": told.ignored}
    return jsonify(counts | {"refused": told.refused})


@functools.cache
def _journal() -> Journal | None:
    return wiring.build_journal(wiring.settings())


def _body() -> bytes:
    body = request.stream.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise EntityTooLarge(f"the notification has more than {MAX_BYTES} bytes")
    return body
