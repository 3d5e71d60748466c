"""Work that is left until an answer is out: a server that sends answers itself opens a scope for it.

Elsewhere nothing is deferred: a cloud function is frozen after its answer.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_scope: ContextVar[list[Callable[[], None]] | None] = ContextVar("deferred", default=None)


@contextmanager
def deferring() -> Iterator[list[Callable[[], None]]]:
    """Collect what the block defers. Whoever opens the scope calls all of it, in order, when the answer is out."""
    deferred: list[Callable[[], None]] = []
    token = _scope.set(deferred)
    try:
        yield deferred
    finally:
        _scope.reset(token)


def defer(work: Callable[[], None]) -> bool:
    """Leave `work` until the answer is out. False outside of a scope: nobody will do it then."""
    deferred = _scope.get()
    if deferred is not None:
        deferred.append(work)
    return deferred is not None
