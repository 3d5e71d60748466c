"""Clients that ask for pictures through a change, and remember each request that failed."""

import collections
import http.client
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Load:
    """Clients that ask for pictures until they are told to stop, and what they saw."""

    port: int
    clients: int
    kept: bool
    seen: collections.Counter = field(default_factory=collections.Counter)
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> "Load":
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def await_more(self, many: int) -> None:
        target, end = self.seen.total() + many, time.monotonic() + 120
        while self.seen.total() < target:
            assert time.monotonic() < end, "the load stands still"
            time.sleep(0.05)

    def _ask(self, client: int) -> None:
        connection = None
        number = client
        while not self._stop.is_set():
            number += self.clients
            path = f"/proc/resize/w_{20 + number // 8 % 150}/{number % 8}.png"
            try:
                for tries in (1, 0):
                    fresh = connection is None
                    connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                    try:
                        connection.request("GET", path)
                        answer = connection.getresponse()
                        break
                    except (ConnectionError, http.client.RemoteDisconnected):
                        # A kept connection that is closed while it is idle: every client tries such a GET again.
                        connection.close()
                        connection = None
                        if fresh or not tries:
                            raise
                answer.read()
                if answer.status != 200:
                    self.failures.append(f"{path}: {answer.status}")
                self.seen[answer.getheader("Cache-Control", "")[-3:]] += 1
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{path}: {error!r}")
                connection = None
            if not self.kept and connection is not None:
                connection.close()
                connection = None
