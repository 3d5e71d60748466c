"""The server under attack: raw bytes in, answers out, and a record of what its stores were asked."""

import http.client
import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from imgfn.core.key import Key
from imgfn.stores.folder.store import FolderStore
from tests.servers import Answer, Server, serving

WITNESSED = ("--config", "python:imgfn.server.config", "tests.hostile.application:create()")


@dataclass(frozen=True)
class Target:
    """A running server with witnessed stores."""

    server: Server

    @property
    def calls(self) -> list[str]:
        """What the stores were asked since `forget`; without the results that land after their answers."""
        asked = (self.server.folder / "calls").read_text().splitlines()
        return [call for call in asked if not call.startswith("results put")]

    def forget(self) -> None:
        """Empty the record."""
        (self.server.folder / "calls").write_bytes(b"")

    def forget_kept(self) -> None:
        """Empty the record once the new result in it is kept: after its put, its source is looked at once more."""
        for _ in range(500):
            _, put, after = (self.server.folder / "calls").read_text().rpartition("results put")
            if put and "sources open" in after:
                return self.forget()
            time.sleep(0.02)
        raise AssertionError("no new result was kept")

    def keep(self, key: str, body: bytes, content_type: str = "image/jpeg") -> None:
        """Put an object into the store behind the server's back, past the checks of an upload."""
        store = FolderStore(self.server.folder / "data" / "sources")
        store.put(Key(key), io.BytesIO(body), len(body), content_type)

    def get(self, target: str, **headers: str) -> Answer:
        """One request, its target as it stands."""
        fields = "".join(f"{name}: {value}\r\n" for name, value in ({"Host": "x"} | headers).items())
        return self.send(f"GET {target} HTTP/1.1\r\n{fields}Connection: close\r\n\r\n".encode())

    def put(self, target: str, body: bytes) -> Answer:
        """One upload of a raw body."""
        head = f"PUT {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        return self.send(head.encode() + body)

    def post(self, body: bytes, content_type: str, target: str = "/upload/") -> Answer:
        """One upload of a form."""
        head = f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        return self.send(head.encode() + b"Connection: close\r\n\r\n" + body)

    def send(self, request: bytes, *, cut: bool = False) -> Answer:
        """Raw bytes; the answer, which may come before all of them are sent. `cut`: nothing more will come."""
        with socket.create_connection((self.server.host, self.server.port), timeout=60) as connection:
            with suppress(ConnectionError):  # refused early: the answer is there nevertheless
                connection.sendall(request)
            if cut:
                connection.shutdown(socket.SHUT_WR)
            response = http.client.HTTPResponse(connection, method=request.split(b" ", 1)[0].decode("latin-1"))
            response.begin()
            return Answer(response.status, response.headers, response.read())

    def workers(self) -> set[int]:
        """The processes of the web workers."""
        return set(children(self.server.process.pid))


@contextmanager
def attacked(folder: Path, **settings: str) -> Iterator[Target]:
    """A server of our own, with `settings` as for `serving`."""
    with serving(folder, *WITNESSED, **settings) as server:
        (folder / "calls").touch()
        yield Target(server)


def children(pid: int) -> list[int]:
    """The processes that `pid` has started and that live."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
