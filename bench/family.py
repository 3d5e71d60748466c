"""All processes of one server, whoever their parent is by now: their CPU time and their memory."""

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

MARK = "IMGFN_BENCH_FAMILY"


class Family:
    """The processes that carry one watermark in their environment, and their descendants, who may have another."""

    def __init__(self) -> None:
        self._token = secrets.token_hex(8)

    @property
    def watermark(self) -> dict[str, str]:
        """What the first process is started with."""
        return {MARK: self._token}

    def members(self) -> list[psutil.Process]:
        """Living members, the oldest first."""
        found: dict[int, tuple[float, psutil.Process]] = {}
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(MARK) == self._token:
                    for member in (process, *process.children(recursive=True)):
                        if member.status() != psutil.STATUS_ZOMBIE:
                            found[member.pid] = (member.create_time(), member)
        return [process for _, process in sorted(found.values(), key=lambda pair: pair[0])]

    def cpu_seconds(self) -> float:
        """User and system time of all, the dead children that they waited for included."""
        total = 0.0
        for process in self.members():
            with suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    @contextmanager
    def watched(self, every_seconds: float = 0.1) -> Iterator["Peaks"]:
        """Sample the memory while the block runs."""
        peaks = Peaks()
        stop = threading.Event()

        def sample() -> None:
            while not stop.is_set():
                shares = {process.pid: pss_mb(process.pid) for process in self.members()}
                peaks.all_mb = max(peaks.all_mb, sum(shares.values()))
                for pid, share in shares.items():
                    peaks.each_mb[pid] = max(peaks.each_mb.get(pid, 0.0), share)
                stop.wait(every_seconds)

        sampler = threading.Thread(target=sample, daemon=True)
        sampler.start()
        try:
            yield peaks
        finally:
            stop.set()
            sampler.join()

    def end(self, seconds: float) -> None:
        """Wait for the members to go, then end those that did not."""
        deadline = time.monotonic() + seconds
        while self.members() and time.monotonic() < deadline:
            time.sleep(0.05)
        for process in self.members():
            with suppress(psutil.Error):
                process.kill()


class Peaks:
    """The highest memory seen: of all members together, and of each by its process id."""

    def __init__(self) -> None:
        self.all_mb = 0.0
        self.each_mb: dict[int, float] = {}


def pss_mb(pid: int) -> float:
    """One process's proportional set size; 0 where it has gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def rss_mb(pid: int) -> float:
    return psutil.Process(pid).memory_info().rss / 1024 / 1024
