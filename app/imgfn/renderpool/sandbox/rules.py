"""What the layers of one pool are told: by its launcher, in the variable IMGFN_POOL."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]  # where the package imgfn lies
# Read-only, where they exist: programs, libraries, fonts and how to find them.
SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt/lib",
    "/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime",
    "/var/cache/fontconfig",
)  # fmt: skip


@dataclass(frozen=True)
class Rules:
    """What renderers may have and use."""

    memory_bytes: int  # address space of one renderer
    seconds: float  # wall-clock time of one job
    readable: tuple[str, ...]  # files and folders that they may read
    host_root: tuple[int, int]  # device and inode of the machine's root folder
    require: bool  # a renderer without a required layer refuses to start


@dataclass
class Launch:
    """The command that starts a pool, and its environment; layers of the stage `launch` change both."""

    rules: Rules
    command: tuple[str, ...]
    environment: dict[str, str]


def python_path() -> list[str]:
    """Where this process finds its modules, our own first."""
    return [str(ROOT), *(path for path in sys.path if path and path != str(ROOT))]


def readable(folders: Iterable[str] = ()) -> tuple[str, ...]:
    """All that a renderer needs to read: the system's, ours and `folders`."""
    # A folder of the module path is shown if it is one of installed libraries; the working folder with data and .env,
    # which is often on that path too, is not.
    libraries = [path for path in python_path() if any(Path(path).glob("*.dist-info"))]
    return tuple(dict.fromkeys([*SYSTEM, sys.prefix, sys.base_prefix, str(ROOT / "imgfn"), *libraries, *folders]))
