"""What keeps render processes from the rest of the machine: bubblewrap, Landlock, seccomp, where the platform lets us.

Docker's and Kubernetes' default profiles forbid bubblewrap its namespaces: there the two others have to do.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

# Read-only, where they exist: programs, libraries, fonts and how to find them.
SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt/lib",
    "/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime",
    "/var/cache/fontconfig",
)  # fmt: skip
ROOT = Path(__file__).parents[3]  # where the package imgfn lies
IMPORT = "import gunicorn, imgfn.renderpool.sandbox.seccomp"
ALLOW = "from imgfn.renderpool.sandbox.landlock import allow_reading; allow_reading([])"
FORBID = "from imgfn.renderpool.sandbox.seccomp import forbid; forbid()"
PROBE_SECONDS = 10.0


def python_path() -> list[str]:
    """Where this process finds its modules, our own first."""
    return [str(ROOT), *(path for path in sys.path if path and path != str(ROOT))]


def readable(folders: Iterable[str] = ()) -> list[str]:
    """All that a render process needs to read: the system's, ours and `folders`."""
    # A folder of the module path is shown if it is one of installed libraries; the working folder with data and .env,
    # which is often on that path too, is not.
    libraries = [path for path in python_path() if any(Path(path).glob("*.dist-info"))]
    return list(dict.fromkeys([*SYSTEM, sys.prefix, sys.base_prefix, str(ROOT / "imgfn"), *libraries, *folders]))


def confine(folders: Iterable[str] = ()) -> tuple[str, ...]:
    """The start of a command that lets the rest see no network, process or secret and write no file; () for none.

    `folders` can be read in addition to the system's and ours.
    """
    command = _bubblewrap(folders)
    return command if command and not _complaint(command, IMPORT) else ()


def sandbox_in_force() -> str:
    """In words, for people: what holds render processes on this machine."""
    walls = ["a deadline, limits of memory, CPU time and files, an environment without secrets"]
    reason = _complaint((), ALLOW)
    walls.append(f"NO Landlock: {reason}" if reason else "Landlock (no files but programs, libraries and fonts)")
    reason = _complaint((), FORBID)
    walls.append(f"NO seccomp: {reason}" if reason else "seccomp (no sockets, no programs, no writing)")
    command = _bubblewrap()
    reason = _complaint(command, IMPORT) if command else "bwrap is not installed"
    walls.append(f"NO bubblewrap: {reason}" if reason else "bubblewrap (no network, no other processes, no data)")
    return "; ".join(walls)


def _bubblewrap(folders: Iterable[str] = ()) -> tuple[str, ...]:
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return ()
    return (
        bwrap,
        *("--unshare-all", "--cap-drop", "ALL", "--new-session"),
        *("--dev", "/dev", "--size", "1048576", "--tmpfs", "/tmp", "--chdir", "/"),  # noqa: S108  # a private one
        *(word for path in readable(folders) for word in ("--ro-bind-try", path, path)),
    )


@cache
def _complaint(command: tuple[str, ...], program: str) -> str:
    """Why a Python program cannot be run under `command`, or "" where it can."""
    probe = (*command, sys.executable, "-P", "-c", program)
    environment = {"PYTHONPATH": ":".join(python_path())}
    try:
        done = subprocess.run(probe, env=environment, capture_output=True, timeout=PROBE_SECONDS, check=False)  # noqa: S603  # our own words only
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stderr.decode(errors="replace").strip().rpartition("\n")[2] if done.returncode else ""
