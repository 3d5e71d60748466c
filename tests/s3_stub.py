"""An S3 service on a socket that knows one object and breaks off in the middle of every long answer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SIZE = 3 << 20
HEAD = b"GIF89a" + bytes(1018)
BUCKET_PARTS = 1  # of a path: /bucket, and not /bucket/key


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._begin(200, 0 if self._asks_for_bucket() else SIZE)

    def do_GET(self) -> None:
        if self._asks_for_bucket():
            self._begin(200, 0)
        elif "Range" in self.headers:  # the first bytes, by which the server knows the type
            self._begin(206, len(HEAD))
            self.wfile.write(HEAD)
        else:
            self._begin(200, SIZE)
            self.wfile.write(HEAD.ljust(SIZE // 2, b"\0"))
            self.close_connection = True

    def _asks_for_bucket(self) -> bool:
        return self.path.partition("?")[0].strip("/").count("/") < BUCKET_PARTS

    def _begin(self, status: int, size: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(size))
        self.send_header("Content-Type", "image/gif")
        self.send_header("ETag", '"0123456789abcdef0123456789abcdef-1"')
        self.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def breaking_store() -> Iterator[str]:
    """The endpoint of such a service, until the block is left."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
