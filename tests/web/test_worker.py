import os
import select
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.hostile.target import children
from tests.rendering.conftest import children as offspring
from tests.rendering.conftest import masters, wait_until
from tests.servers import Server, serving

LARGE = b"GIF89a" + os.urandom(8 << 20)  # more than sockets hold
SCENE = Path(__file__).parents[1] / "scene.png"
ASKED = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "data" / "sources").mkdir(parents=True)
    (folder / "data" / "sources" / "large.gif").write_bytes(LARGE)
    with serving(folder, workers="1", threads="4") as running:
        yield running


def connected(server: Server, stack: ExitStack) -> socket.socket:
    return stack.enter_context(socket.create_connection((server.host, server.port), timeout=10))


def answered(connection: socket.socket, times: int = 1) -> None:
    got = b""
    while got.count(b"alive\n") < times:
        chunk = connection.recv(65536)
        assert chunk, got
        got += chunk
    assert got.count(b"HTTP/1.1 200 ") == times


def test_half_a_request_keeps_nobody_from_theirs(server: Server):
    with ExitStack() as stack:
        slow, quick = connected(server, stack), connected(server, stack)
        slow.sendall(ASKED[:20])
        for _ in range(20):
            quick.sendall(ASKED)
            answered(quick)
        slow.sendall(ASKED[20:])
        answered(slow)


def test_who_does_not_read_keeps_nobody_from_their_answer(server: Server):
    with ExitStack() as stack:
        idle = [connected(server, stack) for _ in range(3)]
        for connection in idle:
            connection.sendall(b"GET /proc/large.gif HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert connection.recv(20).startswith(b"HTTP/1.1 200 ")
        quick = connected(server, stack)
        for _ in range(20):
            quick.sendall(ASKED)
            answered(quick)
        for connection in idle:
            rest = b""
            while chunk := connection.recv(1 << 20):
                rest += chunk
            assert rest.endswith(LARGE)


def test_more_connections_than_threads_are_kept(server: Server):
    with ExitStack() as stack:
        many = [connected(server, stack) for _ in range(100)]
        for _ in range(3):
            for connection in many:
                connection.sendall(ASKED)
            for connection in many:
                answered(connection)


def test_requests_that_come_at_once_on_one_connection_are_all_answered(server: Server):
    with ExitStack() as stack:
        connection = connected(server, stack)
        connection.sendall(3 * ASKED)
        answered(connection, 3)
        connection.sendall(ASKED)
        answered(connection)


def test_a_body_that_nobody_reads_is_no_request_and_holds_no_thread(server: Server):
    bodies = ((b"GET /nothing HTTP/1.1\r\n\r\n",), (b"GET /noth", b"ing HTTP/1.1\r\n\r\n"), (b"x" * 50_000,))
    with ExitStack() as stack:
        many = [connected(server, stack) for _ in range(6)]
        for body in bodies:
            length = sum(map(len, body))
            for connection in many:
                connection.sendall(ASKED.replace(b"Host: x", b"Host: x\r\nContent-Length: %d" % length))
                for part in body:
                    time.sleep(0.02)
                    connection.sendall(part)
                answered(connection)
        for connection in many:
            connection.sendall(ASKED)
            answered(connection)


def test_an_answer_without_a_body_does_not_wait_for_one(server: Server):
    with ExitStack() as stack:
        connection = connected(server, stack)
        connection.sendall(ASKED.replace(b"GET", b"HEAD"))
        assert connection.recv(65536).endswith(b"\r\n\r\n")
        connection.sendall(b"OPTIONS /proc/a HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 204 ")


def test_a_connection_that_is_to_be_closed_is_closed(server: Server):
    with ExitStack() as stack:
        connection = connected(server, stack)
        connection.sendall(ASKED.replace(b"Host: x", b"Host: x\r\nConnection: close"))
        answered(connection)
        assert connection.recv(1) == b""


def test_a_caller_who_goes_away_takes_no_thread_along(server: Server):
    for _ in range(20):  # five times as many as there are threads
        with ExitStack() as stack:
            connection = connected(server, stack)
            connection.sendall(b"GET /proc/large.gif HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.recv(20)
    assert server.ask("/healthz").status == 200


def test_a_worker_that_stops_closes_what_it_keeps(tmp_path: Path):
    with serving(tmp_path, workers="1") as server, ExitStack() as stack:
        connection = connected(server, stack)
        connection.sendall(ASKED)
        answered(connection)
        assert server.stop() == 0
        assert connection.recv(1) == b""


def test_a_worker_that_has_answered_its_share_is_replaced_and_nobody_notices(tmp_path: Path):
    share = ("--max-requests", "3", "--max-requests-jitter", "0")
    with serving(tmp_path, "--config", "python:imgfn.server.config", *share, workers="1") as server:
        first = children(server.process.pid)
        assert {server.ask("/healthz").status for _ in range(20)} == {200}
        assert not set(first) & set(children(server.process.pid))


def test_who_is_answered_at_once_is_heard_at_once_while_the_refused_are_heard_together(tmp_path: Path):
    (tmp_path / "data" / "sources").mkdir(parents=True)
    (tmp_path / "data" / "sources" / "a.png").write_bytes(SCENE.read_bytes())
    one = {"workers": "1", "render_processes": "1", "render_queue": "1"}
    with serving(tmp_path, **one) as server, ExitStack() as stack:
        quick, made, queued, refused = (connected(server, stack) for _ in range(4))
        assert server.ask("/proc/resize/w_9/a.png").status == 200
        (renderer,) = offspring(*masters(tmp_path))
        ask(quick, "/healthz")
        assert status(quick) == 200
        os.kill(renderer, signal.SIGSTOP)
        try:
            ask(made, "/proc/resize/w_10/a.png")
            time.sleep(2)  # the longer a job has waited, the longer nobody tries
            os.kill(renderer, signal.SIGCONT)
            assert status(made) == 200
            os.kill(renderer, signal.SIGSTOP)
            ask(queued, "/proc/resize/w_11/a.png")
            ask(refused, "/proc/resize/w_12/a.png")
            assert status(refused) == 503
            first = []
            for width in range(13, 18):
                time.sleep(0.01)
                ask(refused, f"/proc/resize/w_{width}/a.png")
                ask(quick, "/healthz")
                first.append(select.select([quick, refused], [], [])[0] == [quick])
                assert (status(quick), status(refused)) == (200, 503)
        finally:
            os.kill(renderer, signal.SIGCONT)
        assert sum(first) >= 4
        assert status(queued) == 200


def ask(connection: socket.socket, target: str) -> None:
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())


def status(connection: socket.socket) -> int:
    return int(connection.recv(65536).split()[1])


def test_workers_take_as_many_connections_each(tmp_path: Path):
    with serving(tmp_path, workers="2", render="inline") as server, ExitStack() as stack:
        workers = children(server.process.pid)
        wait_until(lambda: min(map(threads, workers)) > 4, "all workers are ready")
        before = [sockets(pid) for pid in workers]
        for _ in range(12):
            connection = connected(server, stack)
            connection.sendall(ASKED)
            answered(connection)
        got = [sockets(pid) - known for pid, known in zip(workers, before, strict=True)]
        assert min(got) >= 5  # a probe's may have been closed meanwhile


def sockets(pid: int) -> int:
    targets = (entry.readlink() for entry in Path(f"/proc/{pid}/fd").iterdir())
    return sum(target.name.startswith("socket:") for target in targets)


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


@pytest.mark.parametrize("more", [0, 1])
def test_one_worker_and_one_render_process_for_each_core_keep_to_it(tmp_path: Path, more: int):
    cores = sorted(os.sched_getaffinity(0))
    kept = [[core] for core in cores] if not more else [cores] * (len(cores) + 1)
    with serving(tmp_path, workers=str(len(kept)), render_processes=str(len(kept))) as server:
        wait_until(lambda: affinities(server.process.pid) == kept, f"workers on {kept}")
        wait_until(lambda: [affinities(pid) for pid in masters(server.folder)] == [kept], f"renderers on {kept}")


def affinities(parent: int) -> list[list[int]]:
    return sorted(sorted(os.sched_getaffinity(pid)) for pid in offspring(parent))
