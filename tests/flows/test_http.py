"""POST /events/s3, /flows/answer/<token> and /flows, on the web application itself; a worker stands behind some."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from imgfn import wiring
from imgfn.flows.control import Server
from imgfn.flows.event import Event
from imgfn.flows.journal import Journal
from imgfn.flows.tokens import Ticket, make_token
from imgfn.web import bucket_events
from imgfn.web.app import create_app
from imgfn.wiring import flows as wiring_flows
from tests.flows.test_notifications import minio, oss
from tests.flows.working import picture

TOKEN = {"Authorization": "Bearer events-token-of-16"}
ADMIN = {"Authorization": "Bearer admin-token-of-16x"}


class Desk:
    """Answers as a worker does; who asked what is kept."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.outcome = "accepted"

    def answer(self, run: str, topic: str, answer: Any) -> Any:
        self.asked.append((run, topic, answer))
        return self.outcome, answer

    def question(self, run: str, topic: str) -> Any:
        waits = self.outcome == "accepted"
        return {
            "flow": "review",
            "key": "s/a.png",
            "waits": waits,
            "given": {"key": "s/a.png", "question": "<b>Well?</b>"},
        }

    def runs(self, **asked: Any) -> Any:
        self.asked.append(asked)
        return [{"id": "r", "kind": "flow"}]

    def run(self, run: str) -> Any:
        at = {"topic": "ask#1", "waiting": True, "given": {"key": "s/a.png"}}
        return {"id": run, "kind": "flow", "key": "s/a.png", "at": at, "steps": []}

    def cancel(self, run: str) -> Any:
        return {"id": run, "state": "cancelled"}

    def metrics(self) -> str:
        return '# HELP imgfn_flows x\n# TYPE imgfn_flows gauge\nimgfn_flows{worker="w"} 1.0\n'


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Client]]:
    def forget() -> None:
        for cached in (wiring.settings, wiring.service, wiring.styles, wiring_flows.answer_box, bucket_events._journal):
            cached.cache_clear()

    def make(**values: object) -> Client:
        (tmp_path / "rules.toml").touch()
        own = {"folder": tmp_path / "data", "runtime_dir": tmp_path, "render": "inline"}
        own |= {"flows_file": tmp_path / "rules.toml", "events_token": "events-token-of-16"}
        for name, value in (own | {"admin_token": "admin-token-of-16x"} | values).items():
            if value is None:
                monkeypatch.delenv(f"IMGFN_{name.upper()}", raising=False)
            else:
                monkeypatch.setenv(f"IMGFN_{name.upper()}", str(value))
        forget()
        return Client(create_app())

    yield make
    forget()


@pytest.fixture
def client(configure: Callable[..., Client]) -> Client:
    return configure()


@pytest.fixture
def desk(client: Client) -> Iterator[Desk]:
    desk = Desk()
    server = Server(wiring_flows.sockets(wiring.settings()), "w", desk)
    yield desk
    server.close()


def waiting() -> list[Event]:
    journal = Journal(wiring.flows_folder(wiring.settings()))
    return [event for _, events in journal.read(journal.entries()) for event in events]


def own(document: dict[str, Any]) -> bytes:
    return json.dumps(document).replace('"name": "b"', '"name": "imgfn-sources"').encode()


def test_an_event_is_in_the_journal_when_it_is_acknowledged(client: Client) -> None:
    told = client.post("/events/s3", data=own(minio()), headers=TOKEN, content_type="application/json")
    assert (told.status_code, told.get_json()) == (200, {"taken": 1, "foreign": 0, "ignored": 0, "refused": []})
    assert [(event.key, event.etag) for event in waiting()] == [("in/a b%2B.png", "e1")]
    assert client.post("/events/s3", data=own(oss()), headers=TOKEN).get_json()["taken"] == 1


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}, ADMIN])
def test_a_wrong_token_enqueues_nothing(client: Client, headers: dict[str, str]) -> None:
    told = client.post("/events/s3", data=own(minio()), headers=headers)
    assert (told.status_code, told.get_json()["code"]) == (403, "AccessDenied")
    assert waiting() == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"Records":[{}]}', b"x" * 1_000_001])
def test_what_can_never_succeed_is_answered_200_and_enqueues_nothing(client: Client, body: bytes) -> None:
    told = client.post("/events/s3", data=body, headers=TOKEN)
    assert told.status_code == 200
    assert (told.get_json()["taken"], len(told.get_json()["refused"])) == (0, 1)
    assert waiting() == []


def test_events_of_other_buckets_are_answered_200_and_enqueue_nothing(client: Client) -> None:
    told = client.post("/events/s3", data=json.dumps(minio()).encode(), headers=TOKEN)
    assert (told.status_code, told.get_json()["foreign"]) == (200, 1)
    assert waiting() == []


def test_a_disk_that_refuses_is_no_success(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    assert client.post("/events/s3", data=own(minio()), headers=TOKEN).status_code == 507


def test_without_a_token_or_rules_events_are_off(configure: Callable[..., Client]) -> None:
    for values in ({"events_token": None}, {"flows_file": None}):
        told = configure(**values).post("/events/s3", data=own(minio()), headers=TOKEN)
        assert (told.status_code, told.get_json()["code"]) == (403, "AccessDenied")


def test_uploads_overwrites_saveas_and_deletes_are_events(client: Client) -> None:
    assert client.put("/upload/a.png", data=picture(20, 20)).status_code == 201
    assert client.put("/upload/a.png", data=picture(20, 20)).status_code == 200
    assert client.put("/upload/a.png", data=picture(30, 30)).status_code == 409
    assert client.put("/upload/a.png", data=picture(30, 30), headers=ADMIN).status_code == 201
    saveas = {"x-oss-process": "image/resize,w_9|sys/saveas,o_Yi5wbmc"}
    assert client.post("/proc/a.png", data=saveas).status_code == 200
    assert client.delete("/upload/b.png", headers=ADMIN).status_code == 204
    told = waiting()
    assert [(event.kind, event.key) for event in told] == [
        *[("created", "a.png")] * 3,
        ("created", "b.png"),
        ("deleted", "b.png"),
    ]
    assert told[0].etag == told[1].etag != told[2].etag
    assert {event.bucket for event in told} == {"imgfn-sources"}


def test_an_upload_whose_event_cannot_be_kept_is_no_success_and_can_be_sent_again(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imgfn.core.faults import StoreFull

    def refuse(*_: Any) -> None:
        raise StoreFull

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", refuse)
        assert client.put("/upload/a.png", data=picture()).status_code == 507
    kept: list[Any] = []
    monkeypatch.setattr(Journal, "append", lambda _, events: kept.extend(events))
    assert client.put("/upload/a.png", data=picture()).status_code == 200
    assert [event.key for event in kept] == ["a.png"]


def test_without_rules_nothing_is_written(configure: Callable[..., Client], tmp_path: Path) -> None:
    client = configure(flows_file=None)
    assert client.put("/upload/a.png", data=picture()).status_code == 201
    assert not (tmp_path / "data" / "flows").exists()


def link(topic: str = "ask#1", expires: int = 9_999_999_999) -> str:
    token = make_token(Ticket("run-1", topic, expires), wiring_flows.secret(wiring.settings()))
    return f"/flows/answer/{token}"


def test_a_get_shows_the_question_and_answers_nothing(client: Client, desk: Desk) -> None:
    told = client.get(link())
    assert told.status_code == 200
    assert "s/a.png" in told.text
    assert "&lt;b&gt;Well?&lt;/b&gt;" in told.text
    assert 'value="approve"' in told.text
    assert "form-action 'self'" in told.headers["Content-Security-Policy"]
    assert client.head(link()).status_code == 200
    assert desk.asked == []
    desk.outcome = "answered"
    assert 'value="approve"' not in client.get(link()).text


def test_an_answer_by_form_and_by_json(client: Client, desk: Desk) -> None:
    told = client.post(
        link(), data={"decision": "approve", "reason": "fine", "x": "y"}, headers={"Accept": "text/html"}
    )
    assert (told.status_code, told.mimetype) == (200, "text/html")
    told = client.post(link(), json={"paid": True})
    assert told.get_json() == {"outcome": "accepted", "answer": {"output": {"paid": True}}}
    assert desk.asked == [
        ("run-1", "ask#1", {"output": {"decision": "approve", "reason": "fine"}}),
        ("run-1", "ask#1", {"output": {"paid": True}}),
    ]


@pytest.mark.parametrize(("outcome", "status"), [("answered", 409), ("timed out", 410), ("over", 410)])
def test_who_comes_second_or_late_is_told_so(client: Client, desk: Desk, outcome: str, status: int) -> None:
    desk.outcome = outcome
    assert client.post(link(), json={"decision": "approve"}).status_code == status
    told = client.post(link(), data={"decision": "approve"}, headers={"Accept": "text/html"})
    assert (told.status_code, told.mimetype) == (status, "text/html")


def test_an_answer_is_kept_while_no_worker_runs(client: Client) -> None:
    assert client.get(link()).status_code == 200
    assert client.post(link(), json={"decision": "approve"}).status_code == 202
    assert client.post(link(), json={"decision": "reject"}).status_code == 409
    assert len(wiring_flows.answer_box(wiring.flows_folder(wiring.settings())).waiting()) == 1


def test_bad_answers_and_links(client: Client, desk: Desk) -> None:
    assert client.post(link(), data={"reason": "x"}).status_code == 400
    assert client.post(link(), data="{", content_type="application/json").status_code == 400
    assert client.post(link(), json=[1]).status_code == 400
    assert client.post(link(), json={"x": "y" * 40_000}).status_code == 413
    assert client.post(link(expires=1), json={}).status_code == 403
    assert client.get(link()[:-2] + "AA").status_code == 403
    assert client.get("/flows/answer/x").status_code == 403
    assert desk.asked == []


def test_dingtalk_decides_when_its_approval_has_ended(client: Client, desk: Desk) -> None:
    event = {"EventType": "bpms_instance_change", "type": "start", "processInstanceId": "p"}
    assert client.post(link(), json=event).status_code == 202
    assert desk.asked == []
    assert client.post(link(), json=event | {"type": "finish", "result": "agree"}).status_code == 200
    assert desk.asked[0][2]["output"]["decision"] == "approve"


def test_runs_need_the_admin_token(client: Client, desk: Desk) -> None:
    for path in ("/flows/runs", "/flows/runs/r", "/flows/health"):
        assert client.get(path).status_code == 403
    for path in ("/flows/runs/r/cancel", "/flows/runs/r/answer"):
        assert client.post(path, json={"decision": "approve"}).status_code == 403
    assert desk.asked == []
    assert client.get("/flows/runs?state=failed&limit=5", headers=ADMIN).get_json()["runs"] == [
        {"id": "r", "kind": "flow"}
    ]
    assert desk.asked == [{"state": "failed", "kind": "", "limit": 5, "offset": 0}]
    assert client.get("/flows/runs?limit=-1", headers=ADMIN).status_code == 400
    assert client.get("/flows/runs/r", headers=ADMIN).get_json()["picture"].endswith("/-/s/a.png")
    assert client.post("/flows/runs/r/cancel", headers=ADMIN).get_json()["state"] == "cancelled"
    assert client.post("/flows/runs/r/delete", headers=ADMIN).status_code == 400
    assert client.post("/flows/runs/r/answer", headers=ADMIN, json={"decision": "approve"}).status_code == 200
    assert desk.asked[-1] == ("run-1"[:0] + "r", "ask#1", {"output": {"by": "admin", "decision": "approve"}})


def test_the_page_and_what_it_says_where_something_is_missing(
    client: Client, configure: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert b"flows.js" in client.get("/flows").data
    assert client.get("/flows/page/flows.js").status_code == 200
    told = client.get("/flows/runs", headers=ADMIN)
    assert (told.status_code, "imgfn work" in told.get_json()["detail"]) == (503, True)
    monkeypatch.setattr(wiring_flows, "installed", lambda: False)
    assert "pip install 'imgfn[flows]'" in client.get("/flows/runs", headers=ADMIN).get_json()["detail"]
    monkeypatch.undo()
    assert "IMGFN_FLOWS_FILE" in configure(flows_file=None).get("/flows/runs", headers=ADMIN).get_json()["detail"]


def test_metrics_have_those_of_the_workers(client: Client, desk: Desk) -> None:
    text = client.get("/metrics").text
    assert 'imgfn_flows{worker="w"} 1.0' in text
    assert text.count("# TYPE imgfn_flows gauge") == 1
