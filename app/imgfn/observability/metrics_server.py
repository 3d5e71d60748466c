"""/metrics on a port of its own, which operators reach and the public does not."""

import socket
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PATIENCE_SECONDS = 5.0  # for a scraper that says nothing


def listen(host: str, port: int, name: str = "IMGFN_METRICS_PORT") -> socket.socket:
    """A socket that listens there. Ends the process with a sentence about `name` where the port cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=16)
    except OSError as error:
        sys.stderr.write(f"{name}: cannot listen on {host}:{port}: {error.strerror or error}\n")
        raise SystemExit(2) from error


def start(listener: socket.socket, expose: Callable[[], bytes]) -> None:
    """Answer GET /metrics with what `expose` gives, in a thread of this process, until the process ends.

    Several processes may share the listener, and each answers for all of them.
    """
    listener.setblocking(False)  # whoever comes second to a connection must not wait for the next one

    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE_SECONDS
        server_version, sys_version = "imgfn", ""

        def do_GET(self) -> None:
            found = self.path.partition("?")[0] == "/metrics"
            body = expose() if found else b"the metrics are at /metrics\n"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", CONTENT_TYPE if found else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Scrapes are no news."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def get_request(self) -> tuple[socket.socket, object]:
            connection, peer = super().get_request()
            connection.setblocking(True)
            return connection, peer

        def handle_error(self, *_: object) -> None:
            """A scraper that went away is no news."""

    server = Server(listener.getsockname()[:2], Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
