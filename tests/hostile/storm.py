"""Many clients at once, and the processes behind the server that the tests may kill."""

import hashlib
import http.client
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.hostile.bombs import jpeg
from tests.hostile.target import children
from tests.servers import Server

PICTURE = jpeg()


@dataclass
class Told:
    """What the clients of one storm were told."""

    stored: dict[str, str] = field(default_factory=dict)  # key -> sha256, of each 201
    sent: dict[str, str] = field(default_factory=dict)  # key -> sha256, of each upload that was begun
    statuses: list[int] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)  # answers that began and did not end
    silent: int = 0  # connections that were taken and got no answer
    refused: int = 0  # connections that were not taken


class Storm:
    """Threads that upload pictures of their own, each under a new name, or ask for results, until they are stopped."""

    def __init__(self) -> None:
        self.told = Told()
        self._numbers = itertools.count()
        self._random = random.Random(7)
        self._mutex = threading.Lock()

    @contextmanager
    def blowing(self, server: Server, *, uploads: int = 4, readers: int = 0) -> Iterator[None]:
        """Run `uploads` and `readers` threads against `server` while the context lasts."""
        over = threading.Event()

        def blow(act: Callable[[Server], None]) -> None:
            while not over.is_set():
                act(server)

        acts = [self.upload] * uploads + [self.read] * readers
        threads = [threading.Thread(target=blow, args=(act,)) for act in acts]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def upload(self, server: Server) -> None:
        """One PUT of a picture that nobody has sent before."""
        with self._mutex:
            key = f"storm/{next(self._numbers)}.jpg"
            tail = self._random.randbytes(self._random.choice((10, 5_000, 2_000_000)))
        body = PICTURE + tail
        digest = self.told.sent[key] = hashlib.sha256(body).hexdigest()
        if self._ask(server, "PUT", f"/upload/{key}", body) == 201:
            self.told.stored[key] = digest

    def read(self, server: Server) -> None:
        """One GET of a result, made or kept."""
        with self._mutex:
            width = self._random.randrange(1, 400)
        self._ask(server, "GET", f"/proc/resize/w_{width}/lena.jpg", None)

    def _ask(self, server: Server, method: str, target: str, body: bytes | None) -> int | None:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
        try:
            connection.connect()
        except OSError:
            self.told.refused += 1
            time.sleep(0.01)
            return None
        try:
            connection.request(method, target, body, {"Connection": "close"})
            answer = connection.getresponse()
        except OSError:
            self.told.silent += 1
            return None
        try:
            answer.read()
            self.told.statuses.append(answer.status)
            return answer.status
        except (OSError, http.client.HTTPException) as error:
            self.told.cut.append(f"{method} {target}: {error!r}")
            return None
        finally:
            connection.close()


def render_children(server: Server) -> list[int]:
    """The render processes of `server`: those that hold its pool's listening socket and have no children."""
    folder = str((server.folder / "runtime").resolve())
    rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()]
    inodes = {f"socket:[{row[6]}]" for row in rows if row[-1].startswith(folder)}
    return [pid for pid in processes() if _holds(pid, inodes) and not children(pid)]


def processes() -> Iterator[int]:
    """Every process of this machine."""
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _holds(pid: int, links: set[str]) -> bool:
    with suppress(OSError):
        return any(str(entry.readlink()) in links for entry in Path(f"/proc/{pid}/fd").iterdir())
    return False
