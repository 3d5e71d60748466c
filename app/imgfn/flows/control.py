"""How other processes of this machine talk to a worker: lines of JSON on a socket in a private folder.

Web workers and the command line need no engine of their own so. A verb is a method of `imgfn.flows.desk.Desk`.
"""

import hashlib
import json
import os
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from imgfn.core.faults import Fault, InvalidArgument, NotReady, fault_of
from imgfn.observability.log import log

SECONDS = 30.0
CONNECT_SECONDS = 2.0
MAX_BYTES = 8_000_000
MAX_PATH_BYTES = 107  # sockaddr_un
NO_WORKER = "no worker runs on this machine; start one with `imgfn work`"


class Server:
    """Serves the public methods of `desk` on a socket in `folder`."""

    def __init__(self, folder: Path, name: str, desk: Any) -> None:
        path = folder / f"{hashlib.sha256(name.encode()).hexdigest()[:8]}.sock"
        path.unlink(missing_ok=True)

        class Handler(socketserver.StreamRequestHandler):
            timeout = SECONDS

            def handle(self) -> None:
                with suppress(OSError):
                    self.wfile.write(
                        json.dumps(_serve(desk, self.rfile.readline(MAX_BYTES)), default=str).encode() + b"\n"
                    )

        class Listener(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True
            request_queue_size = 128

        with _short(path) as address:
            self._listener = Listener(address, Handler)
        self._path = path
        threading.Thread(target=self._listener.serve_forever, name="control", daemon=True).start()

    def close(self) -> None:
        """Hear nobody any more."""
        self._path.unlink(missing_ok=True)
        self._listener.shutdown()
        self._listener.server_close()


def _serve(desk: Any, line: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(line)
        verb = asked["verb"]
        if verb.startswith("_") or not callable(getattr(type(desk), verb, None)):
            raise InvalidArgument(f"no verb {verb!r}")
        return {"ok": getattr(desk, verb)(**asked["with"])}
    except Fault as fault:
        return {"fault": fault.code, "detail": fault.detail, "parameter": fault.parameter, "expected": fault.expected}
    except Exception:
        log.exception("bug")
        return {"fault": "InternalError", "detail": ""}


class Worker:
    """Any worker of this machine. Every call raises NotReady where none listens, and what the desk raises."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def call(self, verb: str, /, **given: Any) -> Any:
        """Ask one worker."""
        for path in self._sockets():
            with suppress(FileNotFoundError, ConnectionRefusedError, ConnectionResetError):
                return _ask(path, verb, given)
        raise NotReady(NO_WORKER, headers={"Retry-After": "5"})

    def call_all(self, verb: str, /, **given: Any) -> list[Any]:
        """Ask every worker of this machine; who does not answer is left out."""
        told = []
        for path in self._sockets():
            with suppress(OSError, Fault):
                told.append(_ask(path, verb, given))
        return told

    def _sockets(self) -> list[Path]:
        return sorted(self._folder.glob("*.sock"))


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name of `path` that fits: the kernel takes 107 bytes, and folders may lie deep."""
    if len(os.fsencode(path)) <= MAX_PATH_BYTES or sys.platform != "linux":
        yield str(path)
        return
    descriptor = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)


def _ask(path: Path, verb: str, given: Mapping[str, Any]) -> Any:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(CONNECT_SECONDS)
        with _short(path) as address:
            connection.connect(address)
        connection.settimeout(SECONDS)
        connection.sendall(json.dumps({"verb": verb, "with": given}).encode() + b"\n")
        with connection.makefile("rb") as file:
            try:
                line = file.readline()
            except TimeoutError as error:
                raise NotReady("the worker does not answer", headers={"Retry-After": "5"}) from error
    if not line:
        raise ConnectionResetError
    told = json.loads(line)
    if "ok" in told:
        return told["ok"]
    raise fault_of(told["fault"])(told["detail"], parameter=told.get("parameter"), expected=told.get("expected"))
