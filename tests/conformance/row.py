"""A row of the conformance table, and the two checks that many rows share."""

from collections.abc import Callable
from dataclasses import dataclass

from imgfn.core.faults import Fault, InvalidArgument
from tests.conformance.pictures import PNG, answer


@dataclass(frozen=True)
class Row:
    """`check` returns whether the promise, or the `difference` that stands in its place, holds."""

    action: str
    parameter: str
    promise: str
    check: Callable[[], bool]
    difference: str = ""


def refused(actions: str, kind: type[Fault] = InvalidArgument, source: bytes = PNG) -> bool:
    """Whether the answer is the fault `kind`."""
    try:
        answer(actions, source)
    except kind:
        return True
    return False


def allowed(action: str, key: str, low: int, high: int) -> bool:
    """Whether a whole-number parameter takes both ends of its range and nothing past them."""
    inside = [f"{action},{key}{value}" for value in (low, high)]
    outside = [f"{action},{key}{value}" for value in (low - 1, high + 1)]
    return not any(refused(text) for text in inside) and all(refused(text) for text in outside)
