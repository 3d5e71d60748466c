"""Results that nobody has needed for long are removed; whoever wants one again has it made again."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from imgfn.flows.attempts import insist
from imgfn.flows.pictures import Pictures
from imgfn.flows.run import Run


def expire_program(pictures: Callable[[], Pictures]) -> Any:
    """The program of expire runs: {"days", "prefix"}; gives {"removed": how many}."""

    async def program(run: Run, given: dict[str, Any]) -> dict[str, Any]:
        before = await run.now() - given["days"] * 86_400
        return {"removed": await insist(run, "expire", lambda: expire(pictures(), before, given["prefix"]))}

    return program


def expire(pictures: Pictures, before: float, prefix: str = "") -> int:
    """Remove the results made before a time (Unix seconds); gives how many."""
    moment = datetime.fromtimestamp(before, UTC)
    gone = 0
    for stat in pictures.list_results(prefix):
        if stat.modified < moment:
            pictures.service.results.delete(stat.key)
            gone += 1
    return gone
