"""What is told of runs: to the pages, to the command line, to metrics."""

from dataclasses import asdict, dataclass, field
from typing import Any

from imgfn.flows.run import RunFailed

ACTIVE = ("DELAYED", "ENQUEUED", "PENDING")
FAILED = ("ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
ENDED = ("SUCCESS", *FAILED, "CANCELLED")
# What the engine calls a state, in words that people know.
STATES = {
    "DELAYED": "waiting",
    "ENQUEUED": "waiting",
    "PENDING": "running",
    "SUCCESS": "succeeded",
    "ERROR": "failed",
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "failed",
    "CANCELLED": "cancelled",
}


def statuses_of(state: str) -> list[str]:
    """The engine's states behind one of our words."""
    return [status for status, word in STATES.items() if word == state]


@dataclass(frozen=True)
class RunInfo:
    """One run; times in Unix seconds."""

    id: str
    kind: str
    status: str  # the engine's word
    created: float
    started: float | None = None
    ended: float | None = None
    executor: str = ""
    queue: str = ""
    attempts: int = 0
    given: dict[str, Any] = field(default_factory=dict)
    output: Any = None
    code: str = ""
    reason: str = ""

    @property
    def state(self) -> str:
        """waiting, running, succeeded, failed or cancelled."""
        return STATES.get(self.status, self.status.lower())

    @property
    def key(self) -> str:
        """The object that the run is about, if there is one."""
        event = self.given.get("event")
        return str(event.get("key", "")) if isinstance(event, dict) else str(self.given.get("prefix", ""))

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self) | {"state": self.state, "key": self.key}


def describe(told: Any) -> RunInfo:
    """What the engine tells of a run."""
    given = told.input["args"][0] if told.input and told.input["args"] else {}
    error = told.error if isinstance(told.error, RunFailed) else None
    return RunInfo(
        id=told.workflow_id,
        kind=told.name,
        status=told.status,
        created=seconds_of(told.created_at) or 0.0,
        started=seconds_of(told.dequeued_at),
        ended=seconds_of(told.completed_at),
        executor=told.executor_id or "",
        queue=told.queue_name or "",
        attempts=told.recovery_attempts or 0,
        given=given if isinstance(given, dict) else {},
        output=told.output,
        code=error.code if error else (type(told.error).__name__ if told.error else ""),
        reason=error.reason if error else (str(told.error) if told.error else ""),
    )


def seconds_of(milliseconds: int | None) -> float | None:
    """Seconds where there are milliseconds."""
    return None if milliseconds is None else milliseconds / 1000
