"""The pool of render processes as its clients see it: a private folder with a socket, and how a pool comes to be."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from imgfn.process.private_folder import private_folder
from imgfn.process.slots import own_slot
from imgfn.renderpool import deaths
from imgfn.renderpool.deaths import Death
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
    prefers the one of its own slot.

    Two locks in the folder tell who lives, and the kernel drops those of the dead: every client holds `lease` shared,
    the pool's master holds `alive`.
    """

    def __init__(self, shape: Shape, runtime_dir: Path | None) -> None:
        self._shape = shape
        self._parent, self._folder_name = runtime_dir, fingerprint(shape)
        self._folder = self._make_folder()
        self._lease: int | None = None
        first = own_slot() % shape.processes
        sockets = [self._folder / f"socket.{slot:03}" for slot in range(shape.processes)]
        self._sockets = [*sockets[first:], *sockets[:first]]  # the preferred one first
        self.quarantine_dir = self._folder / "quarantine"
        self._deaths = self._folder / "deaths"

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
        """Hold the lease and make sure that a pool runs. Of several callers, in whatever processes, one starts it.

        The folder is made again where somebody has removed it, such as who tidies up the temporary one.
        """
        self._make_folder()
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
        except FileNotFoundError:
            pass
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

    def find_death(self, number: int) -> Death:
        """How the renderer of that number ended, which has gone in the middle of a job."""
        return deaths.find(self._deaths, number)

    def end_if_silent(self) -> None:
        """Kill a pool whose master does not move: stopped, or in a call that hangs. The next caller starts another."""
        if deaths.master_is_silent(self._deaths) and self.runs():
            with suppress(OSError, ValueError):
                kill_tree(int((self._folder / "pid").read_text()))

    def log_tail(self) -> str:
        """The end of what the latest pool has logged."""
        try:
            return (self._folder / "pool.log").read_text(errors="replace")[-4000:]
        except OSError as error:
            return str(error)

    def _make_folder(self) -> Path:
        folder = private_folder(self._parent, self._folder_name)
        (folder / "quarantine").mkdir(mode=0o700, exist_ok=True)
        return folder

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
                deaths_file = deaths.create(self._deaths)
                stack.callback(os.close, deaths_file)
                passed = [deaths_file]
                proc = None
                with suppress(OSError):  # not on this platform
                    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
                    stack.callback(os.close, proc)
                    passed.append(proc)
                listeners = [stack.enter_context(self._listen(path)).fileno() for path in sorted(self._sockets)]
                log = stack.enter_context((self._folder / "pool.log").open("wb"))
                report = stack.enter_context((self._folder / "report").open("wb")).fileno()
                launch, failed = self._confine()
                pool = asdict(self._shape) | {
                    "listeners": listeners,
                    "lease": lease,
                    "alive": alive,
                    "report": report,
                    "deaths": deaths_file,
                    "proc": proc,
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
                    pass_fds=(*listeners, lease, alive, report, *passed),
                    start_new_session=True,
                )
                (self._folder / "pid").write_text(str(process.pid))
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
        launch = Launch(rules, (sys.executable, "-P", "-m", "imgfn.renderpool"), dict(os.environ))
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


def kill_tree(pid: int) -> None:
    """Kill a process and all that descend from it, the youngest first."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            with suppress(OSError):
                kill_tree(int(child))
    os.kill(pid, signal.SIGKILL)
