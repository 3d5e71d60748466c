"""One run as programs see it (`imgfn.flows.run.Run`), on the engine's calls: in a thread, or on its event loop.

Work that keeps a processor or a disk busy runs in threads: a step costs a third less there. Runs that wait for people
wait on the event loop, where a thousand of them need no thread each.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from imgfn.flows.tokens import Ticket, make_token

LATE_ANSWER_SECONDS = 3600.0  # that an answer which was accepted may take to arrive
GRACE_SECONDS = 60  # that a link is good for after the question has timed out: to say so, and not "no such link"


class Program(Protocol):
    """What a kind of run does. It has to be deterministic between the things that it asks of its Run."""

    def __call__(self, run: Any, given: dict[str, Any], /) -> Coroutine[Any, Any, Any]: ...


@dataclass(frozen=True)
class Surroundings:
    """What runs need beside the engine."""

    act: Callable[[str, str, dict[str, Any], dict[str, Any]], dict[str, Any]]  # run, resource, given, params
    secret: bytes  # signs tickets
    claim: Callable[[str, str], bool]  # run, topic: end the wait; False where an answer was accepted before


class _Base:
    def __init__(self, calls: Any, around: Surroundings, children: Callable[..., bool]) -> None:
        self._calls, self._around, self._start = calls, around, children
        self.id: str = calls.workflow_id

    async def step(self, name: str, work: Callable[..., Any], *args: Any) -> Any:
        raise NotImplementedError

    async def _receive(self, topic: str, seconds: float) -> Any:
        raise NotImplementedError

    async def act(self, name: str, resource: str, given: dict[str, Any], params: dict[str, Any]) -> Any:
        return await self.step(f"act {name}", self._around.act, self.id, resource, given, params)

    async def now(self) -> float:
        return float(await self.step("now", time.time))

    async def ticket(self, topic: str, seconds: float) -> str:
        expires = await self.step("ticket", lambda: time.time() + seconds)
        return make_token(Ticket(self.id, topic, int(expires) + GRACE_SECONDS), self._around.secret)

    async def receive(self, topic: str, seconds: float) -> Any:
        answer = await self._receive(topic, seconds)
        if answer is None and not await self.abandon(topic):
            # Somebody was told that the answer counts, in the very moment when the time was over.
            answer = await self._receive(topic, LATE_ANSWER_SECONDS)
        return answer

    async def abandon(self, topic: str) -> bool:
        return bool(await self.step("time-out", self._around.claim, self.id, topic))

    async def start(self, kind: str, run: str, given: Mapping[str, Any], queue: str, delay: float = 0) -> bool:
        return bool(await self.step("start", lambda: self._start(kind, run, given, queue, delay=delay)))


class SyncRun(_Base):
    """In a thread of its own: every call blocks, so `drive` runs the program to its end in one go."""

    async def step(self, name: str, work: Callable[..., Any], *args: Any) -> Any:
        return self._calls.run_step({"name": name}, work, *args)

    async def _receive(self, topic: str, seconds: float) -> Any:
        return self._calls.recv(topic, timeout_seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        self._calls.sleep(seconds)

    async def tell(self, state: dict[str, Any]) -> None:
        self._calls.set_event("state", state)


class AsyncRun(_Base):
    """On the event loop; steps run in threads."""

    async def step(self, name: str, work: Callable[..., Any], *args: Any) -> Any:
        async def in_thread() -> Any:
            return await asyncio.to_thread(work, *args)

        return await self._calls.run_step_async({"name": name}, in_thread)

    async def _receive(self, topic: str, seconds: float) -> Any:
        return await self._calls.recv_async(topic, timeout_seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        await self._calls.sleep_async(seconds)

    async def tell(self, state: dict[str, Any]) -> None:
        await self._calls.set_event_async("state", state)


def drive(program: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never waits on an event loop."""
    try:
        program.send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("a program of a SyncRun awaited something else")
