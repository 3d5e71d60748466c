"""The pool of render processes as its clients see it: a private folder with a socket, and how a pool comes to be."""

import fcntl
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from imgfn.process.private_folder import private_folder
from imgfn.process.slots import CORES, own_seat
from imgfn.renderpool.installation import fingerprint
from imgfn.renderpool.sandbox import layers
from imgfn.renderpool.sandbox.posix import POOL, RENDERING
from imgfn.renderpool.sandbox.report import read_reports
from imgfn.renderpool.sandbox.rules import Launch, Rules, python_path, readable

POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Shape:
    """What makes one pool differ from another. Clients of the same shape share a pool."""

    processes: int
    queue: int  # jobs that wait for a process
    seconds: float  # wall-clock time of one job
    memory_bytes: int  # address space of one process
    recycle: int  # jobs after which a process is replaced
    font_dirs: tuple[str, ...] = ()  # where processes look for fonts before the system's folders
    require_sandbox: bool = False  # a process that lacks a required layer of the sandbox refuses to start


class Pool:
    """One client process's view of the pool. Safe to use from many threads and after a fork.

    Every process listens to a socket of its own first, and to the others' while their processes are busy. A client
    prefers the one of its own seat: so a request and its render share a core, if there is one for each.

    Two locks in the folder tell who lives, and the kernel drops those of the dead: every client holds `lease` shared,
    the pool's master holds `alive`.
    """

    def __init__(self, shape: Shape, runtime_dir: Path | None) -> None:
        self._shape = shape
        self._folder = private_folder(runtime_dir, fingerprint(shape))
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

    def sandbox(self, seconds: float = 0.0) -> layers.Report | None:
        """Which layers of the sandbox hold in all processes that have started so far, as they found themselves.

        None where none has, after `seconds` of waiting for all of them.
        """
        latest = time.monotonic() + seconds
        while True:
            reports = read_reports(self._folder / "report")
            if len(reports) >= self._shape.processes or time.monotonic() >= latest or not self.runs():
                return layers.merge(reports) if reports else None
            time.sleep(POLL_SECONDS)

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
                report = stack.enter_context((self._folder / "report").open("wb")).fileno()
                launch, failed = self._confine()
                pool = asdict(self._shape) | {
                    "listeners": listeners,
                    "lease": lease,
                    "alive": alive,
                    "report": report,
                    "cores": CORES,
                    "rules": asdict(launch.rules),
                    "failed": failed,
                }
                process = subprocess.Popen(  # noqa: S603  # our own words only
                    launch.command,
                    cwd="/",
                    env={
                        **launch.environment,
                        **RENDERING,
                        "PYTHONPATH": os.pathsep.join(python_path()),
                        POOL: json.dumps(pool),
                    },
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    pass_fds=(*listeners, lease, alive, report),
                    start_new_session=True,
                )
        finally:
            os.close(lease)
            os.close(alive)
        # It outlives us where others need it; where it ends before us, no zombie is left.
        threading.Thread(target=process.wait, daemon=True).start()

    def _confine(self) -> tuple[Launch, layers.Report]:
        """How to start the pool, behind the layers of the sandbox that come before its start."""
        root = Path("/").stat()
        shape = self._shape
        rules = Rules(
            memory_bytes=shape.memory_bytes,
            seconds=shape.seconds,
            readable=readable(shape.font_dirs),
            host_root=(root.st_dev, root.st_ino),
            require=shape.require_sandbox,
        )
        gunicorn = (sys.executable, "-P", "-m", "gunicorn", "--config", "python:imgfn.renderpool.supervisor")
        launch = Launch(rules, (*gunicorn, "imgfn.renderpool.worker:answer"), dict(os.environ))
        return launch, layers.apply("launch", launch)

    def _listen(self, path: Path) -> socket.socket:
        """A new socket, on which a fair share of the queue can wait."""
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(
            max(0, self._shape.queue // self._shape.processes - 1)
        )  # the kernel lets one more wait than this
        return listener
