"""Clients: closed loops by wrk, which costs the machine next to nothing; an open loop at a fixed rate by threads."""

import itertools
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import urllib3

MOST_PER_SECOND = 600  # distinct URLs that no server here renders faster than

# wrk gives each thread its own Lua; there is one thread. Statuses of 400 and more are its errors.
NEXT_PATH = """
local paths, turn = {}, 0
for line in io.lines(os.getenv("PATHS")) do paths[#paths + 1] = line end
function request()
  turn = turn + 1
  return wrk.format("GET", paths[turn])
end
function done(summary, latency)
  local failed = summary.errors
  local bad = failed.status + failed.timeout + failed.read + failed.write + failed.connect
  io.write(string.format('\\n{"seconds": %f, "good": %d, "bad": %d, "p50": %f, "p99": %f}\\n',
    summary.duration / 1e6, summary.requests - failed.status, bad,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


@dataclass(frozen=True)
class Load:
    """What a stretch of requests gave."""

    seconds: float
    good: int  # answers with a status below 400
    p50_ms: float
    p99_ms: float
    bad: int  # every other answer, and none

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.good / self.seconds

    def summary(self) -> dict[str, object]:
        row: dict[str, object] = {"requests/s": round(self.rate, 1)}
        row |= {"p50 ms": round(self.p50_ms, 1), "p99 ms": round(self.p99_ms, 1)}
        return row | ({"failed": self.bad} if self.bad else {})


def closed(base: str, paths: Iterator[str], clients: int, seconds: float) -> Load:
    """`clients` at once, each asking for the next path when it has its answer. Needs wrk."""
    with tempfile.TemporaryDirectory(prefix="imgfn-bench-") as scratch:
        script, list_ = Path(scratch) / "next.lua", Path(scratch) / "paths"
        script.write_text(NEXT_PATH)
        list_.write_text("\n".join(itertools.islice(paths, int(MOST_PER_SECOND * (seconds + 1)))))
        argv = ["wrk", "-t1", f"-c{clients}", f"-d{max(1, round(seconds))}s", "--timeout", "60s", "-s", script, base]
        said = subprocess.run(argv, capture_output=True, text=True, check=True, env=os.environ | {"PATHS": str(list_)})
    told = json.loads(said.stdout.splitlines()[-1])
    return Load(told["seconds"], told["good"], told["p50"], told["p99"], told["bad"])


def offered(base: str, paths: Iterator[str], rate: float, seconds: float, clients: int = 128) -> Load:
    """`rate` requests a second whether the answers come or not, as far as `clients` connections reach."""
    pool = urllib3.PoolManager(maxsize=clients, retries=False, timeout=60)
    turns = iter([(turn / rate, next(paths)) for turn in range(int(rate * seconds))])
    lock = threading.Lock()
    good_ms: list[float] = []
    start = time.perf_counter()

    def client() -> int:
        bad = 0
        while True:
            with lock:
                due, path = next(turns, (0.0, ""))
            if not path:
                return bad
            time.sleep(max(0.0, due - (time.perf_counter() - start)))
            asked = time.perf_counter()
            try:
                status = pool.request("GET", base + path).status
            except urllib3.exceptions.HTTPError:
                status = 0
            if status == 200:
                good_ms.append((time.perf_counter() - asked) * 1000)
            else:
                bad += 1

    with ThreadPoolExecutor(clients) as threads:
        bad = sum(done.result() for done in [threads.submit(client) for _ in range(clients)])
    cuts = statistics.quantiles(good_ms, n=100)
    return Load(time.perf_counter() - start, len(good_ms), cuts[49], cuts[98], bad)


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
