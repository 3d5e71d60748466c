"""CPU time, bytes, memory and quality of one render: each contender in its own process, one after the other."""

import itertools
import multiprocessing
import os
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from bench.cells import CELLS, ROTATE, Cell
from bench.contenders import CONTENDERS
from bench.photos import Sources
from bench.quality import score
from imgfn.renderpool.launcher import ENVIRONMENT

ROUNDS = 3  # the least of three: what else runs on the machine only ever adds
CELL_SECONDS = 4.0  # no new source is begun in a cell after so much CPU time
SCORED = 4  # sources of a cell whose results are scored


@dataclass
class Measured:
    """One contender in one cell; the lists run over the same sources for all contenders."""

    cpu_ms: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)  # bytes of the results
    scores: list[float] = field(default_factory=list)
    peak_mb: float = 0.0  # resident memory of the process at its highest

    def summary(self) -> dict[str, float]:
        return {
            "cpu_ms": round(statistics.mean(self.cpu_ms), 2),
            "bytes": round(statistics.mean(self.sizes)),
            "peak_mb": round(self.peak_mb, 1),
            "score": round(statistics.mean(self.scores), 2) if self.scores else float("nan"),
        }


def measure(sources: Sources, only: str = "") -> list[dict[str, object]]:
    """A row for each cell whose name has `only` in it: every contender's figures."""
    work = [(cell.name, cell, sources.of(cell.source), SCORED) for cell in CELLS]
    work.append(("JPEG 12 MP rotate 10", Cell("jpg", "jpg", ROTATE), [sources.medium()], 0))
    with _processes() as pipes:
        return [
            _row(name, _measure_cell(pipes, cell, paths, scored)) for name, cell, paths, scored in work if only in name
        ]


def _row(name: str, measured: dict[str, Measured]) -> dict[str, object]:
    row: dict[str, object] = {"cell": name, "sources": len(measured["imgfn"].cpu_ms)}
    row |= {contender: result.summary() for contender, result in measured.items()}
    print(name, row, flush=True)
    return row


def _measure_cell(pipes: dict[str, Connection], cell: Cell, paths: list[Path], scored: int) -> dict[str, Measured]:
    measured = {name: Measured() for name in pipes}
    for pipe in pipes.values():
        _ask(pipe, cell, paths[0])  # the first render loads code and tables
    spent_ms = 0.0
    for index, path in enumerate(paths):
        bodies: dict[str, bytes] = {}
        rounds: dict[str, list[float]] = {name: [] for name in pipes}
        for _ in range(ROUNDS):
            for name, pipe in pipes.items():
                cpu_ms, peak_mb, bodies[name] = _ask(pipe, cell, path)
                rounds[name].append(cpu_ms)
                spent_ms += cpu_ms
                measured[name].peak_mb = max(measured[name].peak_mb, peak_mb)
        for name, result in measured.items():
            result.cpu_ms.append(min(rounds[name]))
            result.sizes.append(len(bodies[name]))
            if index < scored:
                result.scores.append(score(cell, path, bodies[name]))
        if spent_ms > CELL_SECONDS * 1000:
            break
    return measured


def throughput(work: list[tuple[Cell, Path]], processes: int, seconds: float) -> float:
    """Renders a second of our render in so many processes at once, each going round the same `work`."""
    spawn = multiprocessing.get_context("spawn")
    with _environ(ENVIRONMENT), spawn.Pool(processes) as pool:
        pool.starmap(_repeat, [(work, 0.5)] * processes, chunksize=1)  # code and tables are loaded
        return sum(pool.starmap(_repeat, [(work, seconds)] * processes, chunksize=1))


def _repeat(work: list[tuple[Cell, Path]], seconds: float) -> float:
    run = CONTENDERS["imgfn"]()
    start = time.perf_counter()
    for count, (cell, path) in enumerate(itertools.cycle(work)):
        if (spent := time.perf_counter() - start) >= seconds:
            return count / spent
        run(cell, path.read_bytes())
    raise ValueError("no work")


def _ask(pipe: Connection, cell: Cell, path: Path) -> tuple[float, float, bytes]:
    pipe.send((cell, path))
    answer: tuple[float, float, bytes] = pipe.recv()
    return answer


@contextmanager
def _processes() -> Iterator[dict[str, Connection]]:
    """A fresh interpreter for each contender: none sees another's libraries or warm caches."""
    spawn = multiprocessing.get_context("spawn")
    pipes, children = {}, []
    for name in CONTENDERS:
        pipes[name], theirs = spawn.Pipe()
        children.append(spawn.Process(target=_serve, args=(name, theirs), daemon=True))
        # Read when a process starts. One thread each, so that CPU time is one core's; ours as our renderers run.
        with _environ(ENVIRONMENT if name == "imgfn" else {"VIPS_CONCURRENCY": "1"}):
            children[-1].start()
    try:
        yield pipes
    finally:
        for child in children:
            child.terminate()
            child.join()


@contextmanager
def _environ(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _serve(name: str, pipe: Connection) -> None:
    run = CONTENDERS[name]()
    while True:
        cell, path = pipe.recv()
        source = path.read_bytes()
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew (proc(5))
        start = time.process_time()
        body = run(cell, source)
        spent = time.process_time() - start
        pipe.send((spent * 1000, _peak_mb(), body))


def _peak_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
