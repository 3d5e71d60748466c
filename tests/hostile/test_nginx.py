"""The shipped nginx configuration in front of the real server."""

import hashlib
import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from imgfn.http.signing import sign
from tests.hostile.bombs import jpeg
from tests.hostile.target import Target, attacked
from tests.servers import ROOT, Server, free_port, tool, wait_for

SECRET = "a-secret-of-sixteen"
CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
SAFARI = (
    "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,image/*;q=0.8,*/*;q=0.5"
)


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """imgfn; its pictures are asked for through `front`."""
    folder = tmp_path_factory.mktemp("behind")
    with attacked(folder, signing_keys=f"a:{SECRET}", upload_token="token", admin_token="admin") as target:
        target.keep("a.jpg", jpeg())
        yield target


@pytest.fixture(scope="module")
def nginx_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nginx")


@pytest.fixture(scope="module")
def front(behind: Target, nginx_folder: Path) -> Iterator[Target]:
    """nginx with what deploy/nginx has; only addresses, ports and folders are others."""
    folder = nginx_folder
    nginx = tool("nginx")
    port, inner = free_port(), free_port()
    for name in ("nginx.conf", "imgfn-proxy.conf", "imgfn-cache.conf", "imgfn-upstream.conf"):
        text = (ROOT / "deploy" / "nginx" / name).read_text()
        for shipped, ours in {
            "listen 8080": f"listen 127.0.0.1:{port}",
            "127.0.0.1:8001": f"127.0.0.1:{inner}",
            "127.0.0.1:8000": f"127.0.0.1:{behind.server.port}",
            "proxy_cache_valid 200 1m": "proxy_cache_valid 200 3s",
            "http {\n": "http {\n" + "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in TEMPORARY),
        }.items():
            text = text.replace(shipped, ours)
        (folder / name).write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""  # the test's folder is the caller's own
    order = [nginx, "-p", str(folder), "-c", "nginx.conf", "-g", f"{user} daemon off; pid {folder}/pid;"]
    checked = subprocess.run([*order, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    with (folder / "log").open("wb") as log, subprocess.Popen(order, stderr=log) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/healthz", process)
            yield replace(behind, server=Server(behind.server.folder, process, port))
        finally:
            process.terminate()


TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def test_a_hot_picture_is_answered_without_asking_the_server(front: Target, behind: Target):
    first = front.get("/proc/resize/w_20/a.jpg")
    behind.forget_kept()
    again = front.get("/proc/resize/w_20/a.jpg")
    assert (first.headers["X-Cache"], again.headers["X-Cache"]) == ("MISS", "HIT")
    assert behind.calls == []
    assert again.body == first.body
    for name in ("ETag", "Content-Type", "Cache-Control", "X-Content-Type-Options", "Content-Security-Policy"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["Access-Control-Allow-Origin"] == "*"
    unchanged = front.get("/proc/resize/w_20/a.jpg", **{"If-None-Match": first.headers["ETag"]})
    assert (unchanged.status, behind.calls) == (304, [])


@pytest.mark.parametrize("first", [CHROME, SAFARI, "image/webp,*/*", "*/*", "image/webp;q=0.9,image/avif;q=0.1"])
def test_every_accept_gets_what_the_server_itself_would_give(front: Target, behind: Target, first: str):
    accepts = [first, CHROME, SAFARI, "image/avif", "image/webp", "image/png,*/*;q=0.5", "", "image/avif;q=0, */*"]
    accepts += ["image/webp;q=0.9,image/avif;q=0.1", "image/avif;q=0.1,image/webp", "text/html"]
    target = f"/proc/resize/w_{20 + len(first)}/format/auto/a.jpg"
    for _ in range(2):
        for accept in accepts:
            assert front.get(target, Accept=accept).body == behind.get(target, Accept=accept).body, accept


def test_the_file_of_a_kept_picture_is_where_the_notes_on_purging_say(front: Target, nginx_folder: Path):
    target = "/proc/resize/w_11/a.jpg"
    assert front.get(target).status == 200
    name = hashlib.md5(f"{target}|*/*|".encode()).hexdigest()
    (nginx_folder / "cache" / name[-1] / name[-3:-1] / name).unlink()
    assert front.get(target).headers["X-Cache"] == "MISS"


def test_an_error_is_never_kept(front: Target, behind: Target):
    assert front.get("/proc/later.jpg").status == 404
    behind.keep("later.jpg", jpeg())
    assert front.get("/proc/later.jpg").status == 200
    assert front.get("/proc/rotate/x/a.jpg").status == 400
    assert front.get("/proc/rotate/x/a.jpg").headers["X-Cache"] != "HIT"


def test_a_picture_that_is_deleted_goes_from_the_cache_too(front: Target, behind: Target):
    behind.keep("gone.jpg", jpeg())
    assert front.get("/proc/resize/w_9/gone.jpg").status == 200
    admin = {"Authorization": "Bearer admin"}
    assert front.server.ask("/upload/gone.jpg", "DELETE", headers=admin).status == 204
    time.sleep(4.1)  # the shortened minute, and a clock of whole seconds
    for _ in range(3):
        assert front.get("/proc/resize/w_9/gone.jpg").status == 404


def test_a_signed_url_is_never_kept_and_its_raw_path_arrives(front: Target, behind: Target):
    behind.keep("图.jpg", jpeg())
    url = sign("/proc/resize/w_7/%E5%9B%BE.jpg", "a", SECRET, int(time.time()) + 2)
    assert front.get(url).status == front.get("/2016-08-15/proxy/pydemo" + url).status == 200
    assert front.get(url).headers["X-Cache"] == "BYPASS"
    assert front.get(url.replace("w_7", "w_8")).status == 403
    time.sleep(2.1)
    assert front.get(url).status == 403


@pytest.mark.parametrize(
    "path", ["/proc//a", "/proc/%2e%2e/a", "/proc/a/../a.jpg", "/proc/a%5cb", "/proc/a%00", "/proc/a//b"]
)
def test_a_bad_key_is_refused_through_the_proxy_too(front: Target, behind: Target, path: str):
    behind.forget()
    assert front.get(path).status == 400
    assert behind.calls == []


@pytest.mark.parametrize("path", ["/metrics", "//metrics", "/%6detrics", "/x/../metrics"])
def test_the_metrics_stay_inside(front: Target, path: str):
    answer = front.get(path)
    assert answer.status in (403, 404), answer.body
    assert b"imgfn_" not in answer.body


def test_long_headers_and_large_bodies_end_at_the_proxy(front: Target, behind: Target):
    behind.forget()
    assert front.get("/proc/a.jpg", X=("a" * 40_000)).status == 400
    assert front.get("/proc/" + "a" * 9000).status == 414
    head = b"PUT /upload/x.jpg HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n"
    assert front.send(head).status == 413
    assert behind.calls == []


def test_an_upload_goes_through(front: Target):
    headers = {"Authorization": "Bearer token"}
    assert front.server.ask("/upload/through.jpg", "PUT", jpeg(side=999, quality=100), headers).status == 201
    assert front.server.ask("/upload/through.jpg", "PUT", jpeg(), {"Authorization": "x"}).status == 403


def await_connections(port: int, many: int) -> None:
    """Until that many connections to `port` are open, by the kernel's own table."""
    for _ in range(200):
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        if sum(fields[1].endswith(f":{port:04X}") and fields[3] == "01" for fields in lines) >= many:
            return
        time.sleep(0.05)
    raise AssertionError(f"there were never {many} connections")


def p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98]


@pytest.mark.hard
@pytest.mark.parametrize("kind", ["-H", "-B", "-X"], ids=["headers", "bodies", "reading"])
def test_a_good_client_does_not_wait_for_200_slow_ones(front: Target, behind: Target, kind: str, tmp_path: Path):
    slow_clients = tool("slowhttptest")
    place = "upload/slow.jpg" if kind == "-B" else "proc/a.jpg"
    url = f"http://127.0.0.1:{front.server.port}/{place}"
    order = [slow_clients, kind, "-c", "200", "-r", "200", "-i", "3", "-l", "20", "-u", url, "-s", "8192", "-k", "3"]
    slow = subprocess.Popen(order, stdout=(tmp_path / "slow").open("wb"), stderr=subprocess.STDOUT)
    try:
        await_connections(front.server.port, 200)
        taken = []
        for number in range(200):
            begun = time.monotonic()
            assert front.get(f"/proc/resize/w_{number % 50 + 1}/a.jpg").status == 200
            taken.append(time.monotonic() - begun)
    finally:
        slow.terminate()
        slow.wait()
    print(f"a good client's p99 beside 200 slow connections: {p99(taken) * 1000:.0f} ms")
    assert p99(taken) < 1
