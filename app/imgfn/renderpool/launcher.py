"""The pool of render processes as its clients see it: a private folder with a socket, and how a pool comes to be."""

import fcntl
import hashlib
import json
import os
import socket
import subprocess
import sys
import sysconfig
import threading
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from imgfn.process.private_folder import private_folder
from imgfn.process.slots import CORES, own_seat
from imgfn.renderpool.sandbox.layers import ROOT, confine, python_path, readable

PASSED_ON = ("LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "FONTCONFIG_FILE", "FONTCONFIG_PATH")
ENVIRONMENT = {
    "VIPS_CONCURRENCY": "1",  # as many processes as cores are busy already
    "VIPS_WARNING": "1",  # none: what broken pictures make libraries say would fill the log
    "PYTHONWARNINGS": "ignore",
    "VIPS_DISC_THRESHOLD": "1t",  # nothing is written; the address space is the limit
    "MALLOC_ARENA_MAX": "1",  # what one thread has freed is there for the next
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # huge pages: a fifth off whatever makes large pictures
    "PYTHONDONTWRITEBYTECODE": "1",
}


@dataclass(frozen=True)
class Shape:
    """What makes one pool differ from another. Clients of the same shape share a pool."""

    processes: int
    queue: int  # jobs that wait for a process
    seconds: float  # wall-clock time of one job
    memory_bytes: int  # address space of one process
    recycle: int  # jobs after which a process is replaced
    font_dirs: tuple[str, ...] = ()  # where processes look for fonts before the system's folders


class Pool:
    """One client process's view of the pool. Safe to use from many threads and after a fork.

    Every process listens to a socket of its own first, and to the others' while their processes are busy. A client
    prefers the one of its own seat: so a request and its render share a core, if there is one for each.

    Two locks in the folder tell who lives, and the kernel drops those of the dead: every client holds `lease` shared,
    the pool's master holds `alive`.
    """

    def __init__(self, shape: Shape, runtime_dir: Path | None) -> None:
        self._shape = shape
        self._folder = private_folder(runtime_dir, _name(shape))
        self._lease: int | None = None
        first = own_seat() % shape.processes
        sockets = [self._folder / f"socket.{seat:03}" for seat in range(shape.processes)]
        self._sockets = [*sockets[first:], *sockets[:first]]  # the preferred one first
        self.quarantine_dir = self._folder / "quarantine"
        self.quarantine_dir.mkdir(mode=0o700, exist_ok=True)

    def connect(self) -> socket.socket:
        """A connection that waits for a free process. Starts the pool where there is none.

        BlockingIOError where as many wait already as may.
        """
        if self._lease is None:
            self.start()
        try:
            return self._connect()
        except (FileNotFoundError, ConnectionRefusedError):
            self.start()
            return self._connect()

    def start(self) -> None:
        """Hold the lease and make sure that a pool runs. Of several callers, in whatever processes, one starts it."""
        with (self._folder / "start.lock").open("wb") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            if self._lease is None or not self.runs():
                # Waits while a pool that nobody needed any more goes away.
                lease = self._lock("lease", fcntl.LOCK_SH)
                if self._lease is not None:
                    os.close(self._lease)
                self._lease = lease
            if not self.runs():
                self._spawn()

    def close(self) -> None:
        """Give the lease back; the pool ends with its last client."""
        if self._lease is not None:
            os.close(self._lease)
            self._lease = None

    def runs(self) -> bool:
        """Whether a pool lives, be it ever so busy."""
        try:
            os.close(self._lock("alive", fcntl.LOCK_SH | fcntl.LOCK_NB))
        except BlockingIOError:
            return all(path.exists() for path in self._sockets)
        return False

    def log_tail(self) -> str:
        """The end of what the latest pool has logged."""
        return (self._folder / "pool.log").read_text(errors="replace")[-4000:]

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.setblocking(False)
            for path in self._sockets:
                with suppress(BlockingIOError):
                    connection.connect(str(path))
                    return connection
            raise BlockingIOError("as many wait as may")
        except OSError:
            connection.close()
            raise

    def _lock(self, name: str, how: int) -> int:
        descriptor = os.open(self._folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, how)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def _spawn(self) -> None:
        """Start a pool that inherits its sockets: jobs can wait from now on, and it needs to see no folder."""
        lease = os.open(self._folder / "lease", os.O_RDWR)
        alive = self._lock("alive", fcntl.LOCK_EX)
        try:
            with ExitStack() as stack:
                listeners = [stack.enter_context(self._listen(path)).fileno() for path in sorted(self._sockets)]
                log = stack.enter_context((self._folder / "pool.log").open("wb"))
                pool = asdict(self._shape) | {
                    "listeners": listeners,
                    "lease": lease,
                    "alive": alive,
                    "cores": CORES,
                    "readable": readable(self._shape.font_dirs),
                }
                process = subprocess.Popen(  # noqa: S603  # our own words only
                    [
                        *confine(self._shape.font_dirs),
                        *(sys.executable, "-P", "-m", "gunicorn", "--config", "python:imgfn.renderpool.supervisor"),
                        "imgfn.renderpool.worker:answer",
                    ],
                    cwd="/",
                    env={
                        **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
                        **ENVIRONMENT,
                        "PYTHONPATH": os.pathsep.join(python_path()),
                        "IMGFN_POOL": json.dumps(pool),
                    },
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    pass_fds=(*listeners, lease, alive),
                    start_new_session=True,
                )
        finally:
            os.close(lease)
            os.close(alive)
        # It outlives us where others need it; where it ends before us, no zombie is left.
        threading.Thread(target=process.wait, daemon=True).start()

    def _listen(self, path: Path) -> socket.socket:
        """A new socket, on which a fair share of the queue can wait."""
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(
            max(0, self._shape.queue // self._shape.processes - 1)
        )  # the kernel lets one more wait than this
        return listener


def _name(shape: Shape) -> str:
    """Names the pool of this shape and of this state of the code.

    Workers of a newer installation must not use the pool of an older one, which lives while an old worker does.
    """
    newest = max(
        path.stat().st_mtime_ns for path in [*(ROOT / "imgfn").rglob("*.py"), Path(sysconfig.get_path("purelib"))]
    )
    installation = f"{shape} {ROOT} {sys.executable} {newest}"
    return hashlib.sha256(installation.encode()).hexdigest()[:12]
