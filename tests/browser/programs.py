"""Serves the harness and a mini-program, as a phone's runtime has them on board."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HARNESS = Path(__file__).parent / "harness"
WRITTEN_BASE = "http://127.0.0.1:8000"  # the URL in config.js, the one thing that a reader of the tutorial changes


@contextlib.contextmanager
def serve_program(folder: Path, base: str) -> Iterator[str]:
    """Serve `folder` under /program/ with its config.js pointing to `base`; gives the harness's own base URL."""

    class Handler(SimpleHTTPRequestHandler):
        extensions_map = SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript"}

        def do_GET(self) -> None:
            if self.path == "/program/config.js":
                self.answer_config()
            else:
                super().do_GET()

        def answer_config(self) -> None:
            body = (folder / "config.js").read_text("utf-8").replace(WRITTEN_BASE, base).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def translate_path(self, path: str) -> str:
            plain = path.partition("?")[0]
            if plain.startswith("/program/"):
                return str(folder / plain.removeprefix("/program/"))
            return str(HARNESS / (plain.removeprefix("/harness/").removeprefix("/") or "index.html"))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
