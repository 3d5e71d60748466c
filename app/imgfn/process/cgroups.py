"""What the cgroup of this process allows it: CPU time and memory, as container platforms set them.

https://docs.kernel.org/admin-guide/cgroup-v2.html and https://docs.kernel.org/admin-guide/cgroup-v1/
"""

import math
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

NO_LIMIT_BYTES = 1 << 60  # cgroup v1 has no word for none, but a number near 2**63


@cache
def cpus(root: Path = Path("/")) -> float | None:
    """CPUs' worth of time (1.5: 150 ms in 100 ms of the clock) of the tightest quota; None where there is none."""
    quotas = [float(quota) / float(period) for quota, period in _quotas(root) if quota not in ("max", "-1")]
    return min(quotas, default=None)


@cache
def memory_bytes(root: Path = Path("/")) -> int | None:
    """The tightest limit of memory; None where there is none."""
    told = [*_read(root, "", "memory.max"), *_read(root, "memory", "memory.limit_in_bytes")]
    limits = [int(words) for words in told if words != "max"]
    return min((limit for limit in limits if limit < NO_LIMIT_BYTES), default=None)


def usable_cores(cores: int, root: Path = Path("/")) -> int:
    """How many of `cores` a process can keep busy within its quota, at least one."""
    quota = cpus(root)
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _quotas(root: Path) -> Iterator[tuple[str, str]]:
    for words in _read(root, "", "cpu.max"):
        quota, _, period = words.partition(" ")
        yield quota, period or "100000"
    yield from zip(_read(root, "cpu", "cpu.cfs_quota_us"), _read(root, "cpu", "cpu.cfs_period_us"), strict=False)


def _read(root: Path, controller: str, name: str) -> Iterator[str]:
    """What the files of that name say, from the cgroup of this process up. `controller` is v1's; "" is v2."""
    for folder in _folders(root, controller):
        with suppress(OSError):
            yield (folder / name).read_text().strip()


def _folders(root: Path, controller: str) -> Iterator[Path]:
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            mounts = [root / "sys/fs/cgroup" / name for name in dict.fromkeys((controllers, controller))]
            if not controller:  # both versions at once: v2 lies below
                mounts.append(root / "sys/fs/cgroup/unified")
            for mount in mounts:
                # In a container without a namespace of its own the path is the host's, and only its end is mounted.
                own = mount / path.lstrip("/")
                yield from (folder for folder in (own, *own.parents) if folder.is_relative_to(mount))
