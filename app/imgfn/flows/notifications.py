"""What buckets send when an object changes, as Events: S3 and MinIO, Alibaba OSS, and CloudEvents of both.

Sources: S3's "Event message structure" (version 2.x), MinIO's webhook target, OSS's trigger event of Function Compute,
EventBridge's `oss:ObjectCreated:*` and `Object Created` CloudEvents, CloudEvents 1.0 over HTTP.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from imgfn.core.faults import InvalidArgument
from imgfn.core.key import Key
from imgfn.flows.event import Event, Kind

MAX_BYTES = 1_000_000  # of one notification; S3's have one record, EventBridge's batches a hundred
EXPECTED = "a notification of S3, MinIO or OSS as JSON, or a CloudEvent of one"


@dataclass
class Notification:
    """What one request told: the events, and a sentence for each record that cannot be one."""

    events: list[Event] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    ignored: int = 0  # records of other kinds of events: tags, access, test messages


def parse_notification(body: bytes, headers: Mapping[str, str] | None = None) -> Notification:
    """Read one request's body; `headers` (lower-case names) tell of CloudEvents in binary mode.

    What cannot be understood is in `refused`: sending it again would not help, so callers answer 2xx.
    """
    told = Notification()
    try:
        document = json.loads(body)
    except ValueError as error:
        told.refused.append(f"the body is not JSON: {error}")
        return told
    cloud = _binary_cloud_event(headers or {}, document)
    for record in _records(cloud or document):
        try:
            event = _read(record)
        except (InvalidArgument, KeyError, TypeError, AttributeError, ValueError) as error:
            told.refused.append(f"a record is no event ({type(error).__name__}: {error}); expected {EXPECTED}")
            continue
        if event is None:
            told.ignored += 1
        else:
            told.events.append(event)
    return told


def _records(document: Any) -> Iterator[Any]:
    """Each record of whatever envelope. MinIO's and AWS's test messages have none."""
    if isinstance(document, list):  # a batch of CloudEvents
        for entry in document:
            yield from _records(entry)
    elif not isinstance(document, dict):
        yield document
    elif "specversion" in document:
        data = document.get("data")
        inner = data if isinstance(data, dict) else {}
        if "Records" in inner or "events" in inner:
            yield from _records(inner)
        else:
            yield document
    elif document.get("Event") == "s3:TestEvent":
        yield {"eventName": "TestEvent"}
    else:
        records = document.get("Records", document.get("events"))
        yield from records if isinstance(records, list) else [document]


def _read(record: dict[str, Any]) -> Event | None:
    """The event of one record; None for kinds that change no bytes."""
    if "specversion" in record:
        return _read_cloud_event(record)
    kind = _kind_of(record["eventName"])
    if kind is None:
        return None
    if "oss" in record:
        return _read_oss(record["oss"], kind, record.get("eventTime", ""))
    s3 = record["s3"]
    told = s3["object"]
    return Event(
        kind,
        str(s3["bucket"]["name"]),
        Key.parse(unquote_plus(told["key"], errors="strict")),  # written like a form's value
        _etag(told.get("eTag", "")),
        told.get("size"),
        str(told.get("sequencer", "")),
        "s3",
        str(record.get("eventTime", "")),
    )


def _read_oss(oss: dict[str, Any], kind: Kind, time: str) -> Event:
    told = oss["object"]
    return Event(
        kind,
        str(oss["bucket"]["name"]),
        Key.parse(told["key"]),  # plain, as OSS's own examples have it
        _etag(told.get("eTag", "")),
        told.get("size"),
        "",
        "oss",
        str(time),
    )


def _read_cloud_event(event: dict[str, Any]) -> Event | None:
    kind = _kind_of(event["type"])
    if kind is None:
        return None
    data, time = event["data"], str(event.get("time", ""))
    if "oss" in data:
        return _read_oss(data["oss"], kind, time)
    if "s3" in data:
        return _read({"eventName": event["type"], "eventTime": time, **data})
    told = data["object"]  # Amazon EventBridge: keys are plain there
    return Event(
        kind,
        str(data["bucket"]["name"]),
        Key.parse(told["key"]),
        _etag(told.get("etag", told.get("eTag", ""))),
        told.get("size"),
        str(told.get("sequencer", "")),
        "s3",
        time,
    )


def _binary_cloud_event(headers: Mapping[str, str], data: Any) -> dict[str, Any] | None:
    """The structured form of a CloudEvent whose attributes are headers, if this is one."""
    if "ce-specversion" not in headers:
        return None
    attributes = {name.removeprefix("ce-"): value for name, value in headers.items() if name.startswith("ce-")}
    return {**attributes, "data": data}


def _kind_of(name: str) -> Kind | None:
    """`s3:ObjectCreated:Put`, `ObjectCreated:PutObject`, `oss:ObjectRemoved:DeleteObject`, `Object Created` …"""
    plain = name.replace(" ", "").lower()
    if "objectcreated:" in plain or plain.endswith(("objectcreated", "objectcreated.v1")):
        return "created"
    if "objectremoved:" in plain or plain.endswith(("objectremoved", "objectdeleted", "objectdeleted.v1")):
        # A delete marker hides the object, and so it is gone for us.
        return "deleted"
    return None


def _etag(text: Any) -> str:
    """Unquoted, in the case that stores give them: OSS writes capitals, and so does its HEAD."""
    return str(text or "").strip('"')
