"""Real nginx and Varnish forget what has changed: overwritten, deleted, a style that is another one."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.deploy.nginx import running_nginx
from tests.deploy.tools import find
from tests.servers import ROOT, Answer, Server, fetch, free_port, serving, wait_until
from tests.web.test_metrics import draw

SECRET = "a-secret-of-sixteen"
ADMIN = {"Authorization": "Bearer admin"}
pytestmark = pytest.mark.real


@dataclass
class Front:
    """A cache, and imgfn behind it."""

    port: int
    server: Server
    folder: Path

    def get(self, target: str, accept: str = "*/*") -> Answer:
        return fetch(f"http://127.0.0.1:{self.port}{target}", Accept=accept)

    def keep(self, target: str, accept: str = "*/*") -> Answer:
        """The answer, which the cache has from now on."""
        assert self.get(target, accept).status == 200
        answer = self.get(target, accept)
        assert answer.headers["X-Cache"] == "HIT"
        return answer

    def overwrite(self, key: str) -> None:
        answer = self.server.ask(f"/upload/{key}", "PUT", draw(), ADMIN)
        assert answer.status in (200, 201), answer.body


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)


@contextmanager
def imgfn(folder: Path, cache: str, **settings: str) -> Iterator[Server]:
    (folder / "styles.toml").write_text('thumb = "resize/w_20"\nother = "resize/w_30"\n')
    own = {"styles_file": str(folder / "styles.toml"), "admin_token": "admin", "upload_token": "token"}
    with serving(folder, workers="1", purge=cache, **own, **settings) as server:
        for key in ("a.png", "b.png"):
            # Not as an administrator, who might overwrite: nothing is to be purged yet.
            assert server.ask(f"/upload/{key}", "PUT", draw(), {"Authorization": "Bearer token"}).status == 201
        yield server


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Front]:
    find("nginx", "nginx-light")
    port, kept = free_port(), {"proxy_cache_valid 200 1m": "proxy_cache_valid 200 1h"}
    secret = {'# "a-secret-of-sixteen" 1;': f'"{SECRET}" 1;', "listen 8080": f"listen 127.0.0.1:{port}"}
    with (
        imgfn(tmp_path, f"nginx=http://127.0.0.1:{port}", purge_tokens=f"nginx={SECRET}") as server,
        running_nginx(tmp_path / "nginx", server.port, extra=kept | secret, port=port),
    ):
        yield Front(port, server, tmp_path)


@pytest.fixture
def varnish(tmp_path: Path) -> Iterator[Front]:
    program = find("varnishd", "varnish")
    port = free_port()
    with imgfn(tmp_path, f"varnish=http://127.0.0.1:{port}") as server:
        vcl = (ROOT / "deploy" / "varnish" / "imgfn.vcl").read_text()
        (tmp_path / "imgfn.vcl").write_text(vcl.replace('.port = "8000"', f'.port = "{server.port}"'))
        order = [
            program,
            "-F",
            "-j",
            "none",
            "-a",
            f"127.0.0.1:{port}",
            "-f",
            str(tmp_path / "imgfn.vcl"),
            "-n",
            str(tmp_path / "v"),
        ]
        with (tmp_path / "varnish.log").open("wb") as log:
            process = subprocess.Popen([*order, "-s", "malloc,64m"], stdout=log, stderr=log)
        try:
            wait_until(f"http://127.0.0.1:{port}/healthz")
            yield Front(port, server, tmp_path)
        finally:
            process.terminate()
            process.wait()


@pytest.mark.parametrize("cache", ["nginx", "varnish"])
def test_an_overwritten_picture_is_seen_at_once(cache: str, request: pytest.FixtureRequest):
    front: Front = request.getfixturevalue(cache)
    targets = ["/proc/a.png", "/proc/style/thumb/a.png", "/proc/a.png!other"]
    before = {target: front.keep(target).headers["ETag"] for target in targets}
    auto = front.keep("/proc/a.png!thumb", "image/avif,image/webp,*/*").headers["ETag"]
    other = front.keep("/proc/b.png").headers["ETag"]
    front.overwrite("a.png")
    for target, etag in before.items():
        eventually(lambda target=target, etag=etag: front.get(target).headers["ETag"] != etag)
    eventually(lambda: front.get("/proc/a.png!thumb", "image/avif,image/webp,*/*").headers["ETag"] != auto)
    kept = front.get("/proc/b.png")
    assert (kept.headers["ETag"], kept.headers["X-Cache"]) == (other, "HIT")


@pytest.mark.parametrize("cache", ["nginx", "varnish"])
def test_a_deleted_picture_is_gone_at_once(cache: str, request: pytest.FixtureRequest):
    front: Front = request.getfixturevalue(cache)
    front.keep("/proc/a.png")
    front.keep("/proc/style/thumb/a.png")
    assert front.server.ask("/upload/a.png", "DELETE", headers=ADMIN).status == 204
    eventually(lambda: front.get("/proc/a.png").status == 404)
    eventually(lambda: front.get("/proc/style/thumb/a.png").status == 404)
    time.sleep(1.5)
    assert [front.get("/proc/a.png").status for _ in range(3)] == [404] * 3
    front.overwrite("a.png")
    eventually(lambda: front.get("/proc/a.png").status == 200)


def test_varnish_forgets_every_plan_of_a_picture_and_every_picture_of_a_style(varnish: Front):
    plan = varnish.keep("/proc/resize/w_33/a.png").headers["ETag"]
    varnish.overwrite("a.png")
    eventually(lambda: varnish.get("/proc/resize/w_33/a.png").headers["ETag"] != plan)
    styled = [varnish.keep(f"/proc/style/thumb/{key}").headers["ETag"] for key in ("a.png", "b.png")]
    (varnish.folder / "styles.toml").write_text('thumb = "resize/w_21"\nother = "resize/w_30"\n')
    time.sleep(1.1)  # the styles are looked at again after a second, with the next request
    varnish.server.ask("/proc/style/thumb/a.png")
    for key, etag in zip(("a.png", "b.png"), styled, strict=True):
        eventually(lambda key=key, etag=etag: varnish.get(f"/proc/style/thumb/{key}").headers["ETag"] != etag)


def test_varnish_forgets_what_carries_a_changed_watermark(varnish: Front):
    import base64

    mark = base64.urlsafe_b64encode(b"b.png").decode().rstrip("=")
    target = f"/proc/watermark/image_{mark}/a.png"
    before = varnish.keep(target).headers["ETag"]
    varnish.overwrite("b.png")
    eventually(lambda: varnish.get(target).headers["ETag"] != before)


def test_strangers_can_neither_ban_nor_refresh(varnish: Front, nginx_without_secret: Front):
    assert "Surrogate-Key" not in varnish.get("/proc/a.png").headers
    nginx_without_secret.keep("/proc/a.png")
    for word in ("1", "", SECRET):
        answer = fetch(f"http://127.0.0.1:{nginx_without_secret.port}/proc/a.png", Accept="*/*", X_Imgfn_Refresh=word)
        assert answer.headers["X-Cache"] == "HIT"


@pytest.fixture
def nginx_without_secret(tmp_path: Path) -> Iterator[Front]:
    find("nginx", "nginx-light")
    folder = tmp_path / "plain"
    with serving(folder, workers="1", admin_token="admin") as server:
        server.ask("/upload/a.png", "PUT", draw(), ADMIN)
        with running_nginx(folder / "nginx", server.port) as port:
            yield Front(port, server, folder)


def test_a_cache_that_is_away_is_tried_again_and_counted(tmp_path: Path):
    told: list[dict] = []
    failures = 2

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            nonlocal failures
            failures -= 1
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if failures < 0:
                told.append(json.loads(body))
            self.send_response(500 if failures >= 0 else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    hook = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=hook.serve_forever)
    thread.start()
    try:
        with imgfn(
            tmp_path, f"webhook=http://127.0.0.1:{hook.server_port}/x", public_url="https://img.example"
        ) as server:
            assert server.ask("/upload/a.png", "PUT", draw(), ADMIN).status in (200, 201)
            eventually(lambda: bool(told))
            eventually(lambda: b'{outcome="sent",target="webhook"}' in server.ask("/metrics").body)
            metrics = server.ask("/metrics").body.decode()
            assert 'imgfn_purges_total{outcome="failed",target="webhook"} 2.0' in metrics
            assert "purge_failed" in server.log
    finally:
        hook.shutdown()
        thread.join()
        hook.server_close()
    assert told[0]["origin"] == "https://img.example"
    assert "/proc/a.png" in told[0]["paths"]


def test_a_wrong_target_ends_the_start_with_a_sentence(tmp_path: Path):
    with (
        pytest.raises(RuntimeError, match=r"IMGFN_PURGE: cloudflare needs a secret"),
        serving(tmp_path, purge="cloudflare=z"),
    ):
        pass
