"""DBOS Transact: programs become durable runs. The only module that imports it.

Why it is this engine stands in docs/decisions/0002-flow-engine.md.

Of a process there is at most one Engine, as DBOS has it.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from dbos import DBOS, DBOSConfig, Serializer
from dbos import error as dbos_error

from imgfn.flows.database import prepare
from imgfn.flows.engine_run import AsyncRun, Program, Surroundings, SyncRun, drive
from imgfn.flows.run import RunFailed
from imgfn.flows.runs import ACTIVE, RunInfo, describe, seconds_of

APPLICATION = "imgfn"
VERSION = "1"  # of the programs: they change by adding only, so old runs go on under new code
MAX_ATTEMPTS = 50  # starts of a run that takes its worker down with it
THREADS = 64
COUNTED = 10_000  # runs that have not ended well, at most: to count more takes a second
T = TypeVar("T")


class Json(Serializer):
    """Plain JSON: no pickle is ever read back, and people can read the tables."""

    def serialize(self, data: Any) -> str:
        if isinstance(data, BaseException):
            code = data.code if isinstance(data, RunFailed) else type(data).__name__
            reason = data.reason if isinstance(data, RunFailed) else str(data)
            return json.dumps({"__error__": code, "reason": reason})
        return json.dumps(data, separators=(",", ":"), default=str)

    def deserialize(self, serialized_data: str) -> Any:
        value = json.loads(serialized_data)
        if isinstance(value, dict) and "__error__" in value:
            return RunFailed(value["reason"], value["__error__"])
        return value

    def name(self) -> str:
        return "json"


@dataclass(frozen=True)
class Queue:
    """How many of its runs one worker has at once, how often it asks for more (seconds), and how many all have."""

    workers: int | None
    poll: float = 0.1
    everywhere: int | None = None


class Engine:
    """Starts runs of programs, runs them, and tells of them. `launch` first."""

    def __init__(
        self,
        url: str,
        executor: str,
        programs: Mapping[str, Program],
        around: Surroundings,
        *,
        ended: Callable[[str, float, str], None] = lambda *_: None,
        listen: float = 0.5,
    ) -> None:
        """`programs` by the kind of their runs. `listen`: seconds between looks for answers, where SQLite is asked.

        `ended` hears of each run that ended here: its kind, seconds and outcome.
        """
        prepare(url)
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": url,
            "application_version": VERSION,
            "executor_id": executor,
            "serializer": Json(),
            "log_level": "ERROR",
            "max_executor_threads": THREADS,
            "notification_listener_polling_interval_sec": listen,
            "scheduler_polling_interval_sec": 5.0,
        }
        DBOS(config=config)
        self._programs, self._ended = programs, ended
        for kind, program in programs.items():
            self._register(kind, program, around)
        self._scheduled: Callable[[datetime, Any], None] = lambda *_: None

    def on_schedule(self, work: Callable[[str, Any], None]) -> None:
        """Call `work(time, context)` as a run when a schedule is due. Before `launch`."""

        @DBOS.workflow(name="schedule", max_recovery_attempts=MAX_ATTEMPTS)
        def scheduled(moment: datetime, context: Any) -> None:
            DBOS.run_step({"name": "start"}, lambda: work(str(moment), context))

        self._scheduled = scheduled

    def launch(self, queues: Mapping[str, Queue]) -> None:
        """Take up work. What this executor had under way when it ended goes on."""
        DBOS.launch()
        for name, queue in queues.items():
            DBOS.register_queue(
                name,
                worker_concurrency=queue.workers,
                global_concurrency=queue.everywhere,
                polling_interval_sec=queue.poll,
                on_conflict="always_update",
            )

    def close(self, seconds: int = 3) -> None:
        """Stop; runs under way get `seconds` to end, the others go on at the next start."""
        DBOS.destroy(workflow_completion_timeout_sec=seconds)

    def start(
        self,
        kind: str,
        run: str,
        given: Mapping[str, Any],
        queue: str,
        *,
        delay: float = 0,
        timeout: float | None = None,
        priority: int | None = None,
    ) -> bool:
        """Have a run of that name, durable when this returns. False where it was there already, whatever its state."""
        options: dict[str, Any] = {
            "workflow_name": kind,
            "queue_name": queue,
            "workflow_id": run,
            "workflow_id_reuse_policy": "reject",
            "app_version": VERSION,
        }
        options |= {"delay_seconds": delay} if delay else {}
        options |= {"workflow_timeout": timeout} if timeout else {}
        options |= {"priority": priority} if priority else {}
        try:
            _outside(DBOS.enqueue_workflow_with_options, options, dict(given))
        except dbos_error.DBOSWorkflowIDInUseError:
            return False
        return True

    def send(self, run: str, topic: str, answer: Any) -> None:
        """Answer a waiting run; the same answer twice is one."""
        _outside(DBOS.send, run, answer, topic, idempotency_key=f"{run}~{topic}")

    def runs(
        self, *, kinds: Sequence[str] = (), states: Sequence[str] = (), details: bool = False, **how: Any
    ) -> list[RunInfo]:
        """Runs, newest first; `how` as `limit`, `offset`, `prefix`, `executor`, `completed_before`."""
        asked: dict[str, Any] = {"sort_desc": True, "load_input": details, "load_output": details}
        names = {"prefix": "workflow_id_prefix", "executor": "executor_id"}
        asked |= {names.get(name, name): value for name, value in how.items() if value is not None}
        asked |= {"name": list(kinds or self._programs)} | ({"status": list(states)} if states else {})
        return [describe(told) for told in _outside(DBOS.list_workflows, **asked)]

    def look_up(self, run: str) -> RunInfo | None:
        """One run with what it was given and gave."""
        told = _outside(DBOS.list_workflows, workflow_ids=[run])
        return describe(told[0]) if told else None

    def steps(self, run: str) -> list[dict[str, Any]]:
        """The recorded steps of a run: name, start and end (Unix seconds), output or error."""
        return [
            {
                "number": step["function_id"],
                "name": step["function_name"],
                "started": seconds_of(step["started_at_epoch_ms"]),
                "ended": seconds_of(step["completed_at_epoch_ms"]),
                "output": step["output"],
                "error": str(step["error"]) if step["error"] else None,
            }
            for step in DBOS.list_workflow_steps(run)
        ]

    def state(self, run: str) -> dict[str, Any]:
        """What the run said last of where it is."""
        return DBOS.get_all_events(run).get("state") or {}

    def cancel(self, runs: Sequence[str]) -> None:
        """Stop runs at their next step."""
        DBOS.cancel_workflows(list(runs))

    def resume(self, runs: Sequence[str], queue: str) -> None:
        """Go on with cancelled runs."""
        DBOS.resume_workflows(list(runs), queue_name=queue)

    def rewind(self, run: str, step: int, queue: str) -> None:
        """Do a run that has ended again from that step on."""
        DBOS.rewind_workflow(run, start_step=step, queue_name=queue)

    def delete(self, runs: Sequence[str]) -> None:
        """Forget runs that have ended."""
        _outside(DBOS.delete_workflows, list(runs))

    def executors_with_work(self) -> set[str]:
        """Whose runs are under way, living or dead."""
        told = DBOS.list_workflows(status="PENDING", limit=10_000, load_input=False, load_output=False)
        return {run.executor_id for run in told if run.executor_id}

    def take_over(self, executor: str) -> int:
        """Go on with what a dead executor had under way; gives how many runs. Twice is harmless."""
        return len(DBOS._recover_pending_workflows([executor]))

    def schedule(self, entries: Sequence[Mapping[str, str]], contexts: Mapping[str, Any]) -> None:
        """Have exactly these schedules: name, cron, timezone; a context each by its name."""
        known = {entry["name"] for entry in entries}
        for old in DBOS.list_schedules():
            if old["schedule_name"] not in known:
                DBOS.delete_schedule(old["schedule_name"])
        if entries:
            DBOS.apply_schedules(
                [
                    {
                        "schedule_name": entry["name"],
                        "workflow_fn": self._scheduled,
                        "schedule": entry["cron"],
                        "cron_timezone": entry["timezone"],
                        "context": contexts[entry["name"]],
                    }
                    for entry in entries
                ]
            )

    def _register(self, kind: str, program: Program, around: Surroundings) -> None:
        register = DBOS.workflow(name=kind, max_recovery_attempts=MAX_ATTEMPTS)

        async def waiting(given: dict[str, Any]) -> Any:
            with self._observed(kind):
                return await program(AsyncRun(DBOS, around, self.start), given)

        def working(given: dict[str, Any]) -> Any:
            with self._observed(kind):
                return drive(program(SyncRun(DBOS, around, self.start), given))

        register(waiting if getattr(program, "waits", False) else working)

    @contextmanager
    def _observed(self, kind: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        except RunFailed:
            self._ended(kind, time.monotonic() - began, "failed")
            raise
        self._ended(kind, time.monotonic() - began, "succeeded")

    def count(self) -> dict[tuple[str, str], int]:
        """How many runs of each kind are in each state."""
        counted: dict[tuple[str, str], int] = {}
        states = (*ACTIVE, "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
        for run in self.runs(states=states, limit=COUNTED):
            counted[run.kind, run.state] = counted.get((run.kind, run.state), 0) + 1
        return counted


def _outside(call: Callable[..., T], *given: Any, **named: Any) -> T:
    """`call` as if no run were under way in this thread: what is recorded in a step must not be a step again."""
    return Context().run(partial(call, *given, **named))
