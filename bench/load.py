"""Clients, all by wrk: closed loops, a given rate, and one hot URL."""

import itertools
import json
import os
import re
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CORES = os.cpu_count() or 1
MOST_PER_SECOND = 1500  # distinct URLs that no server here renders or refuses faster than

# wrk gives each thread its own Lua; there is one thread. Statuses of 400 and more are its errors.
NEXT_PATH = """
local requests, turn = {}, 0
function init()
  for path in io.lines(os.getenv("PATHS")) do requests[#requests + 1] = wrk.format("GET", path) end
end
function request()
  turn = turn + 1
  return requests[turn]
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
    client_seconds: float  # CPU time of wrk: 0.1 ms a request, on the cores that the server runs on

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return rate_of([self])

    def summary(self) -> dict[str, object]:
        row: dict[str, object] = {"requests/s": round(self.rate, 1)}
        row |= {"p50 ms": round(self.p50_ms, 1), "p99 ms": round(self.p99_ms, 1)}
        return row | ({"failed/s": round(self.bad / self.seconds, 1)} if self.bad else {})


def closed(base: str, paths: Iterator[str], clients: int, seconds: float, pause_ms: float = 0) -> Load:
    """`clients` at once, each asking for the next path after its answer and a pause of that mean. Needs wrk."""
    with tempfile.TemporaryDirectory(prefix="imgfn-bench-") as scratch:
        script, list_ = Path(scratch) / "next.lua", Path(scratch) / "paths"
        script.write_text(
            NEXT_PATH
            + (f"function delay() return -{pause_ms:.0f} * math.log(1 - math.random()) end\n" if pause_ms else "")
        )
        list_.write_text("\n".join(itertools.islice(paths, int(MOST_PER_SECOND * (seconds + 1)))))
        argv = ["wrk", "-t1", f"-c{clients}", f"-d{max(1, round(seconds))}s", "--timeout", "60s", "-s", script, base]
        before = _seconds_of_children()
        said = subprocess.run(argv, capture_output=True, text=True, check=True, env=os.environ | {"PATHS": str(list_)})
        spent = _seconds_of_children() - before
    told = json.loads(said.stdout.splitlines()[-1])
    return Load(told["seconds"], told["good"], told["p50"], told["p99"], told["bad"], spent)


def rate_of(loads: list[Load], *, apart: bool = False) -> float:
    """Good answers a second of several stretches; `apart`: of all cores, as if wrk ran on another machine."""
    clients = sum(done.client_seconds for done in loads) / CORES if apart else 0
    return sum(done.good for done in loads) / (sum(done.seconds for done in loads) - clients)


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # of those that have ended
    return used.ru_utime + used.ru_stime


def offered(base: str, paths: Iterator[str], rate: float, seconds: float, clients: int = 256) -> Load:
    """About `rate` requests a second, the refused ones included; a little fewer the longer the answers take."""
    return closed(base, paths, clients, seconds, pause_ms=1000 * clients / rate)


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
