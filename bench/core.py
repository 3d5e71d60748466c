"""The serving core: kept results, new results, hits beside busy renderers, overload and a flood, in paired rounds."""

import itertools
import statistics
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import urllib3

from bench import load
from bench.cells import FIT, PAIRS, Cell
from bench.photos import Sources
from bench.servers import OURS, Running, running
from bench.serving import in_turn, settle, told

ROUNDS = 3
HIT_SECONDS = 3
NEW_SECONDS = 6
HITS_PER_SECOND = 200  # offered beside busy renderers
CLIENTS = (2, 4, 16)
FLOOD_CLIENTS = 64
OVERLOAD = 4
OVERLOAD_CLIENTS = 900  # paced ones; few enough for one worker's connections, should it get them all
CELLS = [Cell(source, target, FIT) for source, target in PAIRS]

Figures = dict[str, float]


def measure(sources: Sources, others: list[Path]) -> list[dict[str, Any]]:
    """A row for each figure: the median of `ROUNDS` of this checkout and of `others`, commands called imgfn.

    All servers run the whole time, and every figure is measured on one after the other: what else the machine does
    changes within minutes.
    """
    files = [path for name in ("jpg", "png", "webp", "avif") for path in sources.of(name)]
    servers = {"this": OURS} | {
        str(command): replace(OURS, command=lambda _port, _folder, command=command: [str(command), "serve"])
        for command in others
    }
    rounds: dict[str, list[Figures]] = {name: [] for name in servers}
    with ExitStack() as stack:
        trials = {
            name: _Trial(stack.enter_context(running(server, files)), sources) for name, server in servers.items()
        }
        for number in range(ROUNDS):
            order = list(trials.items())[:: 1 if number % 2 else -1]
            figures: dict[str, Figures] = {name: {} for name in trials}
            for step in _Trial.STEPS:
                for name, trial in order:
                    figures[name] |= step(trial)
                    settle(trial.up)
            for name, row in figures.items():
                told({"core": name} | {key: round(value, 3) for key, value in row.items()})
                rounds[name].append(row)
    rows = []
    for figure in rounds["this"][0]:
        row: dict[str, Any] = {"figure": figure}
        for name, seen in rounds.items():
            row[name] = round(statistics.median(each[figure] for each in seen), 3)
        rows.append(row)
    return rows


class _Trial:
    """One server, and what has been asked of it so far."""

    def __init__(self, up: Running, sources: Sources) -> None:
        self.up = up
        self._asked = in_turn(CELLS, sources)
        self._kept = next(in_turn(CELLS[:1], sources))
        urllib3.request("GET", up.base + self._kept)
        load.closed(up.base, self._asked, 4, 3)  # code and threads are warm
        self._peak = 0.0

    def kept(self) -> Figures:
        """Kept results, closed loops, and the CPU time of the server for each."""
        figures = {}
        for clients in (2, 16):
            before = self.up.family.cpu_seconds()
            rate = load.hot(self.up.base + self._kept, clients, HIT_SECONDS)
            assert rate, "an answer was not 200"
            spent = self.up.family.cpu_seconds() - before
            figures[f"kept results, {clients} clients, requests/s"] = rate
            figures[f"kept results, {clients} clients, CPU ms each"] = spent * 1000 / (rate * HIT_SECONDS)
        return figures

    def new(self) -> Figures:
        """New results of the six pairs in turn, closed loops."""
        done = {clients: load.closed(self.up.base, self._asked, clients, NEW_SECONDS) for clients in CLIENTS}
        self._peak = max(each.rate for each in done.values())
        return {f"new results, {clients} clients, requests/s": each.rate for clients, each in done.items()}

    def beside(self) -> Figures:
        """Paced hits while more clients than there are renderers have pictures made."""
        with ThreadPoolExecutor(1) as pool:
            busy = pool.submit(load.closed, self.up.base, self._asked, 8, NEW_SECONDS)
            hits = load.offered(self.up.base, itertools.repeat(self._kept), HITS_PER_SECOND, NEW_SECONDS - 2, 16)
            busy.result()
        return {"hits beside busy renderers, p50 ms": hits.p50_ms, "hits beside busy renderers, p99 ms": hits.p99_ms}

    def overload(self) -> Figures:
        """Four times the peak, offered by clients who pause."""
        rate = OVERLOAD * self._peak
        done = load.offered(self.up.base, self._asked, rate, 2 * NEW_SECONDS, OVERLOAD_CLIENTS)
        asked = (done.good + done.bad) / done.seconds
        return {
            "4x overload, goodput / peak": done.rate / self._peak,
            "4x overload, asked / peak": asked / self._peak,
            "4x overload, p99 ms": done.p99_ms,
        }

    def flood(self) -> Figures:
        """Clients who ask again at once, whatever the answer."""
        done = load.closed(self.up.base, self._asked, FLOOD_CLIENTS, 2 * NEW_SECONDS)
        return {
            f"flood of {FLOOD_CLIENTS} clients, goodput / peak": done.rate / self._peak,
            f"flood of {FLOOD_CLIENTS} clients, refused/s": done.bad / done.seconds,
            f"flood of {FLOOD_CLIENTS} clients, p99 ms": done.p99_ms,
        }

    STEPS = (kept, new, beside, overload, flood)
