"""What people and programs can ask of a worker about runs. Every method takes and gives JSON."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from imgfn.core.faults import InvalidArgument, NotFound, ObjectAlreadyExists
from imgfn.core.plan import Plan
from imgfn.flows import reports
from imgfn.flows.backfill import QUEUE as BACKFILL
from imgfn.flows.backfill import RATED, part
from imgfn.flows.definitions import FlowFiles, NoSuchFlow
from imgfn.flows.dispatch import DERIVE, FLOWS
from imgfn.flows.engine import Engine
from imgfn.flows.event import Event, run_id
from imgfn.flows.fdl.definition import BadDefinition
from imgfn.flows.pictures import Pictures
from imgfn.flows.review import CONTROL, answer_run, give_answer
from imgfn.flows.rules import Rules
from imgfn.flows.rules_file import NAME
from imgfn.flows.runs import ACTIVE, RunInfo, statuses_of
from imgfn.flows.target import check_target

QUEUES = {"derive": DERIVE, "tidy": DERIVE, "flow": FLOWS, "answer": CONTROL, "batch": BACKFILL, "backfill": BACKFILL}
SHOWN = ("derive", "tidy", "flow", "backfill", "batch", "expire")
MOST = 1000


class Desk:
    """The verbs of `imgfn.flows.control`."""

    def __init__(
        self,
        engine: Engine,
        flows: FlowFiles,
        pictures: Callable[[], Pictures],
        rules: Callable[[], Rules],
        health: Callable[[], Mapping[str, Any]],
        metrics: Callable[[], str],
    ) -> None:
        self._engine, self._flows, self._pictures = engine, flows, pictures
        self._rules, self._health, self._metrics = rules, health, metrics

    def health(self) -> dict[str, Any]:
        """The worker's name, its rules' faults, what waits."""
        return dict(self._health())

    def metrics(self) -> str:
        """Prometheus' text."""
        return self._metrics()

    def runs(self, state: str = "", kind: str = "", limit: int = 50, offset: int = 0) -> list[dict[str, Any]]:
        """Runs, newest first, with what they are about and where they are."""
        states = statuses_of(state) if state else ()
        if state and not states:
            raise InvalidArgument(
                f"no state {state!r}", parameter="state", expected="waiting, running, succeeded, failed, cancelled"
            )
        kinds = (kind,) if kind else SHOWN
        found = self._engine.runs(kinds=kinds, states=states, limit=min(limit, MOST), offset=offset, details=True)
        told = []
        for run in found:
            entry = run.to_json() | {"given": _short(run.given)}
            if run.kind == "flow" and run.state == "running":
                entry["at"] = self._engine.state(run.id)
            told.append(entry)
        return told

    def run(self, run: str) -> dict[str, Any]:
        """One run with its steps. Raises NotFound."""
        info = self._info(run)
        return info.to_json() | {"steps": self._engine.steps(run), "at": self._engine.state(run)}

    def cancel(self, run: str) -> dict[str, Any]:
        """Stop a run at its next step. Raises NotFound."""
        info = self._info(run)
        if info.status in ACTIVE:
            self._engine.cancel([run])
        return {"id": run, "state": self._info(run).state}

    def redo(self, run: str) -> dict[str, Any]:
        """Do a failed or cancelled run again: a flow from its last action on, others from their start."""
        info = self._info(run)
        if info.state not in ("failed", "cancelled"):
            raise InvalidArgument(f"it is {info.state}", parameter="run", expected="a failed or cancelled run")
        step = 1
        if info.kind == "flow":
            step = self._last_action(run)
            topic = self._engine.state(run).get("topic")
            if topic:
                self._engine.delete([answer_run(run, topic)])
        self._engine.rewind(run, step, QUEUES.get(info.kind, DERIVE))
        return {"id": run, "state": "waiting"}

    def _last_action(self, run: str) -> int:
        """The step to go on from: the last action, with the ticket of its question, which may have expired."""
        first, ticket = 1, 0
        for step in self._engine.steps(run):
            if step["name"] == "ticket":
                ticket = step["number"]
            elif step["name"].startswith("act "):
                first, ticket = ticket or step["number"], 0
        return int(first)

    def answer(self, run: str, topic: str, answer: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Answer a waiting flow: accepted, answered, timed out or over, and the answer that counts."""
        return give_answer(self._engine, run, topic, answer)

    def question(self, run: str, topic: str) -> dict[str, Any]:
        """What a flow asks: its input, and whether it still waits."""
        info = self._info(run)
        at = self._engine.state(run)
        held = self._engine.look_up(answer_run(run, topic))
        waits = info.state == "running" and at.get("topic") == topic and held is None
        return {"flow": info.given.get("flow"), "key": info.key, "waits": waits, "given": at.get("given", {})}

    def review_state(self, key: str, etag: str) -> str:
        """Where the flow of an upload is: none, waiting, failed, or the `state` that its output tells."""
        event = Event("created", self._pictures().bucket, key, etag)
        for rule in self._rules().flows_for(event):
            run = self._engine.look_up(run_id("flow", event, rule.digest))
            if run is not None:
                if run.state == "succeeded" and isinstance(run.output, dict):
                    output = run.output.get("output", {})
                    return str(output.get("state") or run.output.get("outcome") or "done")
                return "waiting" if run.status in ACTIVE else run.state
        return "none"

    def start_flow(self, name: str, given: dict[str, Any], run: str) -> dict[str, Any]:
        """Start a flow by hand. Raises InvalidArgument and ObjectAlreadyExists."""
        try:
            document = self._flows.find(name)
        except (NoSuchFlow, BadDefinition) as error:
            raise InvalidArgument(str(error), parameter="name") from error
        told = {"flow": name, "definition": document, "input": given}
        if not self._engine.start("flow", run, told, FLOWS, timeout=document.get("timeoutSeconds")):
            raise ObjectAlreadyExists(f"a run is called {run!r}", parameter="run", expected="another name")
        return {"id": run}

    def start_backfill(self, name: str, prefix: str = "", plan: str = "", **how: Any) -> dict[str, Any]:
        """Start a backfill: `plan` (or style/<name>), or `missing`; `rate`, `saveas`, `dry_run`, `after`."""
        if not NAME.fullmatch(name):
            raise InvalidArgument(f"name {name!r}", parameter="name", expected="1 to 63 of A-Z a-z 0-9 _ . -")
        if bool(plan) == bool(how.get("missing")):
            raise InvalidArgument("nothing to do", parameter="plan", expected="a plan or style/<name>, or --missing")
        if plan:
            self._check_plan(plan)
        if fault := check_target(how["saveas"]) if how.get("saveas") else "":
            raise InvalidArgument(fault, parameter="saveas")
        work = {"plan": plan, "missing": how.get("missing", False), "saveas": how.get("saveas", ""), "prefix": prefix}
        given = {"name": name, "prefix": prefix, "work": work, "part": 0}
        given |= {key: how[key] for key in ("rate", "dry_run", "after") if how.get(key)}
        if not self._engine.start("backfill", part(name, 0), given, FLOWS):
            raise ObjectAlreadyExists(f"a backfill is called {name!r}", parameter="name", expected="another name")
        return {"name": name}

    def _check_plan(self, text: str) -> Plan:
        try:
            return self._pictures().plan(text)
        except ValueError as error:
            raise InvalidArgument(str(error), parameter="plan") from error

    def backfill(self, name: str) -> dict[str, Any]:
        """How far it is. Raises NotFound."""
        parents, batches = self._backfill(name)
        last = max(parents, key=lambda run: run.id)
        told = reports.summarize(parents, batches, self._engine.state(last.id), time.time())
        return {"name": name, "dry_run": bool(last.given.get("dry_run")), **told}

    def failures(self, name: str) -> str:
        """A CSV file of what failed. Raises NotFound."""
        return reports.failures_csv(self._backfill(name)[1])

    def change_backfill(self, name: str, to: str) -> dict[str, Any]:
        """`pause`, `resume` or `cancel` it. Raises NotFound."""
        parents, batches = self._backfill(name)
        if to == "resume":
            rated = RATED if parents[0].given.get("rate") else BACKFILL
            for runs, queue in ((batches, rated), (parents, FLOWS)):
                stopped = [run.id for run in runs if run.state == "cancelled"]
                if stopped:
                    self._engine.resume(stopped, queue)
        elif to in ("pause", "cancel"):
            # Parents first: they start batches.
            for runs in (parents, batches):
                active = [run.id for run in runs if run.status in ACTIVE]
                if active:
                    self._engine.cancel(active)
            if to == "cancel":
                self._engine.delete([run.id for run in (*parents, *batches) if not run.output])
        else:
            raise InvalidArgument(f"{to!r}", parameter="to", expected="pause, resume or cancel")
        return {"name": name, "state": {"pause": "paused", "resume": "running", "cancel": "cancelled"}[to]}

    def _backfill(self, name: str) -> tuple[list[RunInfo], list[RunInfo]]:
        found = self._engine.runs(
            kinds=("backfill", "batch"), prefix=f"backfill-{name}.", limit=1_000_000, details=True
        )
        parents = [run for run in found if run.kind == "backfill" and run.given.get("name") == name]
        if not parents:
            raise NotFound(f"no backfill is called {name!r}")
        return parents, [run for run in found if run.kind == "batch"]

    def _info(self, run: str) -> RunInfo:
        info = self._engine.look_up(run)
        if info is None:
            raise NotFound(f"no run is called {run!r}")
        return info


def _short(given: dict[str, Any]) -> dict[str, Any]:
    """Without what fills a page: definitions and lists of keys."""
    return {name: value for name, value in given.items() if name not in ("definition", "keys")}
