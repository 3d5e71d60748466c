"""Turns: of the threads that answer requests one runs at a time, until it has to wait for somebody.

Python threads that run at once stop one another at every system call, dozens of times for one answer. A server whose
threads take turns (app.web.worker) lets one of them answer whatever is answered at once, one request after the other;
as soon as that one gives way, the next thread is at it. Where nobody takes turns, as in a cloud function, to give way
does nothing.
"""

import threading
import time

PATIENCE_SECONDS = 0.05  # after which whoever has the turn must be waiting for something that we did not think of


class Turn:
    """One right to run, which threads pass on."""

    def __init__(self) -> None:
        self._free = threading.Lock()
        self._next = threading.Lock()  # who has it waits for the turn, all others wait for who has it
        self._change = threading.Lock()
        self._owner: int | None = None
        self._busy_since: float | None = None

    def take(self) -> None:
        """Wait for the turn. Who was busy with one request for PATIENCE_SECONDS loses it."""
        me = threading.get_ident()
        if self._owner != me:
            with self._next:
                while not self._free.acquire(timeout=PATIENCE_SECONDS):
                    with self._change:
                        if self._stuck():
                            self._owner = None
                            break
                self._owner = me
        self._busy_since = None

    def begin(self) -> None:
        """Say that a request has come."""
        self._busy_since = time.monotonic()

    def give_way(self) -> None:
        """Let another thread run, if it is this one's turn: it waits for somebody from now on, or ends."""
        with self._change:
            if self._owner == threading.get_ident():
                self._owner = None
                self._free.release()

    def _stuck(self) -> bool:
        return self._busy_since is not None and time.monotonic() > self._busy_since + PATIENCE_SECONDS


turn = Turn()
