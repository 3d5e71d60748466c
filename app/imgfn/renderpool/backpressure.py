"""Room in the pool's queue, as far as one client knows without a try: tries cost CPU that the renders need."""

import time

FULL_SECONDS = 1.0  # at most, that a queue counts as full: so long we ask callers to wait before they try again
CROWDED_SECONDS = 0.1  # after that, that it is likely to be full again


class Room:
    """What the fate of a client's own jobs tells of the queue.

    Found full, it counts as full for as long as our last job had to wait in it, but for the places that jobs of ours
    leave meanwhile: for each of them one more can be tried.
    """

    def __init__(self) -> None:
        self._found_full = self._full_until = -CROWDED_SECONDS  # by the monotonic clock
        self._free = 0  # places that count as free though the queue does not
        self._waited = 0.0  # seconds

    @property
    def full(self) -> bool:
        """Whether a try would most likely be in vain."""
        return not self._free and time.monotonic() < self._full_until

    @property
    def crowded_until(self) -> float:
        """Until when many ask for few places, by the monotonic clock."""
        return self._full_until + CROWDED_SECONDS

    def found_full(self) -> None:
        """A try was in vain."""
        self._found_full = time.monotonic()
        self._full_until = self._found_full + min(self._waited, FULL_SECONDS)
        self._free = 0

    def took(self) -> None:
        """A job of ours has a place now."""
        self._free = max(0, self._free - 1)

    def left(self, queued: float, begun: float) -> None:
        """A job of ours had a place from `queued` to `begun`."""
        self._waited = begun - queued
        if begun > self._found_full:
            self._free += 1
