"""Operations that no service should have. A pool finds them as any distribution's: by their entry point."""

import ctypes
import fcntl
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Annotated, Any

import pyvips

from imgfn.core.kinds import Choice, Int
from imgfn.core.output import Output, Report
from imgfn.core.registry import operation
from imgfn.imaging.picture import Picture

FS_IOC_SETFLAGS = 0x40086602
POOL = str(uuid.uuid4())  # made in the master, before it forks


@operation(example="0")
def hold(output: Output, milliseconds: Annotated[int, Int(0, 600_000)]) -> Output:
    """Keep a process busy."""
    time.sleep(milliseconds / 1000)
    return output


@operation(example="raise")
def misbehave(
    output: Output,
    how: Annotated[str, Choice(("spin", "segfault", "abort", "exit", "swell", "raise", "wait", "late abort"))],
) -> Output:
    """Do what a broken decoder does."""
    match how:
        case "spin":
            while True:
                pass
        case "segfault":
            ctypes.string_at(0)
        case "abort":
            os.abort()
        case "exit":
            os._exit(0)
        case "swell":
            bytearray(1 << 30)
        case "raise":
            raise RuntimeError("a bug in an operation")
        case "wait":
            time.sleep(4)
        case "late abort":
            time.sleep(0.6)
            os.abort()
    return output


@operation(example="0")
def clock(picture: Picture, milliseconds: Annotated[int, Int(0, 600_000)]) -> Report:
    """When this job ran, on the machine's clock, and in which pool."""
    begun = time.monotonic()
    time.sleep(milliseconds / 1000)
    return _report({"begun": begun, "ended": time.monotonic(), "pool": POOL, "process": os.getpid()})


@operation(example="page")
def lie(picture: Picture, kind: Annotated[str, Choice(("page", "giant", "nonsense"))]) -> Report:
    """Answer what no render of ours answers."""
    match kind:
        case "giant":
            _local("sock").sendall(b'{"size": 999999999999}\n')
            os._exit(0)
        case "nonsense":
            _local("sock").sendall(b"\0" * 100_000)
            os._exit(0)
    return Report("text/html", b"<script>")


@operation(example="0")
def chatter(output: Output, length: Annotated[int, Int(0, 1 << 30)]) -> Output:
    """Fill the log, as a library does that complains of every pixel."""
    for _ in range(length >> 16):
        os.write(2, b"x" * (1 << 16))
    return output


@operation()
def reveal(picture: Picture) -> Report:
    """What this process knows and may do."""
    attempts = {
        "network": lambda: socket.create_connection(("127.0.0.1", 9), timeout=1),
        "unix": lambda: socket.socket(socket.AF_UNIX),
        "write": lambda: Path("/tmp/imgfn-was-here").write_text("x"),
        "overwrite": lambda: os.open(__file__, os.O_WRONLY),
        "remove": lambda: Path(__file__).unlink(),
        "rewrite": lambda: os.open(f"/proc/self/fd/{_source()}", os.O_RDWR),
        "stamp": lambda: os.utime(_source()),
        "flag": lambda: fcntl.ioctl(_source(), FS_IOC_SETFLAGS, bytes(8)),
        "append": lambda: os.write(_source(), b"x"),
        "program": lambda: subprocess.run(["true"]),
        "fork": os.fork,
        "signal": lambda: os.kill(os.getppid(), 0),
        "secret": lambda: Path(os.environ["PYTHONPATH"].split(":")[0]).with_name("pyproject.toml").read_text(),
        "processes": lambda: Path("/proc/1/cmdline").read_text(),
        "untrusted": lambda: pyvips.Image.csvload(str(Path(__file__).with_name("table.csv"))),
    }
    deadlines = {
        name: [signal.getitimer(timer)[0], signal.getsignal(signum) == signal.SIG_DFL]
        for name, timer, signum in (
            ("clock", signal.ITIMER_REAL, signal.SIGALRM),
            ("cpu", signal.ITIMER_PROF, signal.SIGPROF),
        )
    }
    limits = {
        name: resource.getrlimit(getattr(resource, name)) for name in ("RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_FSIZE")
    }
    facts = {"limits": limits, "environment": dict(os.environ), "folder": str(Path.cwd()), "deadlines": deadlines}
    return _report(facts | {n: _try(a) for n, a in attempts.items()})


def _source() -> int:
    return _local("file").fileno()


def _local(name: str) -> Any:
    """The variable of that name in the closest caller that has one."""
    frame = sys._getframe()
    while name not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals[name]


def _try(attempt) -> str:
    try:
        attempt()
    except OSError as error:
        return type(error).__name__
    except pyvips.Error as error:
        return str(error)
    return "done"


def _report(told: dict) -> Report:
    return Report("application/json", json.dumps(told).encode())
