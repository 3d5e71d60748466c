"""Rate limit on new results of one source."""

import threading
import time
from collections import OrderedDict

from imgfn.core.faults import TooManyPlans
from imgfn.core.key import Key

MAX_SOURCES = 10_000  # whose rates are remembered; the longest unused is forgotten first


class PlanRate:
    """How many new results one source may have made within an hour: `most` of them, in this process; 0: any number.

    Kept results cost nothing. It keeps a stranger who walks through 10,000 widths of one picture from filling the
    store; several processes each have their own count.
    """

    def __init__(self, most: int, window_seconds: float = 3600) -> None:
        self._most, self._window_seconds = most, window_seconds
        self._made: OrderedDict[Key, tuple[float, int]] = OrderedDict()
        self._mutex = threading.Lock()

    def spend(self, source: Key, now: float | None = None) -> None:
        """Count one new result of `source`; raises TooManyPlans where it had its share."""
        now = time.monotonic() if now is None else now
        with self._mutex:
            since, made = self._made.pop(source, (now, 0))
            if now - since >= self._window_seconds:
                since, made = now, 0
            self._made[source] = (since, min(made + 1, self._most))
            if len(self._made) > MAX_SOURCES:
                self._made.popitem(last=False)
        if self._most and made >= self._most:
            wait = str(int(since + self._window_seconds - now) + 1)
            raise TooManyPlans(f"{source!r} got {made} new results already", headers={"Retry-After": wait})
