"""Servers under load: throughput on distinct URLs, hot hits, memory, overload and uploads."""

import itertools
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3

from bench import inprocess, load
from bench.cells import FIT, PAIRS, Cell
from bench.family import rss_mb
from bench.photos import Sources
from bench.servers import OURS, Running, Server, free_port, installed, running, upload, web_workers

Row = dict[str, Any]
Figure = dict[str, Any]
SECONDS = 3.0  # of one cell
CLIENTS = (2, 16)
OVERLOAD_TURNS = 8
NGINX = Path(__file__).parents[1] / "deploy" / "nginx"


def paths(server: Server, keys: list[str], target: str) -> Iterator[str]:
    """Distinct URLs without end: every photograph fitted into each of `_boxes`."""
    for box in _boxes():
        yield from (server.fit(key, target, box) for key in keys)


def in_turn(cells: list[Cell], sources: Sources) -> Iterator[str]:
    """The same for our server: one request of each cell after the other, at the settings that `cell.plan` has."""
    for width, height in _boxes():
        for cell, path in work(cells, sources):
            yield f"/proc/{cell.plan.replace('w_512,h_512', f'w_{width},h_{height}')}/{path.name}"


def work(cells: list[Cell], sources: Sources) -> list[tuple[Cell, Path]]:
    """Every photograph in each cell, one of each cell after the other."""
    files = zip(*(sources.of(cell.source) for cell in cells), strict=True)
    return [pair for paths_ in files for pair in zip(cells, paths_, strict=True)]


def _boxes() -> Iterator[tuple[int, int]]:
    """512 x 512 px, then all that differ by one, by two, …: a long run asks for the same work at its end."""
    for reach in itertools.count():
        for across, down in itertools.product(range(-reach, reach + 1), repeat=2):
            if max(abs(across), abs(down)) == reach:
                yield 512 + across, 512 + down


def distinct(sources: Sources, with_peers: bool) -> list[Row]:
    """Every server, every pair of formats, 2 and 16 clients; no URL is asked for twice."""
    rows: list[Row] = []
    for server in (OURS, *(installed() if with_peers else ())):
        with running(server, _files(sources)) as up:
            for source, target in PAIRS:
                if {source, target} <= set(server.targets):
                    asked = paths(server, [path.name for path in sources.of(source)], target)
                    rows += [_distinct(up, Cell(source, target, FIT), asked, clients) for clients in CLIENTS]
    own = {(row["cell"], row["clients"]): row["requests/s"] for row in rows if row["server"] == OURS.name}
    for row in rows:
        row["imgfn is x times"] = round(own[row["cell"], row["clients"]] / max(row["requests/s"], 0.1), 2)
    return sorted(rows, key=lambda row: (row["clients"], row["cell"], -row["requests/s"]))


def _distinct(up: Running, cell: Cell, asked: Iterator[str], clients: int) -> Row:
    load.closed(up.base, asked, clients, 1)  # code and threads are warm
    settle(up)
    before = up.family.cpu_seconds()
    with up.family.watched() as peaks:
        done = load.closed(up.base, asked, clients, SECONDS)
        settle(up)
    row: Row = {"cell": cell.pair, "clients": clients, "server": up.server.name} | done.summary()
    row["CPU ms/request"] = round((up.family.cpu_seconds() - before) * 1000 / max(done.good, 1), 1)
    row["PSS MB"] = round(peaks.all_mb)
    return told(row)


def settle(up: Running) -> None:
    """Wait until the server has done what wrk left unanswered: it would be counted with what comes next."""
    busy = 1.0
    while busy > 0.05:
        before = up.family.cpu_seconds()
        time.sleep(0.5)
        busy = (up.family.cpu_seconds() - before) / 0.5


def against_inprocess(sources: Sources) -> list[Figure]:
    """Distinct URLs with 2 clients beside two processes that only render, in turn, three times: the mix, then each."""
    cells = [Cell(source, target, FIT) for source, target in PAIRS]
    figures = []
    with running(OURS, _files(sources)) as up:
        for chosen in (cells, *([cell] for cell in cells)):
            asked = in_turn(chosen, sources)
            load.closed(up.base, asked, 2, 2)
            rates: list[tuple[float, float]] = []
            for _ in range(3):
                alone = inprocess.throughput(work(chosen, sources), load.CORES, SECONDS * len(chosen) ** 0.5)
                rates.append((load.closed(up.base, asked, 2, SECONDS * len(chosen) ** 0.5).rate, alone))
            ratio = statistics.median(served / alone for served, alone in rates)
            name = f"HTTP, distinct URLs, 2 clients, throughput, {_called(chosen)}"
            told({name: rates})
            figures.append(least(name, "our render in two processes", ratio, 0.90))
    return figures


def _files(sources: Sources) -> list[Path]:
    return [path for name in ("jpg", "png", "webp", "avif") for path in sources.of(name)]


def _called(cells: list[Cell]) -> str:
    return cells[0].pair if len(cells) == 1 else "the six pairs in turn"


def hot_path(sources: Sources) -> list[Figure]:
    """Kept results and 304s: gunicorn alone, then behind the nginx configuration that we ship."""
    path = OURS.fit("photo-00.jpg", "jpg", (512, 512))
    figures = []
    with running(OURS, sources.of("jpg")[:1]) as up:
        etag = urllib3.request("GET", up.base + path).headers["ETag"]
        time.sleep(1)  # the result is written after the answer
        hits = load.hot(up.base + path, 16, 5)
        figures.append(least("hot hits, gunicorn alone, requests/s", "2 workers", hits, 1500))
        unchanged = load.hot(up.base + path, 16, 5, f"If-None-Match: {etag}")
        figures.append(least("304s, gunicorn alone, requests/s", "2 workers", unchanged, 1500))
        with _nginx(up.base) as front:
            urllib3.request("GET", front + path)
            figures.append(least("hot hits behind deploy/nginx, requests/s", "", load.hot(front + path, 64, 5), 10_000))
    return figures


@contextmanager
def _nginx(base: str) -> Iterator[str]:
    """The shipped configuration, only its three ports moved."""
    port, inner = free_port(), free_port()
    moved = {"127.0.0.1:8000": base.removeprefix("http://"), "127.0.0.1:8001": f"127.0.0.1:{inner}", "8080": str(port)}
    with tempfile.TemporaryDirectory(prefix="imgfn-bench-nginx-") as scratch:
        for file in NGINX.glob("*.conf"):
            text = file.read_text()
            for old, new in moved.items():
                text = text.replace(old, new)
            (Path(scratch) / file.name).write_text(text)
        Path(scratch).chmod(0o755)  # nginx's workers are another user
        configuration = Path(scratch) / "nginx.conf"
        argv = ["nginx", "-p", scratch, "-c", configuration, "-e", "stderr", "-g", f"daemon off; pid {scratch}/pid;"]
        process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
        try:
            time.sleep(1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def memory(sources: Sources) -> list[Figure]:
    """PSS of all processes together, 16 clients on one large source, and of a worker that does nothing."""
    figures = []
    for source, target, most_mb in ((sources.medium(), "jpg", 300), (sources.large(), "png", 450)):
        with running(
            OURS, [source], IMGFN_MAX_SOURCE_BYTES=str(200 << 20), IMGFN_MAX_UPLOAD_BYTES=str(200 << 20)
        ) as up:
            if target == "jpg":
                idle = max(rss_mb(worker.pid) for worker in web_workers(up.family))
                figures.append(most("resident memory of an idle worker, MB", "", idle, 90))
            asked = paths(OURS, [source.name], target)
            with up.family.watched() as peaks:
                done = load.closed(up.base, asked, 16, 2 * SECONDS)
            told({"memory": source.name, "peak PSS MB": peaks.all_mb, "each": peaks.each_mb} | done.summary())
            figures.append(most(f"peak PSS, {source.stem}, 16 clients, MB", "", peaks.all_mb, most_mb))
    return figures


def overload(sources: Sources) -> list[Figure]:
    """Four times what the server can do, offered whether it answers or not: JPEG, then the mix.

    Closed loops and floods in short turns, and what they gave together: what else the machine does changes within
    minutes. At four times the peak wrk takes four times the CPU, from the cores that the server runs on; so there is a
    second figure as if it ran elsewhere.
    """
    figures = []
    with running(OURS, _files(sources)) as up:
        for pairs in (PAIRS[:1], PAIRS):
            cells = [Cell(source, target, FIT) for source, target in pairs]
            asked = in_turn(cells, sources)
            seconds = SECONDS * len(cells) ** 0.5  # pictures of six costs need more of them for a mean
            load.closed(up.base, asked, 4, 2)
            closed: dict[int, list[load.Load]] = {clients: [] for clients in (2, 4, 8)}
            floods: list[load.Load] = []
            more = 1.0  # than is wanted has to be asked for: clients whose answers take longer send fewer requests
            for _ in range(OVERLOAD_TURNS):
                for clients, loads in closed.items():
                    loads.append(load.closed(up.base, asked, clients, seconds))
                peak = max(map(load.rate_of, closed.values()))
                floods.append(load.offered(up.base, asked, 4 * peak * more, 2 * seconds))
                more *= 4 * peak * floods[-1].seconds / (floods[-1].good + floods[-1].bad)
                settle(up)
                rates = {clients: round(loads[-1].rate, 1) for clients, loads in closed.items()}
                told({"overload": _called(cells), "closed": rates} | floods[-1].summary())
            for name, apart in (("", False), (", wrk apart", True)):
                peak = max(load.rate_of(loads, apart=apart) for loads in closed.values())
                ratio = load.rate_of(floods, apart=apart) / peak
                figures.append(least(f"goodput under 4x overload, {_called(cells)}{name}", "its peak", ratio, 0.90))
    return figures


def uploads(sources: Sources) -> list[Figure]:
    """Eight uploads of 15 MB at once."""
    body = sources.medium().read_bytes()
    with tempfile.TemporaryDirectory() as scratch:
        large = Path(scratch) / "large.jpg"
        # Bytes behind the end of a JPEG belong to no picture, and are stored all the same.
        large.write_bytes(body.ljust(15 * 1024 * 1024, b"."))
        with running(OURS, []) as up, up.family.watched(0.02) as peaks:
            with ThreadPoolExecutor(8) as clients:
                list(clients.map(lambda index: upload(up.base, large, f"large-{index}.jpg"), range(8)))
            workers = [peaks.each_mb[worker.pid] for worker in web_workers(up.family)]
    told({"uploads": workers})
    return [most("memory of a worker under 8 uploads of 15 MB, MB", "", max(workers), 200)]


def told(row: Row) -> Row:
    print(row, flush=True)
    return row


def least(name: str, against: str, got: float | None, wanted: float) -> Figure:
    return {"name": name, "against": against, "got": None if got is None else round(got, 3), "least": wanted}


def most(name: str, against: str, got: float | None, wanted: float) -> Figure:
    return {"name": name, "against": against, "got": None if got is None else round(got, 3), "most": wanted}
