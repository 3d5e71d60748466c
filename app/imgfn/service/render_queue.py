"""Backpressure: the queue of those who want a render in one process."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from imgfn.core.faults import SlowDown

RETRY_AFTER = {"Retry-After": "1"}


class RenderQueue:
    """Callers wait in the order in which they came, until one of `places` is free, for at most `wait_seconds`.

    Every caller holds a thread of its server. So only `callers` are let in at once, those who render and those who wait
    for somebody else's equal render included: the other threads are left for what needs no render.
    """

    def __init__(self, places: int, callers: int, wait_seconds: float) -> None:
        self._lock = threading.Lock()
        self._free = places
        self._may_enter = callers
        self._wait_seconds = wait_seconds
        self._waiting: deque[threading.Lock] = deque()  # each is released when its caller has a place

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be one of the callers, in a `with` block. Raises SlowDown at once where there are as many as may be."""
        with self._lock:
            if not self._may_enter:
                raise SlowDown("too many renders are waiting", headers=RETRY_AFTER)
            self._may_enter -= 1
        try:
            yield
        finally:
            with self._lock:
                self._may_enter += 1

    @contextmanager
    def place(self) -> Iterator[None]:
        """Wait for a place, and have it in a `with` block. Raises SlowDown where none is free in time."""
        self._take()
        try:
            yield
        finally:
            self._give_back()

    def _take(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=self._wait_seconds):
            return
        with self._lock:
            if mine not in self._waiting:
                return  # it came at the last moment
            self._waiting.remove(mine)
        raise SlowDown(f"no renderer was free within {self._wait_seconds:g} seconds", headers=RETRY_AFTER)

    def _give_back(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()  # the place goes to the first who waits
            else:
                self._free += 1
