"""What a program may ask of the engine that runs it durably. No program knows which engine that is."""

from collections.abc import Callable
from typing import Any, Protocol


class RunFailed(Exception):
    """The run ends here without success; a person sees `reason` and may redo it. `code` is for programs."""

    def __init__(self, reason: str, code: str = "Failed") -> None:
        super().__init__(f"{code}: {reason}")
        self.reason, self.code = reason, code


class Run(Protocol):
    """One run of a program. What a method gives is recorded, and given again after a restart."""

    @property
    def id(self) -> str:
        """Names the run for good."""
        ...

    async def step(self, name: str, work: Callable[..., Any], *args: Any) -> Any:
        """`work(*args)`, whose result is JSON, done once; again only where a crash came before its record.

        It must not raise what the program tells apart: what comes back from a record has lost its type.
        """
        ...

    async def act(self, name: str, resource: str, given: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        """Do one of the actions; gives {"ok": result} or {"error": name, "cause": text}."""
        ...

    async def receive(self, topic: str, seconds: float) -> dict[str, Any] | None:
        """The first answer to `topic`; None where none came in time. The deadline outlives restarts."""
        ...

    async def abandon(self, topic: str) -> bool:
        """Take no answer to `topic` any more; False where one was accepted before."""
        ...

    async def ticket(self, topic: str, seconds: float) -> str:
        """A token by which somebody may answer `topic`."""
        ...

    async def start(self, kind: str, run: str, given: dict[str, Any], queue: str, delay: float = 0) -> bool:
        """Have another run of that name, to start after `delay` seconds; False where it was there."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Go on so much later, restarts or not."""
        ...

    async def now(self) -> float:
        """The time (Unix seconds) when this was first asked."""
        ...

    async def tell(self, state: dict[str, Any]) -> None:
        """Show where the run is."""
        ...
