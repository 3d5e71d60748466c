import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from imgfn.core.faults import Expired, SignatureDoesNotMatch, StoreFull
from imgfn.flows.answers import AnswerBox, read_answer
from imgfn.flows.event import Event
from imgfn.flows.journal import Journal
from imgfn.flows.tokens import Ticket, keep_secret, make_token, open_token

EVENT = Event("created", "b", "a", "e", 1, "17", "s3")


def test_events_come_back_in_order_until_they_are_forgotten(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    events = [Event("created", "b", f"{number}") for number in range(20)]
    for event in events:
        journal.append([event])
    read = [*Journal(tmp_path).read(Journal(tmp_path).entries())]
    assert [event for _, told in read for event in told] == events
    for path, _ in read:
        journal.forget(path)
    assert journal.entries() == []
    assert journal.oldest_seconds() == 0


def test_an_event_is_on_the_disk_before_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    Journal(tmp_path).append([EVENT])
    assert len(synced) == 2
    assert synced[0].startswith(str(tmp_path / "draft"))  # the file, then the folder that has its name
    assert synced[1] == str(tmp_path / "new")


def test_what_is_no_event_is_put_aside(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append([EVENT])
    (tmp_path / "new" / "00000000000000000001-1-000000.json").write_text('[{"kind": "created"}]')
    (tmp_path / "new" / "00000000000000000002-1-000000.json").write_text("not json")
    assert [events for _, events in journal.read(journal.entries())] == [[EVENT]]
    assert len(list((tmp_path / "bad").iterdir())) == 2
    assert len(journal.entries()) == 1


def test_a_full_disk_is_told(small_disk: Path) -> None:
    journal = Journal(small_disk / "journal")

    def fill() -> None:
        for _ in range(1000):
            journal.append([Event("created", "b", "k" * 1000)] * 10)

    with pytest.raises(StoreFull):
        fill()
    assert list((small_disk / "journal" / "draft").iterdir()) == []


def _drains(folder: Path, told: Any) -> None:
    with Journal(folder).draining() as ours:
        told.put(ours)


def test_one_process_drains_at_a_time(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    with Journal(tmp_path).draining() as ours:
        assert ours
        process = context.Process(target=_drains, args=(tmp_path, told))
        process.start()
        assert told.get(timeout=30) is False
        process.join()
    with Journal(tmp_path).draining() as ours:
        assert ours


def test_of_two_answers_that_wait_the_first_stays(tmp_path: Path) -> None:
    box, ticket = AnswerBox(tmp_path), Ticket("run", "ask#1", 1)
    assert box.put(ticket, {"output": {"decision": "approve"}})
    assert not box.put(ticket, {"output": {"decision": "reject"}})
    assert box.put(Ticket("run", "ask#2", 1), {"output": {}})
    waiting = [told for _, told in box.waiting() if told["topic"] == "ask#1"]
    assert [told["answer"] for told in waiting] == [{"output": {"decision": "approve"}}]


def test_tokens() -> None:
    ticket, secret = Ticket("derive-ä~1", "ask#1", 1000), b"s" * 32
    token = make_token(ticket, secret)
    assert open_token(token, secret, now=999) == ticket
    with pytest.raises(Expired):
        open_token(token, secret, now=1000)
    with pytest.raises(SignatureDoesNotMatch):
        open_token(token, b"t" * 32, now=0)
    body, _, mac = token.partition(".")
    for forged in (
        "",
        ".",
        body,
        f"{body}.",
        f"{body}.é",
        f"{body[:-2]}AA.{mac}",
        f"{token}x",
        make_token(ticket, b""),
    ):
        with pytest.raises(SignatureDoesNotMatch):
            open_token(forged, secret, now=0)


def test_the_secret_is_made_once_and_for_us_only(tmp_path: Path) -> None:
    path = tmp_path / "flows" / "secret"
    secret = keep_secret(path)
    assert len(secret) >= 32
    assert keep_secret(path) == secret
    assert path.stat().st_mode & 0o077 == 0
    assert [entry.name for entry in path.parent.iterdir()] == ["secret"]


def test_answers_of_dingtalk() -> None:
    event = {"EventType": "bpms_instance_change", "processInstanceId": "p", "staffId": "s1"}
    assert read_answer({**event, "type": "start"}) is None
    agreed = read_answer({**event, "type": "finish", "result": "agree", "remark": "fine"})
    assert agreed == {"output": {"decision": "approve", "by": "s1", "reason": "fine", "instance": "p"}}
    for told in ({"type": "finish", "result": "refuse"}, {"type": "terminate"}):
        answer = read_answer(event | told)
        assert answer is not None
        assert answer["output"]["decision"] == "reject"


def test_answers_in_json() -> None:
    assert read_answer({"paid": True}) == {"output": {"paid": True}}
    assert read_answer({"error": "Paid.Twice", "cause": "c"}) == {"error": "Paid.Twice", "cause": "c"}
    assert json.dumps(read_answer({"a": [1]}))
