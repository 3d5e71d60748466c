"""Namespaces: no network, no other processes, and of the file system only what is readable. By bubblewrap.

https://github.com/containers/bubblewrap

Docker's and Kubernetes' default profiles forbid the namespaces: there the other layers have to do.
"""

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from imgfn.renderpool.sandbox.rules import Launch, Rules, python_path

IMPORT = "import gunicorn, imgfn.renderpool.sandbox.seccomp"
PROBE_SECONDS = 10.0


def enter(launch: Launch) -> None:
    """Put bubblewrap in front of the command. OSError where it is missing or may not do its work."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise OSError("bwrap is not installed")
    wrapper = (
        bwrap,
        *("--unshare-all", "--cap-drop", "ALL", "--new-session"),
        *("--dev", "/dev", "--size", "1048576", "--tmpfs", "/tmp", "--chdir", "/"),  # noqa: S108  # a private one
        *(word for path in launch.rules.readable for word in ("--ro-bind-try", path, path)),
    )
    if complaint := _complaint(wrapper):
        raise OSError(complaint)
    launch.command = (*wrapper, *launch.command)


def entered(rules: Rules) -> bool:
    """Whether the root folder is not the machine's."""
    root = Path("/").stat()
    return (root.st_dev, root.st_ino) != tuple(rules.host_root)


@cache
def _complaint(wrapper: tuple[str, ...]) -> str:
    """Why Python cannot be run in there, or "" where it can."""
    probe = (*wrapper, sys.executable, "-P", "-c", IMPORT)
    environment = {"PYTHONPATH": ":".join(python_path())}
    try:
        done = subprocess.run(probe, env=environment, capture_output=True, timeout=PROBE_SECONDS, check=False)  # noqa: S603  # our own words only
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if not done.returncode:
        return ""
    return done.stderr.decode(errors="replace").strip().rpartition("\n")[2] or f"bwrap ended with {done.returncode}"
