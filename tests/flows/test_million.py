"""A backfill of a million objects, without an engine: a store that makes its keys, no renders."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from imgfn.core.key import Key
from imgfn.core.store import Stat
from imgfn.flows.backfill import BATCH, BATCHES, backfill_program, batch_program
from imgfn.flows.rules import Rules
from tests.flows.awaiting import awaited

OBJECTS = 1_000_000
BROKEN = 9_999  # each so manieth


class Pictures:
    """Keys by their number; of each so many one is broken."""

    def __init__(self) -> None:
        self.listed = 0

    def list(self, prefix: str, after: str) -> Iterator[Stat]:
        first = int(after.removeprefix(prefix)) + 1 if after else 0
        for number in range(first, OBJECTS):
            self.listed += 1
            yield Stat(Key(f"{prefix}{number:07}"), 1, "e", datetime(2026, 1, 1, tzinfo=UTC), "image/png")

    def make(self, key: str, plan: str) -> dict[str, str]:
        if int(key.rpartition("/")[2]) % BROKEN == 0:
            raise ValueError("broken")
        return {"webp": "made"}


class Run:
    """A run whose steps are counted; what it starts is kept."""

    def __init__(self, name: str) -> None:
        self.id, self.steps, self.started = name, 0, []  # type: ignore[var-annotated]

    async def step(self, name: str, work: Any, *given: Any) -> Any:
        self.steps += 1
        return work(*given)

    async def start(self, kind: str, run: str, given: Any, queue: str, delay: float = 0) -> bool:
        self.steps += 1
        self.started.append((kind, run, given))
        return True

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing to wait for")

    async def tell(self, state: Any) -> None:
        self.steps += 1


async def work_all() -> tuple[list[Run], list[str], dict[str, int], int]:
    pictures = Pictures()
    parent_program = backfill_program(lambda: pictures, lambda _: 0)  # type: ignore[arg-type, return-value]
    batches = batch_program(lambda: pictures, Rules, lambda _: False)  # type: ignore[arg-type, return-value]
    given: dict[str, Any] = {"name": "all", "prefix": "many/", "work": {"plan": "style/x"}, "part": 0}
    parents, failed, total, names = [Run("backfill-all.0000")], [], {"made": 0, "kept": 0}, 0
    for parent in parents:
        await parent_program(parent, given)
        for kind, name, told in parent.started:
            if kind == "backfill":
                parents.append(Run(name))
                given = told
                continue
            names += 1
            assert len(told["keys"]) <= BATCH
            outcome = await batches(Run(name), told)
            total = {word: total[word] + outcome[word] for word in total}
            failed += [key for key, _ in outcome["failed"]]
    return parents, failed, total, names


def test_a_million_objects_are_done_once_each_by_parents_of_a_thousand_batches() -> None:
    parents, failed, total, names = awaited(work_all())
    assert total == {"made": OBJECTS - len(failed), "kept": 0}
    assert failed == [f"many/{number:07}" for number in range(0, OBJECTS, BROKEN)]
    assert names == OBJECTS // BATCH
    assert len(parents) == OBJECTS // BATCH // BATCHES + 1  # the last one finds nothing more
    assert [parent.id for parent in parents[:2]] == ["backfill-all.0000", "backfill-all.0001"]
    assert len({name for parent in parents for _, name, _ in parent.started}) == OBJECTS // BATCH + len(parents) - 1
    assert max(parent.steps for parent in parents) < 1.5 * BATCHES
