"""What Prometheus wants to know of this moment: version, places for renders, processes, disks."""

import functools
import os
import platform
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

RENDERERS = b"imgfn.renderpool"  # stands in the command of each process of the pool
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Usage:
    """What the processes of one role use together."""

    processes: int = 0
    cpu_seconds: float = 0.0  # that of ended children too
    resident_bytes: int = 0
    open_descriptors: int = 0

    def add(self, other: "Usage") -> None:
        """Add up."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


def measure(
    processes: int, queue: int, folders: Mapping[str, Path], sandbox: Mapping[str, str] | None = None
) -> Iterator[Metric]:
    """Metrics of now. `folders` are places on disks, by what they are for.

    `sandbox` has its layers, and why one does not hold in all renderers.
    """
    yield _build_info()
    yield GaugeMetricFamily("imgfn_render_places", "Renders that can run at once", processes)
    yield GaugeMetricFamily("imgfn_queue_places", "Renders that may wait", queue)
    layers = GaugeMetricFamily(
        "imgfn_sandbox_layer", "Whether a layer of the sandbox holds in all renderers", labels=("layer",)
    )
    for name, missing in (sandbox or {}).items():
        layers.add_metric((name,), int(not missing))
    yield layers
    yield from _disks(folders)
    yield from _processes()


@functools.cache
def _build_info() -> Metric:
    facts = {
        "version": version("imgfn"),
        "python": platform.python_version(),
        "pillow": version("pillow"),
        "libvips": version("pyvips-binary"),
    }
    info = GaugeMetricFamily("imgfn_build_info", "1; its labels say what runs", labels=tuple(facts))
    info.add_metric(tuple(facts.values()), 1)
    return info


def _disks(folders: Mapping[str, Path]) -> Iterator[Metric]:
    free = GaugeMetricFamily("imgfn_disk_free_bytes", "Free for this user, by use", labels=("use",))
    size = GaugeMetricFamily("imgfn_disk_size_bytes", "Size of the disk, by use", labels=("use",))
    for use, folder in folders.items():
        try:
            disk = os.statvfs(folder)
        except OSError:
            continue  # not made yet
        free.add_metric((use,), disk.f_bavail * disk.f_frsize)
        size.add_metric((use,), disk.f_blocks * disk.f_frsize)
    return iter((free, size))


def _processes() -> Iterator[Metric]:
    roles = usage_by_role()
    gauges = {
        "processes": GaugeMetricFamily("imgfn_processes", "Processes by role", labels=("role",)),
        "resident_bytes": GaugeMetricFamily(
            "imgfn_process_resident_memory_bytes", "Resident memory, shared pages counted by each", labels=("role",)
        ),
        "open_descriptors": GaugeMetricFamily("imgfn_process_open_fds", "Open descriptors", labels=("role",)),
    }
    cpu = CounterMetricFamily("imgfn_process_cpu_seconds", "User and system time", labels=("role",))
    for role, usage in roles.items():
        cpu.add_metric((role,), usage.cpu_seconds)
        for name, gauge in gauges.items():
            gauge.add_metric((role,), getattr(usage, name))
    return iter((cpu, *gauges.values()))


def usage_by_role() -> Mapping[str, Usage]:
    """What this server's own processes use, and this user's renderers; empty where there is no /proc."""
    roles: dict[str, Usage] = defaultdict(Usage)
    master = os.getppid()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if entry.stat().st_uid != os.geteuid():
                continue
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes()
            if RENDERERS in command:
                roles["renderer"].add(_usage(entry, stat))
            elif master in (int(stat[1]), int(entry.name)) and _is_ours(command):
                roles["web"].add(_usage(entry, stat))
        except OSError:
            continue  # it has ended, or is somebody else's
    return roles


@functools.cache
def _own_command() -> bytes:
    return Path("/proc/self/cmdline").read_bytes()


def _is_ours(command: bytes) -> bool:
    """Whether that is the command of this process: forks have it too, a shell that started us has not."""
    return command == _own_command()


def _usage(entry: Path, stat: list[str]) -> Usage:
    """proc(5): utime, stime, cutime, cstime are fields 14 to 17, rss is 24; `stat` begins with field 3."""
    return Usage(
        1,
        sum(map(int, stat[11:15])) / _TICKS,
        int(stat[21]) * _PAGE,
        len(os.listdir(entry / "fd")),  # noqa: PTH208  # names are not wanted
    )
