"""A web server of our own on loopback that flows call; what it got is kept, what it answers is told beforehand."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    def __init__(self) -> None:
        self.got: list[tuple[str, str, dict[str, str], Any]] = []
        self.answers: dict[str, list[tuple[int, Any]]] = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                told = json.loads(body) if body else None
                path = self.path.partition("?")[0]
                receiver.got.append((self.command, self.path, dict(self.headers), told))
                waiting = receiver.answers.get(path, [(200, {})])
                status, reply = waiting.pop(0) if len(waiting) > 1 else waiting[0]
                data = json.dumps(reply).encode()
                self.send_response(status)
                if status in (301, 302, 307):
                    self.send_header("Location", str(reply))
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_PURGE = do_DELETE = answer

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def paths(self) -> list[str]:
        return [path for _, path, _, _ in self.got]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.close()
