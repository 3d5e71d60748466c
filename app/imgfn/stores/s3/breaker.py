"""A circuit breaker: while a store is known to be down, requests fail at once."""

import threading
import time

from imgfn.core.faults import StoreUnavailable
from imgfn.observability.events import observe_breaker


class Breaker:
    """Opens after `failures` in a row; then lets one caller in `rest_seconds` try, until one succeeds."""

    def __init__(self, failures: int = 5, rest_seconds: float = 2.0) -> None:
        self._limit = failures
        self._rest_seconds = rest_seconds
        self._lock = threading.Lock()
        self._failures = 0
        self._next_try = 0.0

    def admit(self) -> None:
        """Let the caller try. Raises StoreUnavailable while the breaker is open."""
        with self._lock:
            if self._failures < self._limit:
                return
            now = time.monotonic()
            if now < self._next_try:
                raise StoreUnavailable("the object store did not answer lately; it is tried again every few seconds")
            self._next_try = now + self._rest_seconds

    def succeeded(self) -> None:
        """The store answered."""
        with self._lock:
            if self._failures >= self._limit:
                observe_breaker(-1)
            self._failures = 0

    def failed(self) -> None:
        """The store did not answer, too late, or not whole."""
        with self._lock:
            self._failures += 1
            if self._failures == self._limit:
                observe_breaker(+1)
                self._next_try = time.monotonic() + self._rest_seconds
