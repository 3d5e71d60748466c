"""Runs a definition on an engine. It decides by recorded values only, so a restarted run goes the same way.

Values pass as FDL's page "Inputs and outputs" says: a step's input is its parent's input with its parent's local values
on top, its output goes into its parent's local values, and mappings replace either.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from imgfn.flows.fdl.conditions import parse_condition
from imgfn.flows.fdl.mappings import apply_mappings, resolve
from imgfn.flows.run import Run, RunFailed

MAX_VISITS = 10_000
MAX_DATA_BYTES = 32 * 1024  # FDL's own limit of a step's input and output
DEFAULT_WAIT_SECONDS = 86_400
TIMEOUT, ALL = "FnF.TaskTimeout", "FnF.ALL"

Data = dict[str, Any]


class TaskError(Exception):
    """A task failed; `name` is what `catch` and `retry` look for."""

    def __init__(self, name: str, cause: str = "") -> None:
        super().__init__(f"{name}: {cause}" if cause else name)
        self.name, self.cause = name, cause


class _Ended(Exception):
    """The flow ends here, and well."""


@dataclass
class _Frame:
    """What children see of their parent."""

    given: Data
    local: Data = field(default_factory=dict)


async def run_flow(run: Run, document: Mapping[str, Any], given: Data) -> Data:
    """Run to the end; gives the flow's output. Raises RunFailed."""
    return await _Interpreter(run, document).run(given)


class _Interpreter:
    def __init__(self, run: Run, document: Mapping[str, Any]) -> None:
        self._run, self._document = run, document
        self._visits = 0
        self._waits = 0
        self._path: list[str] = []

    async def run(self, given: Data) -> Data:
        document = self._document
        if "inputMappings" in document:
            given = apply_mappings(document["inputMappings"], {"$input": given, "$": given})
        frame = _Frame(given)
        try:
            await self._sequence(document["steps"], frame)
        except _Ended:
            pass
        except TaskError as error:
            raise RunFailed(f"step {self._path[-1]!r}: {error}", error.name) from error
        scope = {"$input": frame.given, "$local": frame.local, "$": frame.local}
        output = apply_mappings(document["outputMappings"], scope) if "outputMappings" in document else frame.local
        await self._tell("", done=True, ended=self._path[-1])
        return {"ended": self._path[-1], "output": output}

    async def _sequence(self, steps: Sequence[Data], frame: _Frame) -> str | None:
        """Do these steps in order; gives the goto that leaves them, if one does."""
        places = {step["name"]: place for place, step in enumerate(steps)}
        place = 0
        while place < len(steps):
            step = steps[place]
            goto = await self._step(step, frame)
            if goto is None:
                if step.get("end"):
                    raise _Ended
                place += 1
            elif goto in places:
                place = places[goto]
            else:
                return goto
        return None

    async def _step(self, step: Data, frame: _Frame) -> str | None:
        self._visits += 1
        if self._visits > MAX_VISITS:
            raise TaskError("FnF.TooManySteps", f"more than {MAX_VISITS} steps")
        name, kind = step["name"], step["type"]
        self._path.append(name)
        del self._path[:-100]
        scope = {"$input": frame.given, "$local": frame.local, "$context": self._context(name)}
        union = {**frame.given, **frame.local}
        scope["$"] = union
        given = apply_mappings(step["inputMappings"], scope) if "inputMappings" in step else union
        await self._tell(name, waiting=False)
        goto: str | None = None
        if kind == "task":
            try:
                result = await self._task(step, frame, given)
            except TaskError as error:
                caught = next((c["goto"] for c in step.get("catch", []) if {error.name, ALL} & {*c["errors"]}), None)
                if caught is None:
                    raise
                frame.local |= {"error": error.name, "cause": error.cause}
                return str(caught)
        elif kind == "choice":
            inner = _Frame(given)
            goto = await self._choose(step, inner)
            result = inner.local
        elif kind == "wait":
            result = await self._wait(step, given)
        elif kind == "fail":
            raise TaskError(
                step.get("error", "FnF.Failed"), str(resolve(step.get("cause", ""), {**scope, "$": given}) or "")
            )
        else:
            result = {}
        scope |= {"$input": given, "$local": result, "$": result}
        output = apply_mappings(step["outputMappings"], scope) if "outputMappings" in step else result
        _check_size(output)
        frame.local |= output
        if kind == "succeed":
            raise _Ended
        return goto

    async def _choose(self, step: Data, frame: _Frame) -> str | None:
        scope = {"$": frame.given, "$input": frame.given, "$local": frame.local}
        way = next((way for way in step["choices"] if parse_condition(way["condition"])(scope)), step.get("default"))
        if way is None:
            return None
        left = await self._sequence(way["steps"], frame) if "steps" in way else None
        return left or way.get("goto")

    async def _task(self, step: Data, frame: _Frame, given: Data) -> Data:
        """Try until it succeeds or no retry is left."""
        tried: dict[int, int] = {}
        while True:
            try:
                return await self._attempt(step, frame, given)
            except TaskError as error:
                rules = step.get("retry", [])
                index = next((i for i, r in enumerate(rules) if {error.name, ALL} & {*r["errors"]}), None)
                if index is None:
                    raise
                rule, tries = rules[index], tried.get(index, 0)
                if tries >= rule.get("maxAttempts", 3):
                    raise
                tried[index] = tries + 1
                pause = rule.get("intervalSeconds", 1) * rule.get("multiplier", 2) ** tries
                await self._run.sleep(min(pause, rule.get("maxIntervalSeconds", pause)))

    async def _attempt(self, step: Data, frame: _Frame, given: Data) -> Data:
        """Act once, and wait for the answer where the pattern says so."""
        waits = step.get("pattern") == "waitForCallback"
        seconds = step.get("timeoutSeconds", DEFAULT_WAIT_SECONDS)
        topic = ""
        if waits:
            self._waits += 1
            topic = f"{step['name']}#{self._waits}"
            context = self._context(step["name"]) | {"task": {"token": await self._run.ticket(topic, seconds)}}
            if "inputMappings" in step:
                parent = {"$input": frame.given, "$local": frame.local, "$": {**frame.given, **frame.local}}
                given = apply_mappings(step["inputMappings"], parent | {"$context": context})
            await self._tell(step["name"], waiting=True, topic=topic, seconds=seconds, given=given)
        else:
            context = self._context(step["name"])
        scope = {"$": given, "$input": given, "$local": frame.local, "$context": context}
        params = resolve(step.get("serviceParams", {}), scope)
        resource = str(step.get("resource", step.get("resourceArn")))
        outcome = await self._run.act(step["name"], resource, given, params)
        # A notice may have gone out before its action failed: whoever answers it now is told, or counts.
        if "error" in outcome and not (waits and not await self._run.abandon(topic)):
            raise TaskError(outcome["error"], outcome.get("cause", ""))
        result = outcome.get("ok", {})
        if waits:
            answer = await self._run.receive(topic, seconds)
            if answer is None:
                raise TaskError(TIMEOUT, f"no answer within {seconds:g} seconds")
            if "error" in answer:  # ReportTaskFailed
                raise TaskError(str(answer["error"]), str(answer.get("cause", "")))
            result = answer.get("output", {})
        return result if isinstance(result, dict) else {"result": result}

    async def _wait(self, step: Data, given: Data) -> Data:
        if "timestamp" in step:
            moment = datetime.fromisoformat(str(resolve(step["timestamp"], {"$": given, "$input": given})))
            seconds = moment.timestamp() - await self._run.now()
        else:
            seconds = float(resolve(step["duration"], {"$": given, "$input": given}) or 0)
        await self._run.sleep(max(0.0, seconds))
        return {}

    async def _tell(self, step: str, **facts: Any) -> None:
        await self._run.tell({"step": step, "visits": self._visits, **facts})

    def _context(self, step: str) -> Data:
        name = self._document.get("name", "")
        return {"flow": {"name": name, "id": self._run.id}, "execution": {"name": self._run.id}, "step": {"name": step}}


def _check_size(output: Data) -> None:
    if len(json.dumps(output, default=str)) > MAX_DATA_BYTES:
        raise TaskError("FnF.DataLimitExceeded", f"a step's output is over {MAX_DATA_BYTES} bytes")
