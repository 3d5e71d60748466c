"""Runs of flows, and the answers that they wait for."""

import hashlib
from collections.abc import Callable
from typing import Any, Literal, Protocol

from imgfn.core.faults import NoSuchKey
from imgfn.flows.attempts import insist
from imgfn.flows.event import Event
from imgfn.flows.fdl.interpreter import run_flow
from imgfn.flows.pictures import Pictures
from imgfn.flows.run import Run
from imgfn.flows.runs import RunInfo

CONTROL = "control"  # the queue of answers
Told = Literal["accepted", "answered", "timed out", "over"]

Data = dict[str, Any]


class Runs(Protocol):
    """The part of the engine that answers need."""

    def start(self, kind: str, run: str, given: Data, queue: str) -> bool: ...
    def look_up(self, run: str) -> RunInfo | None: ...
    def send(self, run: str, topic: str, answer: Any) -> None: ...


def flow_program(pictures: Callable[[], Pictures], find: Callable[[str], Data]) -> Any:
    """The program of flow runs: {"flow": name, "definition": …, "event": …, "input": …}.

    `find` gives a definition by name, for runs that were started while their file was broken.
    """

    def look(told: Data) -> Data:
        event = Event.from_json(told)
        try:
            stat = pictures().stat(event.key, encoded=event.source == "oss")
        except NoSuchKey:
            return {"outcome": "gone"}
        if event.etag and stat.etag.lower() != event.etag.lower():
            return {"outcome": "superseded"}
        return {"key": stat.key, "etag": stat.etag, "bucket": event.bucket, "size": stat.size, **stat.meta}

    async def program(run: Run, given: Data) -> Data:
        about: Data = {}
        if given.get("event"):
            about = await insist(run, "look", look, given["event"])
            if "outcome" in about:
                return about
        definition = given["definition"] or await insist(run, "definition", find, given["flow"])
        return await run_flow(run, definition, {**about, **given.get("input", {})})

    program.waits = True  # type: ignore[attr-defined]  # for days, so it needs no thread
    return program


def answer_run(run: str, topic: str) -> str:
    """The name of the run that holds the one answer to a question: whoever starts it first has answered."""
    return f"answer-{hashlib.sha256(f'{run}~{topic}'.encode()).hexdigest()[:32]}"


def answer_program(engine: Callable[[], Runs]) -> Any:
    """The program of answer runs: {"run", "topic", "answer"}, or {"run", "topic", "timeout": True}."""

    async def program(run: Run, given: Data) -> Data:
        if "answer" in given:
            await run.step("send", lambda: engine().send(given["run"], given["topic"], given["answer"]))
        return {name: value for name, value in given.items() if name != "run"}

    return program


def give_answer(engine: Runs, run: str, topic: str, answer: Data) -> tuple[Told, Data]:
    """Answer once for all, durable when this returns; gives what became of it, and the answer that counts."""
    info = engine.look_up(run)
    if info is None or info.state not in ("waiting", "running"):
        return ("over", {}) if info is None or not _held(engine, run, topic) else _told(_held(engine, run, topic))
    if engine.start("answer", answer_run(run, topic), {"run": run, "topic": topic, "answer": answer}, CONTROL):
        return "accepted", answer
    return _told(_held(engine, run, topic))


def claim_timeout(engine: Runs, run: str, topic: str) -> bool:
    """End the wait for an answer; False where one was accepted before. The same when asked again."""
    name = answer_run(run, topic)
    if engine.start("answer", name, {"run": run, "topic": topic, "timeout": True}, CONTROL):
        return True
    return bool(_held(engine, run, topic).get("timeout"))


def _held(engine: Runs, run: str, topic: str) -> Data:
    info = engine.look_up(answer_run(run, topic))
    return info.given if info else {}


def _told(held: Data) -> tuple[Told, Data]:
    return ("timed out", {}) if held.get("timeout") else ("answered", held.get("answer", {}))
