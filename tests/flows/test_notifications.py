import json
from typing import Any

import pytest

from imgfn.flows.event import Event, run_id
from imgfn.flows.notifications import parse_notification


def minio(key: str = "in%2Fa+b%252B.png", name: str = "s3:ObjectCreated:Put", **more: Any) -> dict[str, Any]:
    """As MinIO's webhook target sends it."""
    told = {"key": key, "size": 12, "eTag": "e1", "sequencer": "17A0", **more}
    record = {"eventVersion": "2.0", "eventSource": "minio:s3", "eventName": name, "eventTime": "2026-11-29T10:00:00Z"}
    return {"EventName": name, "Key": "b/x", "Records": [record | {"s3": {"bucket": {"name": "b"}, "object": told}}]}


def oss(key: str = "in/a+b%20.png", name: str = "ObjectCreated:PutObject") -> dict[str, Any]:
    """As Function Compute's OSS trigger documents it."""
    told = {"key": key, "size": 12, "eTag": "5F0A", "deltaSize": 12}
    return {"events": [{"eventName": name, "eventSource": "acs:oss", "oss": {"bucket": {"name": "b"}, "object": told}}]}


def read(document: Any, **headers: str) -> list[Event]:
    told = parse_notification(json.dumps(document).encode(), headers)
    assert not told.refused, told.refused
    return told.events


def test_keys_of_s3_are_decoded_once_as_forms_are() -> None:
    assert read(minio()) == [Event("created", "b", "in/a b%2B.png", "e1", 12, "17A0", "s3", "2026-11-29T10:00:00Z")]


def test_keys_of_oss_are_plain() -> None:
    [event] = read(oss())
    assert (event.key, event.etag, event.source) == ("in/a+b%20.png", "5F0A", "oss")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("s3:ObjectCreated:Put", "created"),
        ("ObjectCreated:CompleteMultipartUpload", "created"),
        ("s3:ObjectCreated:Copy", "created"),
        ("s3:ObjectRemoved:Delete", "deleted"),
        ("ObjectRemoved:DeleteMarkerCreated", "deleted"),
        ("ObjectRemoved:DeleteObjects", "deleted"),
    ],
)
def test_kinds(name: str, kind: str) -> None:
    assert [event.kind for event in read(minio(name=name))] == [kind]


@pytest.mark.parametrize("name", ["s3:ObjectAccessed:Get", "s3:ObjectTagging:Put", "s3:TestEvent"])
def test_what_changes_no_bytes_is_ignored(name: str) -> None:
    told = parse_notification(json.dumps(minio(name=name)).encode())
    assert (told.events, told.refused, told.ignored) == ([], [], 1)


def test_test_message_of_aws_is_ignored() -> None:
    told = parse_notification(b'{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}')
    assert (told.events, told.refused, told.ignored) == ([], [], 1)


def test_cloud_event_of_event_bridge() -> None:
    event = {"specversion": "1.0", "type": "Object Created", "source": "aws.s3", "time": "t"}
    event |= {"data": {"bucket": {"name": "b"}, "object": {"key": "a b.png", "etag": "e", "sequencer": "1", "size": 3}}}
    assert read(event) == [Event("created", "b", "a b.png", "e", 3, "1", "s3", "t")]
    assert len(read([event, event])) == 2


def test_cloud_event_of_oss_structured_and_binary() -> None:
    data = {"oss": oss()["events"][0]["oss"]}
    structured = {"specversion": "1.0", "type": "oss:ObjectCreated:PutObject", "source": "acs.oss", "data": data}
    [event] = read(structured)
    assert event.key == "in/a+b%20.png"
    headers = {"ce-specversion": "1.0", "ce-type": "oss:ObjectCreated:PutObject", "ce-source": "acs.oss"}
    assert read(data, **headers) == [event]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"{",
        b"[]x",
        b"null",
        b"7",
        b'{"Records": [{}]}',
        b'{"Records": [7]}',
        json.dumps(minio(key="..%2Fa")).encode(),
        json.dumps(minio(key="%FF")).encode(),
        b'{"Records": [{"eventName": "s3:ObjectCreated:Put", "s3": {"bucket": {}, "object": {"key": "a"}}}]}',
        b'{"events": [{"eventName": "ObjectCreated:PutObject", "oss": null}]}',
    ],
)
def test_what_is_no_notification_is_refused_in_words(body: bytes) -> None:
    told = parse_notification(body)
    assert told.events == []
    assert len(told.refused) == 1
    assert told.refused[0]


def test_one_bad_record_keeps_no_other_back() -> None:
    document = minio()
    document["Records"].insert(0, {"eventName": "s3:ObjectCreated:Put"})
    told = parse_notification(json.dumps(document).encode())
    assert (len(told.events), len(told.refused)) == (1, 1)


def test_sequencers_compare_as_s3_says() -> None:
    older, newer = Event("created", "b", "a", sequencer="17A"), Event("created", "b", "a", sequencer="17AF")
    assert older.is_older_than(newer.sequencer)
    assert not newer.is_older_than(older.sequencer)
    assert not newer.is_older_than(newer.sequencer)
    assert not newer.is_older_than("")


def test_a_run_has_the_same_name_for_the_same_version_and_rule_only() -> None:
    event = Event("created", "b", "a", "e1")
    again = Event("created", "b", "a", "e1", 5, "17", "s3", "later")
    assert run_id("derive", event, "r") == run_id("derive", again, "r")
    others = [Event("created", "b", "a", "e2"), Event("created", "b", "b", "e1"), Event("created", "c", "a", "e1")]
    names = {run_id("derive", other, "r") for other in others} | {
        run_id("derive", event, "s"),
        run_id("flow", event, "r"),
    }
    assert len(names | {run_id("derive", event, "r")}) == 6
