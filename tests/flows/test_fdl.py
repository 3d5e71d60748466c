from typing import Any

import pytest

from imgfn.flows.fdl.conditions import parse_condition
from imgfn.flows.fdl.definition import BadDefinition, load_definition
from imgfn.flows.fdl.interpreter import run_flow
from imgfn.flows.run import RunFailed
from tests.flows.awaiting import awaited

RESOURCES = ("imgfn:http", "imgfn:notify")


class Script:
    """A Run in memory: what its tasks give is scripted by their names, what they got is kept."""

    id = "run-1"

    def __init__(self, acts: dict[str, list[Any]] | None = None, answers: dict[str, Any] | None = None) -> None:
        self.acts, self.answers = acts or {}, answers or {}
        self.got: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        self.slept: list[float] = []
        self.told: list[dict[str, Any]] = []

    async def act(self, name: str, resource: str, given: Any, params: Any) -> Any:
        self.got.append((name, given, params))
        outcome = self.acts.get(name, [{}])
        told = outcome.pop(0) if len(outcome) > 1 else outcome[0]
        return {"error": told, "cause": "scripted"} if isinstance(told, str) else {"ok": told}

    async def receive(self, topic: str, seconds: float) -> Any:
        return self.answers.get(topic)

    async def abandon(self, topic: str) -> bool:
        return topic not in self.answers

    async def ticket(self, topic: str, seconds: float) -> str:
        return f"token of {topic}"

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def now(self) -> float:
        return 1000.0

    async def tell(self, state: dict[str, Any]) -> None:
        self.told.append(state)

    @property
    def path(self) -> list[str]:
        return [state["step"] for state in self.told if state["step"] and not state.get("waiting")]


def run(text: str, given: dict[str, Any] | None = None, script: Script | None = None) -> tuple[dict[str, Any], Script]:
    script = script or Script()
    document = load_definition(text, "test", RESOURCES).document
    return awaited(run_flow(script, document, given or {})), script  # type: ignore[arg-type]


def flow(steps: str) -> str:
    return f"version: v1\ntype: flow\nsteps:\n{steps}"


def test_inputs_are_the_parents_with_its_local_values_on_top() -> None:
    told, script = run(
        flow(
            """
  - {type: task, name: one, resource: imgfn:http}
  - {type: task, name: two, resource: imgfn:http}
"""
        ),
        {"a": 1, "b": 1},
        Script({"one": [{"b": 2, "c": 3}], "two": [{"d": 4}]}),
    )
    assert [given for _, given, _ in script.got] == [{"a": 1, "b": 1}, {"a": 1, "b": 2, "c": 3}]
    assert told == {"ended": "two", "output": {"b": 2, "c": 3, "d": 4}}


def test_mappings_replace_inputs_and_outputs() -> None:
    told, script = run(
        flow(
            """
  - type: task
    name: one
    resource: imgfn:http
    inputMappings:
      - {target: deep.x, source: "$input.a.list[1]"}
      - {target: constant, source: 7}
      - {target: run, source: $context.flow.id}
      - {target: step, source: $context.step.name}
    outputMappings:
      - {target: was, source: $input.constant}
      - {target: gave, source: $local.z}
    serviceParams: {MessageBody: $, other: $.constant, fixed: [1, $.deep.x]}
"""
        ),
        {"a": {"list": [1, 2]}},
        Script({"one": [{"z": 9, "y": 8}]}),
    )
    given = {"deep": {"x": 2}, "constant": 7, "run": "run-1", "step": "one"}
    assert script.got == [("one", given, {"MessageBody": given, "other": 7, "fixed": [1, 2]})]
    assert told["output"] == {"was": 7, "gave": 9}


def test_retry_backs_off_and_gives_up() -> None:
    text = flow(
        """
  - type: task
    name: one
    resource: imgfn:http
    retry:
      - {errors: [Busy], intervalSeconds: 2, maxAttempts: 3, multiplier: 3, maxIntervalSeconds: 10}
    catch:
      - {errors: [Other], goto: two}
      - {errors: [FnF.ALL], goto: three}
  - {type: pass, name: two}
  - {type: pass, name: three}
"""
    )
    _, script = run(text, script=Script({"one": ["Busy"]}))
    assert script.slept == [2, 6, 10]
    assert script.path == ["one", "three"]
    told, script = run(text, script=Script({"one": ["Busy", "Other"]}))
    assert script.path == ["one", "two", "three"]
    assert told["output"] == {"error": "Other", "cause": "scripted"}


def test_an_error_that_nobody_catches_fails_the_run() -> None:
    with pytest.raises(RunFailed, match="'one'") as caught:
        run(flow("  - {type: task, name: one, resource: imgfn:http}"), script=Script({"one": ["Broken"]}))
    assert caught.value.code == "Broken"


def test_waits_for_the_answer_to_its_token() -> None:
    text = flow(
        """
  - type: task
    name: ask
    resource: imgfn:notify
    pattern: waitForCallback
    timeoutSeconds: 5
    inputMappings: [{target: taskToken, source: $context.task.token}]
    catch: [{errors: [FnF.TaskTimeout], goto: late}]
    end: true
  - {type: pass, name: late}
"""
    )
    told, script = run(text, script=Script(answers={"ask#1": {"output": {"decision": "approve"}}}))
    assert told == {"ended": "ask", "output": {"decision": "approve"}}
    assert script.got[0][1] == {"taskToken": "token of ask#1"}
    told, _ = run(text)
    assert told["ended"] == "late"
    with pytest.raises(RunFailed, match="Refused"):
        run(text, script=Script(answers={"ask#1": {"error": "Refused", "cause": "no"}}))


def test_an_answer_counts_where_its_notice_failed() -> None:
    text = flow("  - {type: task, name: ask, resource: imgfn:notify, pattern: waitForCallback}")
    script = Script({"ask": ["Outgoing.Failed"]}, {"ask#1": {"output": {"decision": "approve"}}})
    assert run(text, script=script)[0]["output"] == {"decision": "approve"}
    with pytest.raises(RunFailed, match=r"Outgoing\.Failed"):
        run(text, script=Script({"ask": ["Outgoing.Failed"]}))


def test_choices_with_steps_of_their_own_and_gotos() -> None:
    text = flow(
        """
  - type: choice
    name: choose
    choices:
      - condition: $.n == 1
        steps:
          - {type: task, name: inner, resource: imgfn:http}
      - {condition: $.n == 2, goto: last}
      - condition: $.n == 3
        steps:
          - {type: choice, name: again, choices: [{condition: "true", goto: last}]}
    default: {goto: other}
  - {type: succeed, name: after}
  - {type: pass, name: other}
  - {type: fail, name: broken, error: Bad, cause: $.n}
  - {type: pass, name: last}
"""
    )
    assert run(text, {"n": 1}, Script({"inner": [{"got": 5}]}))[0] == {"ended": "after", "output": {"got": 5}}
    assert run(text, {"n": 2})[0]["ended"] == "last"
    assert run(text, {"n": 3})[0]["ended"] == "last"
    with pytest.raises(RunFailed, match="Bad: 4"):
        run(text, {"n": 4})


def test_waits_and_endless_loops() -> None:
    _, script = run(
        flow(
            """
  - {type: wait, name: a, duration: 5}
  - {type: wait, name: b, duration: $.seconds}
  - {type: wait, name: c, timestamp: "1970-01-01T00:20:00Z"}
"""
        ),
        {"seconds": 7},
    )
    assert script.slept == [5, 7, 200]
    loop = flow("  - {type: choice, name: a, choices: [{condition: 'true', goto: a}]}")
    with pytest.raises(RunFailed, match=r"FnF\.TooManySteps"):
        run(loop)


def test_outputs_have_a_limit() -> None:
    with pytest.raises(RunFailed, match=r"FnF\.DataLimitExceeded"):
        run(flow("  - {type: task, name: one, resource: imgfn:http}"), script=Script({"one": [{"x": "y" * 40_000}]}))


@pytest.mark.parametrize(
    ("text", "scope", "holds"),
    [
        ('$.a == "x"', {"a": "x"}, True),
        ("$.a == 'x' && $.b > 3", {"a": "x", "b": 3}, False),
        ('$.a == "y" || $.b >= 3', {"a": "x", "b": 3}, True),
        ("$.a || $.b && false", {"a": 1}, True),
        ("($.a || $.b) && false", {"a": 1}, False),
        ("!$.a", {}, True),
        ("!($.a == 1)", {"a": 1}, False),
        ("$.a.b[0] < -1.5", {"a": {"b": [-2]}}, True),
        ("$.a < 1", {"a": "text"}, False),
        ("$.missing == null", {}, True),
        ("$.a != true", {"a": False}, True),
    ],
)
def test_conditions(text: str, scope: dict[str, Any], holds: bool) -> None:
    assert parse_condition(text)({"$": scope}) is holds


@pytest.mark.parametrize(
    "text",
    ["", "$.a ==", "== 1", "$.a = 1", "($.a", "$.a)", "$.a b", "__import__('os')", "$.a == 1;", "x" * 2000, "&&"],
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="condition"):
        parse_condition(text)


def test_a_file_is_checked_whole() -> None:
    with pytest.raises(BadDefinition) as caught:
        load_definition(
            """
version: v2
type: flow
extra: 1
steps:
  - {type: task, name: a, resourceArn: "acs:fc:::services/x"}
  - {type: task, name: a, resource: imgfn:http, pattern: sync, timeoutSeconds: -1, catch: [{errors: [], goto: nowhere}]}
  - {type: parallel, name: b}
  - {type: foreach, name: c}
  - {type: choice, name: d, choices: [{condition: "$.x ="}]}
  - {type: wait, name: e}
  - {type: pass, name: f, retri: 1, inputMappings: [{target: x, source: $nope.x}]}
  - type: choice
    name: g
    choices: [{condition: "true", steps: [{type: pass, name: h}]}, {condition: "true", goto: h}]
""",
            "test",
            RESOURCES,
        )
    told = "\n".join(caught.value.faults)
    for words in (
        "'v2'",
        "extra",
        "acs:fc",
        "another step",
        "'sync'",
        "timeoutSeconds",
        "errors: expected",
        "'nowhere'",
        "parallel is not supported",
        "foreach is not supported",
        "condition '$.x ='",
        "goto is missing",
        "step 'e': expected either duration",
        "retri is not supported",
        "$nope",
        "goto 'h'",
    ):
        assert words in told, (words, told)


@pytest.mark.parametrize(
    "text", ["", "[]", "a: [", "version: v1\ntype: flow", "version: v1\ntype: flow\nsteps: []", "7"]
)
def test_what_is_no_flow_is_refused(text: str) -> None:
    with pytest.raises(BadDefinition):
        load_definition(text, "test", RESOURCES)
