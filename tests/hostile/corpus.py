"""Every file of a folder through every kind of plan, over HTTP on a real server: `IMGFN_CORPUS=DIR make test-corpus`.

It prints a table and ends with 1 where a web worker died, an answer was a 5xx other than the documented 504, or one
took longer than its deadline allows. IMGFN_CORPUS_LIST=FILE gets a line for each answer.
"""

import io
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from imgfn.core.key import Key
from imgfn.stores.folder.store import FolderStore
from tests.hostile.storm import render_children
from tests.hostile.target import children
from tests.servers import Server, serving

PLANS = ("rotate/10", "resize/w_200", "format/webp", "format/avif", "info")
RENDER_SECONDS = 10
LATEST_SECONDS = RENDER_SECONDS + 0.5
CLIENTS = 2


@dataclass(frozen=True)
class Asked:
    """One request and its answer."""

    file: Path
    plan: str
    status: int
    seconds: float
    size: int  # bytes of the answer

    @property
    def bad(self) -> bool:
        """Whether no picture may lead to this."""
        return (self.status >= 500 and self.status != 504) or self.seconds > LATEST_SECONDS


def try_file(server: Server, number: int, file: Path) -> Iterator[Asked]:
    """Upload one file, put it behind the server's back where it is refused, and ask for each plan."""
    body = file.read_bytes()
    key = f"{number}/{quote(file.name, safe='')}"
    yield ask(server, file, "upload", "PUT", f"/upload/{quote(key)}", body)
    if not (server.folder / "data" / "sources" / key).exists():
        store = FolderStore(server.folder / "data" / "sources")
        store.put(Key(key), io.BytesIO(body), len(body), "application/octet-stream")
    for plan in PLANS:
        yield ask(server, file, plan, "GET", f"/proc/{plan}/{quote(key)}", None)


def ask(server: Server, file: Path, plan: str, method: str, target: str, body: bytes | None) -> Asked:
    begun = time.monotonic()
    answer = server.ask(target, method, body)
    return Asked(file, plan, answer.status, time.monotonic() - begun, len(answer.body))


def peak_bytes(pid: int) -> int:
    """The most resident memory that a process has had."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    return 0


def run(folder: Path, scratch: Path) -> tuple[list[Asked], int, int, str]:
    """All answers, deaths of web workers, the largest render child in bytes, and the server's log."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".md", ".txt"))
    asked: list[Asked] = []
    largest = 0
    with serving(scratch, render_seconds=str(RENDER_SECONDS), max_upload_bytes=str(1 << 30)) as server:
        workers = set(children(server.process.pid))
        with ThreadPoolExecutor(CLIENTS) as pool:
            jobs = enumerate(files)
            for found in pool.map(lambda job: list(try_file(server, *job)), jobs):
                asked += found
                largest = max([largest, *map(peak_bytes, render_children(server))])
        deaths = len(workers - set(children(server.process.pid)))
        return asked, deaths, largest, server.log


def report(asked: list[Asked], deaths: int, largest: int, log: str) -> list[str]:
    """The table, line by line."""
    statuses = sorted({one.status for one in asked})
    lines = [f"{'':>14}" + "".join(f"{status:>8}" for status in statuses)]
    for plan in ("upload", *PLANS):
        counts = Counter(one.status for one in asked if one.plan == plan)
        lines.append(f"{plan:>14}" + "".join(f"{counts[status] or '':>8}" for status in statuses))
    slowest = max(asked, key=lambda one: one.seconds)
    widest = max(asked, key=lambda one: one.size)
    lines += [
        f"files {len({one.file for one in asked})}, requests {len(asked)}",
        f"deaths of web workers {deaths}",
        f"deaths of render processes {log.count('renderer_died')}",
        f"slowest {slowest.seconds:.2f} s: {slowest.plan} {slowest.file.name}",
        f"largest answer {widest.size} bytes: {widest.plan} {widest.file.name}",
        f"largest render process {largest >> 20} MB",
    ]
    return lines


def main() -> int:
    folder = Path(os.environ["IMGFN_CORPUS"])
    with tempfile.TemporaryDirectory() as scratch:
        asked, deaths, largest, log = run(folder, Path(scratch))
    print("\n".join(report(asked, deaths, largest, log)))
    bad = [one for one in asked if one.bad]
    for one in bad:
        print(f"BAD {one.status} in {one.seconds:.2f} s: {one.plan} {one.file}")
    if listing := os.environ.get("IMGFN_CORPUS_LIST"):
        lines = (f"{one.status}\t{one.plan}\t{one.file.relative_to(folder)}\t{one.seconds:.3f}\n" for one in asked)
        Path(listing).write_text("".join(sorted(lines)))
    return 1 if bad or deaths else 0


if __name__ == "__main__":
    sys.exit(main())
