"""What is told of runs: to the pages, to the command line, to metrics."""

from dataclasses import asdict, dataclass, field
from typing import Any

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
