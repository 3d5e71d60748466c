"""Turns: of the threads that answer requests one runs at a time, until it has to wait for somebody.

Python threads that run at once stop one another at every system call, dozens of times for one answer. A server whose
threads take turns lets one of them answer whatever is answered at once, one request after the other;
as soon as that one has to wait, the next thread is at it, and who has waited takes a turn again before it goes on.
Where nobody takes turns, as in a cloud function, all of this does nothing.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE_SECONDS = 0.05  # after which who is still at one request must be waiting for what we did not think of


class Turn:
    """Two rights: to ask for work, and to run.

    The first has one thread until it waits for somebody: so none is woken as long as work is done at once. The second
    passes on in the order in which threads come back from waiting.
    """

    def __init__(self) -> None:
        self._change = threading.Lock()  # of what follows
        self._asks: int | None = None  # the thread that asks for work, or does what it got
        self._got_work: float | None = None  # when it got that
        self._runs: int | None = None
        self._ran: float = 0.0  # since when
        self._waiting: deque[tuple[int, threading.Lock]] = deque()  # threads that want to run, and what wakes them
        self._may_ask = threading.Lock()
        self._mine = threading.local()
        self.crowded_until = 0.0  # by the monotonic clock

    def take(self, ask: Callable[[], T]) -> T:
        """What `ask` gives, which waits for it, and the right to run.

        What this thread has left for afterwards it does first.
        """
        self._mine.later = later = getattr(self._mine, "later", [])
        if later:
            self.give_way()  # a disk may take its time
            while later:
                later.pop(0)()
        else:
            self._stop_running()
        self._may_ask_next()
        work = ask()
        self._mine.quick = True
        self._got_work = time.monotonic()
        self.run()
        return work

    def give_way(self) -> bool:
        """Let other threads run and ask for work: this one waits for somebody from now on, or ends.

        Gives whether it had the right to run.
        """
        self._mine.quick = False
        me = threading.get_ident()
        with self._change:
            ran = self._runs == me
            if ran:
                self._pass_on()
            if self._asks == me:
                self._stop_asking()
        return ran

    def waiting(self) -> "_Waiting":
        """Let other threads run while this one waits for somebody, in a `with` block."""
        return _Waiting(self)

    def afterwards(self, work: Callable[[], None]) -> bool:
        """Have this thread do `work` when it has answered. False where it takes no turns, and will not do it."""
        later = getattr(self._mine, "later", None)
        if later is not None:
            later.append(work)
        return later is not None

    def crowd_out(self, until: float) -> None:
        """Note that what this thread is at has no room, and others like it will have none until that time."""
        self._mine.quick = False
        self.crowded_until = until

    @property
    def quick(self) -> bool:
        """Whether the work of this thread has neither waited for anybody so far nor been crowded out."""
        return bool(self._mine.quick)

    def oversee(self) -> None:
        """Take both rights from who has been busy with one request for PATIENCE_SECONDS. To be called now and then."""
        with self._change:
            latest = time.monotonic() - PATIENCE_SECONDS
            if self._runs is not None and self._ran < latest:
                self._pass_on()
            if self._asks is not None and self._got_work is not None and self._got_work < latest:
                self._stop_asking()

    def run(self) -> None:
        """Wait for the right to run."""
        me = threading.get_ident()
        with self._change:
            if self._runs in (None, me):
                self._let_run(me)
                return
            woken = threading.Lock()
            woken.acquire()
            self._waiting.append((me, woken))
        woken.acquire()

    def _may_ask_next(self) -> None:
        """Wait for the right to ask."""
        me = threading.get_ident()
        if self._asks != me:
            self._may_ask.acquire()
            self._asks = me
        self._got_work = None

    def _stop_running(self) -> None:
        with self._change:
            if self._runs == threading.get_ident():
                self._pass_on()

    def _pass_on(self) -> None:
        self._runs = None
        if self._waiting:
            thread, woken = self._waiting.popleft()
            self._let_run(thread)
            woken.release()

    def _let_run(self, thread: int) -> None:
        self._runs, self._ran = thread, time.monotonic()

    def _stop_asking(self) -> None:
        self._asks = None
        self._may_ask.release()


class _Waiting:  # a generator would cost a new result four times as much
    def __init__(self, turn: Turn) -> None:
        self._turn = turn

    def __enter__(self) -> None:
        self._ran = self._turn.give_way()

    def __exit__(self, *_: object) -> None:
        if self._ran:
            self._turn.run()


turn = Turn()
