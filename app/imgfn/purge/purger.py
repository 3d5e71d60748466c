"""Tells caches of changes: at once for callers that can try again, or in the background."""

import os
import queue
import threading
import time
from collections.abc import Collection, Sequence

import certifi
import urllib3

from imgfn.observability.events import observe_purge
from imgfn.observability.log import log
from imgfn.purge.change import Change
from imgfn.purge.targets import Request, Target

SECONDS = 5.0  # that a cache may take to answer
PAUSES = (0.5, 2.0, 8.0)  # seconds before each further try of a purge in the background
GATHER_SECONDS = 0.05  # in which changes come together into one
MOST_WAITING = 10_000


class PurgeError(Exception):
    """Some caches were not told: `targets` by `kinds`."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("; ".join(f"{kind}: {problem}" for kind, problem in problems.items()))
        self.kinds = tuple(problems)


class Purger:
    """Tells `targets` what has changed. Safe to use from many threads."""

    def __init__(self, targets: Sequence[Target], origin: str) -> None:
        self._targets, self._origin = targets, origin
        self._http = urllib3.PoolManager(
            timeout=SECONDS, retries=False, ca_certs=os.environ.get("SSL_CERT_FILE") or certifi.where()
        )

    def purge(self, change: Change, kinds: Collection[str] | None = None) -> None:
        """Tell each of them, or those of `kinds`. Telling one twice does no harm. Raises PurgeError at the end."""
        problems = {}
        for target in self._targets:
            if kinds is not None and target.kind not in kinds:
                continue
            try:
                for request in target.requests(change, self._origin):
                    self._send(request)
            except (urllib3.exceptions.HTTPError, ValueError) as error:
                problems[target.kind] = str(error)
                observe_purge(target.kind, "failed")
            else:
                observe_purge(target.kind, "sent")
        if problems:
            raise PurgeError(problems)

    def _send(self, request: Request) -> None:
        answer = self._http.request(
            request.method, request.url, body=request.body or None, headers=dict(request.headers), redirect=False
        )
        if not request.accepted(answer.status, answer.data):
            raise ValueError(f"{request.method} was answered {answer.status}")


class Background:
    """Purges in a thread of its own, a few tries each; what waits when the process dies is lost.

    The worker of flows is the durable way. Start it after the fork.
    """

    def __init__(self, purger: Purger, pauses: Sequence[float] = PAUSES) -> None:
        self._purger, self._pauses = purger, pauses
        self._waiting: queue.Queue[Change | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="purges", daemon=True)
        self._thread.start()

    def purge(self, change: Change) -> None:
        """Take it over, and come back at once."""
        try:
            self._waiting.put_nowait(change)
        except queue.Full:
            observe_purge("all", "dropped")

    def close(self, seconds: float = SECONDS) -> None:
        """Tell what waits, for no longer than that."""
        self._waiting.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        going = True
        while going:
            change = self._waiting.get()
            if change is None:
                return
            time.sleep(GATHER_SECONDS)
            while not self._waiting.empty():
                more = self._waiting.get()
                going = more is not None
                if more is None:
                    break
                change += more
            self._try(change)

    def _try(self, change: Change) -> None:
        left: Collection[str] | None = None
        for pause in (*self._pauses, None):
            try:
                self._purger.purge(change, left)
                return
            except PurgeError as error:
                log.warning("purge_failed", problem=str(error), tags=change.tags[:10], again=pause is not None)
                left = error.kinds
                time.sleep(pause or 0)
