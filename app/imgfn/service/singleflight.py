"""Equal requests in flight are one: in this process by a future, among this machine's processes by a file lock."""

import fcntl
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from imgfn.core.faults import SlowDown
from imgfn.observability.log import log
from imgfn.process.deferral import defer

T = TypeVar("T")
POLL_SECONDS = 0.01


class SingleFlight(Generic[T]):
    """Work by name, done once however many ask for it at the same time.

    Results are published after the answer where the server lets us (process.deferral), else before it: a cloud function
    is frozen between requests.
    """

    def __init__(self, lock_file: Path, wait_seconds: float) -> None:
        self._descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._wait_seconds = wait_seconds
        self._mutex = threading.Lock()
        self._futures: dict[str, Future[T]] = {}

    def join(self, name: str, found: Callable[[], T | None], work: Callable[[], T], publish: Callable[[T], None]) -> T:
        """The result of `work`, made by this caller or by another one that is at it already.

        `name` is hex digits. `found` looks for a result that another process has landed meanwhile. `publish` stores the
        result; it runs after the result is known to all who wait here, and other processes wait until it returns. What
        `work` raises, all who wait here get. SlowDown where another process takes too long.
        """
        with self._mutex:
            future = self._futures.get(name)
            if is_leader := future is None:
                future = self._futures[name] = Future()
        if not is_leader:
            return future.result()
        try:
            waited = self._lock(name)
            try:
                result = found() if waited else None
                fresh = result is None
                if result is None:
                    result = work()
                future.set_result(result)
            except BaseException:
                self._unlock(name)
                raise
        except BaseException as error:
            self._forget(name)
            future.set_exception(error)
            del future  # it has the error, whose trace has this frame: only the collector would find them
            raise
        self._publish(name, result, publish if fresh else None)
        return result

    def _publish(self, name: str, result: T, publish: Callable[[T], None] | None) -> None:
        def finish() -> None:
            try:
                if publish is not None:
                    publish(result)
            except Exception:  # whoever asked for the result has it
                log.exception("bug")
            finally:
                self._unlock(name)
                self._forget(name)

        # In a copy of the context: what the landing logs carries the id of the request that made the result.
        if publish is None or not defer(partial(copy_context().run, finish)):
            finish()

    def _forget(self, name: str) -> None:
        with self._mutex:
            del self._futures[name]

    def _lock(self, name: str) -> bool:
        """Take the machine-wide lock of `name`; gives whether another process had it first.

        A name is one byte of one file, so nothing has to be cleaned up, and the kernel lets go of what a dead process
        held. Polling, since with blocking record locks the kernel sees deadlocks between threads where none are.
        """
        deadline = time.monotonic() + self._wait_seconds
        waited = False
        while True:
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _offset(name))
            except OSError as error:
                if time.monotonic() > deadline:
                    raise SlowDown(headers={"Retry-After": "1"}) from error
                waited = True
                time.sleep(POLL_SECONDS)
            else:
                return waited

    def _unlock(self, name: str) -> None:
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _offset(name))


def _offset(name: str) -> int:
    return int(name[:15], 16)
