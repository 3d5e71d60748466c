"""Flows that wait for people, with a real worker on SQLite: answers, second answers, time-outs, restarts."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from imgfn.core.key import Key
from imgfn.flows.answers import AnswerBox, hand_in
from imgfn.flows.tokens import Ticket, open_token
from imgfn.wiring.flows import secret
from tests.flows.receiver import Receiver, receiving
from tests.flows.working import Site, make_site, picture, wait_until

pytest.importorskip("dbos", reason="pip install 'imgfn[flows]'")

RULES = """
[[flow]]
prefix = "submissions/"
start = "review"
input = {{ robot = "editors" }}
[robot.editors]
kind = "slack"
url = "{url}/slack"
"""
SHORT = """
version: v1
type: flow
name: short
steps:
  - type: task
    name: ask
    resource: imgfn:notify
    pattern: waitForCallback
    timeoutSeconds: 2
    inputMappings:
      - {target: key, source: $input.key}
      - {target: taskToken, source: $context.task.token}
    catch:
      - {errors: [FnF.TaskTimeout], goto: late}
    end: true
  - type: pass
    name: late
    outputMappings: [{target: decision, source: none}]
"""
# The order flow of the tutorial, its functions and queues replaced by calls to a shop.
ORDER = """
version: v1
type: flow
name: order
steps:
  - type: task
    name: generateInfo
    resourceArn: imgfn:http
    pattern: waitForCallback
    timeoutSeconds: 20
    inputMappings:
      - {target: taskToken, source: $context.task.token}
      - {target: products, source: $input.products}
      - {target: orderNum, source: $input.orderNum}
      - {target: type, source: $context.step.name}
      - {target: url, source: $input.shop}
    outputMappings:
      - {target: paymentcombination, source: $local.paymentcombination}
      - {target: orderNum, source: $local.orderNum}
    catch:
      - errors: [FnF.TaskTimeout]
        goto: orderCanceled
  - type: task
    name: payment
    resourceArn: imgfn:http
    pattern: waitForCallback
    timeoutSeconds: 4
    inputMappings:
      - {target: taskToken, source: $context.task.token}
      - {target: orderNum, source: $local.orderNum}
      - {target: paymentcombination, source: $local.paymentcombination}
      - {target: type, source: $context.step.name}
      - {target: url, source: $input.shop}
    outputMappings:
      - {target: paymentMethod, source: $local.paymentMethod}
      - {target: price, source: $local.price}
      - {target: orderNum, source: $local.orderNum}
    catch:
      - errors: [FnF.TaskTimeout]
        goto: orderCanceled
  - type: choice
    name: paymentCombination
    inputMappings:
      - {target: orderNum, source: $local.orderNum}
      - {target: paymentMethod, source: $local.paymentMethod}
      - {target: price, source: $local.price}
      - {target: url, source: $input.shop}
    choices:
      - condition: $.paymentMethod == "zhifubao"
        steps:
          - type: task
            name: zhifubao
            resourceArn: imgfn:http
            inputMappings:
              - {target: price, source: $input.price}
              - {target: orderNum, source: $input.orderNum}
              - {target: type, source: $context.step.name}
              - {target: url, source: $input.url}
      - condition: $.paymentMethod == "weixin"
        steps:
          - type: task
            name: weixin
            resourceArn: imgfn:http
            inputMappings:
              - {target: price, source: $input.price}
              - {target: type, source: $context.step.name}
              - {target: url, source: $input.url}
      - condition: $.paymentMethod == "zhifubao_weixin"
        steps:
          - type: task
            name: both
            resourceArn: imgfn:http
            inputMappings:
              - {target: type, source: $context.step.name}
              - {target: url, source: $input.url}
    default:
      goto: orderCanceled
  - type: task
    name: orderCompleted
    resourceArn: imgfn:http
    inputMappings:
      - {target: type, source: $context.step.name}
      - {target: url, source: $input.shop}
    end: true
  - type: task
    name: orderCanceled
    resourceArn: imgfn:http
    inputMappings:
      - {target: type, source: $context.step.name}
      - {target: url, source: $input.shop}
"""


@pytest.fixture(scope="module")
def robot() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, robot: Receiver) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    site = make_site(folder, RULES.format(url=robot.url), notice_urls=robot.url, public_url="https://pictures.example")
    (folder / "flows" / "short.yml").write_text(SHORT)
    (folder / "flows" / "order.yml").write_text(ORDER)
    with site.working():
        yield site


def started(site: Site, key: str) -> str:
    """The run that an upload has started, once it asks."""

    def asks() -> str:
        found = [run for run in site.runs(kind="flow") if run["key"] == key]
        return found[0]["id"] if found and found[0].get("at", {}).get("waiting") else ""

    return str(wait_until(asks))


def result(site: Site, run: str) -> dict[str, Any]:
    told = wait_until(lambda: (told := site.call("run", run=run))["state"] not in ("running", "waiting") and told)
    return dict(told)


def answer(site: Site, run: str, decision: str, topic: str = "ask#1", **more: str) -> str:
    told, _ = site.call("answer", run=run, topic=topic, answer={"output": {"decision": decision, **more}})
    return str(told)


def test_an_upload_is_approved_and_published(site: Site, robot: Receiver) -> None:
    event = site.put("submissions/good.png")
    run = started(site, event.key)
    assert site.call("review_state", key=event.key, etag=event.etag) == "waiting"
    [notice] = [told for _, path, _, told in robot.got if path == "/slack" and event.key in str(told)]
    link = notice["blocks"][1]["elements"][0]["url"]
    assert link.startswith("https://pictures.example/flows/answer/")
    assert run in notice["text"]
    ticket = open_token(link.rpartition("/")[2], secret(site.chosen))
    assert (ticket.run, ticket.topic) == (run, "ask#1")
    assert answer(site, run, "approve", by="ann") == "accepted"
    assert answer(site, run, "reject") == "answered"
    told = result(site, run)
    assert told["output"]["output"] == {
        "state": "approved",
        "reason": None,
        "by": "ann",
        "published": "published/good.png",
    }
    assert site.sources.stat(Key("published/good.png")).size
    assert site.sources.stat(Key("approved/submissions/good.png")).size
    assert [*site.sources.list("submissions/good")] == []
    assert site.call("review_state", key=event.key, etag=event.etag) == "approved"
    assert answer(site, run, "reject") == "answered"


def test_a_rejected_upload_is_moved_away_with_the_reason(site: Site) -> None:
    event = site.put("submissions/bad.png")
    run = started(site, event.key)
    assert answer(site, run, "reject", reason="blurred") == "accepted"
    told = result(site, run)
    assert (told["output"]["output"]["state"], told["output"]["output"]["reason"]) == ("rejected", "blurred")
    assert site.sources.stat(Key("rejected/submissions/bad.png")).size
    assert [*site.sources.list("published/bad")] == []


def test_a_broken_upload_is_rejected_without_asking(site: Site) -> None:
    event = site.put("submissions/broken.png", picture()[:60])
    run = wait_until(lambda: [run["id"] for run in site.runs(kind="flow") if run["key"] == event.key])[0]
    assert result(site, run)["output"]["output"]["state"] == "rejected"
    assert site.sources.stat(Key("rejected/submissions/broken.png")).size


def test_nobody_answers_in_time(site: Site) -> None:
    site.call("start_flow", name="short", given={"key": "a"}, run="late-1")
    late = result(site, "late-1")
    assert late["state"] == "succeeded", late
    assert late["output"] == {
        "ended": "late",
        "output": {"error": "FnF.TaskTimeout", "cause": "no answer within 2 seconds", "decision": "none"},
    }
    assert answer(site, "late-1", "approve") == "timed out"
    assert answer(site, "no-such-run", "approve") == "over"


def test_an_edited_file_changes_no_running_flow(site: Site) -> None:
    path = site.folder / "flows" / "edited.yml"
    text = SHORT.replace("timeoutSeconds: 2", "timeoutSeconds: 600")
    path.write_text(text)
    site.call("start_flow", name="edited", given={"key": "a"}, run="edited-1")
    wait_until(lambda: site.call("run", run="edited-1")["at"].get("waiting"))
    path.write_text(SHORT.replace("end: true", "outputMappings: [{target: decision, source: other}]\n    end: true"))
    assert answer(site, "edited-1", "approve") == "accepted"
    assert result(site, "edited-1")["output"]["output"] == {"decision": "approve"}


def test_a_failed_flow_goes_on_from_its_last_action(site: Site, robot: Receiver) -> None:
    robot.answers["/once"] = [(500, {}), (200, {"paid": True})]
    (site.folder / "flows" / "http.yml").write_text(
        "version: v1\ntype: flow\nname: http\nsteps:\n"
        "  - {type: task, name: first, resource: imgfn:http, serviceParams: {url: $.first}}\n"
        "  - {type: task, name: second, resource: imgfn:http, serviceParams: {url: $.second}}\n"
    )
    given = {"first": f"{robot.url}/first", "second": f"{robot.url}/once"}
    site.call("start_flow", name="http", given=given, run="http-1")
    told = result(site, "http-1")
    assert (told["state"], told["code"]) == ("failed", "Outgoing.Failed")
    assert "answered 500" in told["reason"]
    site.call("redo", run="http-1")
    told = result(site, "http-1")
    assert told["state"] == "succeeded"
    assert told["output"]["output"]["paid"] is True
    assert robot.paths().count("/first") == 1
    assert robot.paths().count("/once") == 2


def test_only_listed_servers_are_called(site: Site, robot: Receiver) -> None:
    robot.answers["/away"] = [(302, f"{robot.url}/first")]
    for number, url in enumerate(("http://169.254.169.254/latest", "file:///etc/passwd", f"{robot.url}@evil.example/")):
        site.call("start_flow", name="http", given={"first": url, "second": url}, run=f"refused-{number}")
        told = result(site, f"refused-{number}")
        assert told["code"] == "Outgoing.Refused", told
    site.call("start_flow", name="http", given={"first": f"{robot.url}/away", "second": ""}, run="redirected")
    assert "answered 302" in result(site, "redirected")["reason"]


def test_a_cancelled_flow_takes_no_answer(site: Site) -> None:
    site.call("start_flow", name="edited", given={"key": "a"}, run="cancelled-1")
    wait_until(lambda: site.call("run", run="cancelled-1")["at"].get("waiting"))
    site.call("cancel", run="cancelled-1")
    wait_until(lambda: site.call("run", run="cancelled-1")["state"] == "cancelled")
    assert answer(site, "cancelled-1", "approve") == "over"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("zhifubao", ["generateInfo", "payment", "zhifubao", "orderCompleted"]),
        ("weixin", ["generateInfo", "payment", "weixin", "orderCompleted"]),
        ("zhifubao_weixin", ["generateInfo", "payment", "both", "orderCompleted"]),
        ("cash", ["generateInfo", "payment", "orderCanceled"]),
        (None, ["generateInfo", "payment", "orderCanceled"]),
    ],
)
def test_the_order_flow_of_the_tutorial(site: Site, robot: Receiver, method: str | None, path: list[str]) -> None:
    run = f"order-{method}"
    shop = f"{robot.url}/shop-{method}"
    site.call("start_flow", name="order", given={"shop": shop, "products": ["ball"], "orderNum": "7"}, run=run)
    wait_until(lambda: site.call("run", run=run)["at"].get("topic") == "generateInfo#1")
    told = {"output": {"paymentcombination": "any", "orderNum": "7"}}
    assert site.call("answer", run=run, topic="generateInfo#1", answer=told)[0] == "accepted"
    wait_until(lambda: site.call("run", run=run)["at"].get("topic") == "payment#2")
    if method is not None:
        told = {"output": {"paymentMethod": method, "price": 15, "orderNum": "7"}}
        assert site.call("answer", run=run, topic="payment#2", answer=told)[0] == "accepted"
    assert result(site, run)["output"]["ended"] == path[-1]
    called = [told["type"] for _, where, _, told in robot.got if where == f"/shop-{method}"]
    assert called == path


def test_answers_and_time_outs_while_no_worker_runs(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("down")
    site = make_site(folder, "")
    (folder / "flows" / "short.yml").write_text(SHORT.replace("timeoutSeconds: 2", "timeoutSeconds: 15"))
    with site.working("--name", "one"):
        began = time.monotonic()
        for number in range(6):
            site.call("start_flow", name="short", given={"key": "a"}, run=f"run-{number}")
            wait_until(lambda n=number: site.call("run", run=f"run-{n}")["at"].get("waiting"))
    box = AnswerBox(folder / "data" / "flows")
    for number in (0, 1):
        ticket = Ticket(f"run-{number}", "ask#1", 0)
        assert hand_in(site.control, box, ticket, {"output": {"decision": "approve"}})[0] == "kept"
        assert hand_in(site.control, box, ticket, {"output": {"decision": "reject"}})[0] == "answered"
    with site.working("--name", "one"):
        for number in range(2):
            assert result(site, f"run-{number}")["output"]["output"] == {"decision": "approve"}
        for number in range(2, 6):
            assert result(site, f"run-{number}")["output"]["ended"] == "late"
        assert time.monotonic() - began >= 15
