"""Clients: a closed loop of threads over a list of URLs, an open loop at a fixed rate, and wrk for what is faster."""

import re
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import urllib3


@dataclass
class Load:
    """What a stretch of requests gave."""

    seconds: float = 0.0
    good_ms: list[float] = field(default_factory=list)  # latency of each 200
    refused: int = 0  # 503: the bounded queue was full
    failed: dict[str, int] = field(default_factory=dict)  # every other answer

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return len(self.good_ms) / self.seconds

    def summary(self) -> dict[str, object]:
        row: dict[str, object] = {"requests/s": round(self.rate, 1)}
        if len(self.good_ms) > 1:
            cuts = statistics.quantiles(self.good_ms, n=100)
            row |= {"p50 ms": round(cuts[49], 1), "p99 ms": round(cuts[98], 1)}
        if self.failed:
            row["failed"] = str(self.failed)
        return row


class _Tally:
    def __init__(self, base: str, connections: int) -> None:
        self.load = Load()
        self._pool = urllib3.PoolManager(maxsize=connections, retries=False, timeout=60)
        self._base = base
        self._lock = threading.Lock()

    def get(self, path: str) -> None:
        start = time.perf_counter()
        try:
            status = str(self._pool.request("GET", self._base + path).status)
        except urllib3.exceptions.HTTPError as error:
            status = type(error).__name__
        spent = (time.perf_counter() - start) * 1000
        with self._lock:
            if status == "200":
                self.load.good_ms.append(spent)
            elif status == "503":
                self.load.refused += 1
            else:
                self.load.failed[status] = self.load.failed.get(status, 0) + 1


def closed(base: str, paths: Iterator[str], clients: int, seconds: float) -> Load:
    """`clients` at once, each asking for the next path when it has its answer."""
    tally = _Tally(base, clients)
    lock = threading.Lock()
    start = time.perf_counter()

    def client() -> None:
        while time.perf_counter() - start < seconds:
            with lock:
                path = next(paths)
            tally.get(path)

    with ThreadPoolExecutor(clients) as threads:
        for done in [threads.submit(client) for _ in range(clients)]:
            done.result()
    tally.load.seconds = time.perf_counter() - start
    return tally.load


def offered(base: str, paths: Iterator[str], rate: float, seconds: float, clients: int = 128) -> Load:
    """`rate` requests a second whether the answers come or not, as far as `clients` connections reach."""
    tally = _Tally(base, clients)
    turns = iter([(turn / rate, next(paths)) for turn in range(int(rate * seconds))])
    lock = threading.Lock()
    start = time.perf_counter()

    def client() -> None:
        while True:
            with lock:
                due, path = next(turns, (0.0, ""))
            if not path:
                return
            time.sleep(max(0.0, due - (time.perf_counter() - start)))
            tally.get(path)

    with ThreadPoolExecutor(clients) as threads:
        for done in [threads.submit(client) for _ in range(clients)]:
            done.result()
    tally.load.seconds = time.perf_counter() - start
    return tally.load


def hot(url: str, clients: int, seconds: int, header: str = "") -> float | None:
    """Requests a second for one URL, by wrk with one thread; None where it is not installed or an answer is bad."""
    if not shutil.which("wrk"):
        return None
    argv = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", *(("-H", header) if header else ()), url]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said and not header:
        return None
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    return float(found.group(1)) if found else None
