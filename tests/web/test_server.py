import io
import json
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from tests.servers import Answer, Minio, Server, serving


def draw(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((width, height), 80).convert("RGB").save(out, "PNG")
    return out.getvalue()


PICTURE = draw(64, 48)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as running:
        assert running.ask("/upload/a.png", "PUT", PICTURE).status == 201
        yield running


def test_it_is_alive_and_ready(server: Server):
    for target, words in (
        ("/healthz", b"alive\n"),
        ("/readyz", b"ready\n"),
        ("/healthz/stores", b"the stores answer\n"),
    ):
        answer = server.ask(target)
        assert (answer.status, answer.body) == (200, words)
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_server_without_its_store_is_alive_and_ready_and_says_which_store_is_away(tmp_path: Path):
    with serving(tmp_path, store="minio", s3_endpoint="http://127.0.0.1:1", s3_access_key="a",
                 s3_secret_key="b") as lonely:  # fmt: skip
        assert lonely.ask("/healthz").status == 200
        assert lonely.ask("/readyz").status == 200
        answer = lonely.ask("/healthz/stores")
        assert answer.status == 503
        told = json.loads(answer.body)
        assert told["code"] == "NotReady"
        assert "store of the sources" in told["detail"]
        assert lonely.ask("/proc/a.png").status == 502


def test_a_port_that_kubernetes_sets_for_a_service_is_left_aside(tmp_path: Path):
    with serving(tmp_path, port="tcp://10.96.0.7:80", runtime_dir=str(tmp_path / "r")) as server:
        assert server.ask("/healthz").status == 200
        assert "enableServiceLinks" in server.log


def test_a_runtime_folder_that_is_removed_while_running_is_made_again(tmp_path: Path):
    with serving(tmp_path, workers="1") as server:
        assert server.ask("/upload/a.png", "PUT", PICTURE).status == 201
        assert server.ask("/proc/resize/w_20/a.png").status == 200
        for folder in (tmp_path / "runtime").resolve().iterdir():
            shutil.rmtree(folder)
        assert server.ask("/proc/resize/w_21/a.png").status == 200
        assert server.ask("/metrics").status == 200
        assert server.ask("/readyz").status == 200
        old = workers_of(server)
        os.kill(old[0], signal.SIGKILL)
        for _ in range(200):
            if (now := workers_of(server)) and now != old:
                break
            time.sleep(0.05)
        assert server.ask("/proc/resize/w_22/a.png").status == 200


def workers_of(server: Server) -> list[int]:
    pid = server.process.pid
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_full_runtime_folder_ends_the_server_with_a_line_that_says_why(tmp_path: Path, small_disk: Path):
    with (small_disk / "full").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    with (
        pytest.raises(RuntimeError, match=r"runtime folder .* No space left on device.*IMGFN_RUNTIME_DIR"),
        serving(tmp_path, runtime_dir=str(small_disk)),
    ):
        pass


def test_the_whole_server_works_on_a_real_minio(tmp_path: Path, minio_server: Minio):
    bucket = f"web-{os.getpid()}"
    with serving(
        tmp_path,
        store="minio",
        s3_endpoint=minio_server.endpoint,
        s3_secure="false",
        s3_access_key=minio_server.access_key,
        s3_secret_key=minio_server.secret_key,
        s3_source_bucket=bucket,
        s3_result_bucket=f"{bucket}-results",
        s3_create_buckets="true",
    ) as server:
        assert server.ask("/readyz").status == 200
        assert server.ask("/upload/a/%E5%9B%BE.png", "PUT", PICTURE).status == 201
        made = server.ask("/proc/rotate/10/a/%E5%9B%BE.png")
        assert (made.status, made.headers["X-Imgfn-Result"]) == (200, "made")
        kept = ask_until_kept(server, "/proc/rotate/10/a/%E5%9B%BE.png")
        assert kept.body == made.body


def ask_until_kept(server: Server, target: str) -> Answer:
    """Results are put into the store after the answer."""
    while (answer := server.ask(target)).headers["X-Imgfn-Result"] == "made":
        pass
    return answer


@pytest.mark.parametrize(
    ("target", "method", "status", "code"),
    [
        ("/nothing/here", "GET", 404, "NotFound"),
        ("/healthz", "POST", 405, "MethodNotAllowed"),
        ("/healthz", "BREW", 405, "MethodNotAllowed"),
        ("/healthz//", "GET", 404, "NotFound"),  # not redirected
        ("/proc//a.png", "GET", 400, "InvalidArgument"),
        ("/process", "GET", 404, "NotFound"),  # not the function `proc`
        ("/%ff", "GET", 400, "InvalidArgument"),
        ("/" + "x" * 5000, "GET", 400, "BadRequest"),
    ],
)
def test_the_servers_own_refusals_are_problem_documents_too(
    server: Server, target: str, method: str, status: int, code: str
):
    answer = server.ask(target, method)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = json.loads(answer.body)
    assert (told["status"], told["code"]) == (status, code)
    assert told["request_id"] == answer.headers["X-Request-Id"]
    if status == 405:
        assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("target", ["/healthz", "/", "/nothing", "/proc/a.png", "/proc/nothing.png", "/robots.txt"])
def test_every_answer_is_protected_and_named(server: Server, target: str):
    headers = server.ask(target, headers={"X-Request-Id": "mine"}).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Request-Id"] == "mine"
    assert headers["X-Imgfn-Version"]


def test_an_id_that_could_break_a_log_is_replaced(server: Server):
    answer = server.ask("/healthz", headers={"X-Request-Id": 'a"b c'})
    assert re.fullmatch(r"[0-9a-f]{24}", answer.headers["X-Request-Id"])


def test_no_header_changes_the_path_or_the_scheme(server: Server):
    told = {"SCRIPT_NAME": "/proc", "PATH_INFO": "/proc/a.png", "X-Forwarded-Proto": "https", "X-Forwarded-SSL": "off"}
    answer = server.ask("/healthz", headers=told)
    assert (answer.status, answer.body) == (200, b"alive\n")


def test_operations_json_lists_the_operations(server: Server):
    listed = json.loads(server.ask("/operations.json").body)
    assert "rotate" in [operation["name"] for operation in listed["operations"]]


def test_robots_are_kept_away(server: Server):
    assert b"Disallow: /" in server.ask("/robots.txt").body


def test_sigterm_finishes_what_is_in_flight(tmp_path: Path):
    large = draw(1500, 1500)
    with serving(tmp_path, workers="1") as server:
        assert server.ask("/upload/large.png", "PUT", large).status == 201
        answers: list[Answer] = []

        def ask() -> None:
            answers.append(server.ask("/proc/rotate/33/blur/r_50,s_50/format/png/large.png"))

        asking = threading.Thread(target=ask)
        asking.start()
        while "imgfn_renders 1.0" not in server.ask("/metrics").body.decode():
            assert asking.is_alive(), "the render was over before it could be interrupted"
        assert server.stop(signal.SIGTERM) == 0
        asking.join()
    assert answers[0].status == 200
    assert Image.open(io.BytesIO(answers[0].body)).width > 1500
    assert (tmp_path / "data" / "results" / "large.png").is_dir()  # the result was kept, too


def test_nothing_is_left_in_the_runtime_folder_but_what_is_shared(tmp_path: Path):
    with serving(tmp_path) as server:
        metrics = next((tmp_path / "runtime").glob("imgfn-*-metrics"))
        assert [int(folder.name) for folder in metrics.iterdir()] == [server.process.pid]
        killed = metrics / "999999999"  # a server that was killed
        killed.mkdir()
        server.stop()
        assert [folder.name for folder in metrics.iterdir()] == [killed.name]
    with serving(tmp_path):
        assert not killed.exists()


def test_gunicorns_own_lines_are_json_and_there_is_no_access_log(server: Server):
    server.ask("/healthz?secret=do-not-log")
    lines = [json.loads(line) for line in server.log.splitlines()]
    assert any("Listening at" in line["event"] for line in lines)
    assert "do-not-log" not in server.log
