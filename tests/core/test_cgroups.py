"""What is read of a container's limits, from trees of files as the kernel shows them."""

from pathlib import Path

import pytest

from imgfn.config import settings
from imgfn.process import cgroups

MB = 1 << 20


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


V2 = {"proc/self/cgroup": "0::/kubepods/pod1", "sys/fs/cgroup/kubepods/pod1/cpu.max": "150000 100000"}
V1 = {"proc/self/cgroup": "4:cpu,cpuacct:/docker/a\n7:memory:/docker/a\n1:name=systemd:/docker/a"}


@pytest.mark.parametrize(
    ("files", "quota", "memory"),
    [
        ({}, None, None),
        (V2 | {"sys/fs/cgroup/kubepods/memory.max": str(512 * MB)}, 1.5, 512 * MB),
        (V2 | {"sys/fs/cgroup/kubepods/cpu.max": "50000 100000"}, 0.5, None),  # the tightest counts
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "max 100000"}, None, None),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.max": str(MB)}, None, MB),  # a namespace of its own
        (
            V1
            | {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "200000"}
            | {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000"}
            | {"sys/fs/cgroup/memory/docker/a/memory.limit_in_bytes": str(300 * MB)},
            2.0,
            300 * MB,
        ),
        (
            V1
            | {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}
            | {"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"},
            None,
            None,
        ),
    ],
)
def test_the_tightest_limit_of_both_versions_is_read(tmp_path: Path, files, quota, memory):
    root = tree(tmp_path, files)
    assert cgroups.cpus(root) == quota
    assert cgroups.memory_bytes(root) == memory


@pytest.mark.parametrize(
    ("quota", "memory", "processes", "megabytes"),
    [(None, None, 8, 1024), (1.5, None, 2, 1024), (0.2, None, 1, 1024), (None, 2048, 2, 768), (8, 512, 1, 640)],
)
def test_renderers_are_as_many_and_as_large_as_the_cgroup_has_room_for(
    monkeypatch, quota, memory, processes, megabytes
):
    monkeypatch.setattr(settings, "CORES", tuple(range(8)))
    monkeypatch.setattr(cgroups, "cpus", lambda *_: quota)
    monkeypatch.setattr(cgroups, "memory_bytes", lambda *_: memory and memory * MB)
    chosen = settings.load_settings()
    assert (chosen.render_processes, chosen.render_memory_bytes // MB) == (processes, megabytes)
