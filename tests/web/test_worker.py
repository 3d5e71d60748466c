import http.client
import os
import select
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.hostile.target import children
from tests.rendering.conftest import children as offspring
from tests.rendering.conftest import masters
from tests.s3_stub import SIZE, breaking_store
from tests.servers import Server, serving

LARGE = b"GIF89a" + os.urandom(8 << 20)  # more than sockets hold
KEPT = "/proc/resize/w_9/a.png"
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


def test_who_does_not_close_a_closed_connection_keeps_nobody_from_their_answer(server: Server):
    with ExitStack() as stack:
        quick = connected(server, stack)
        for _ in range(3):
            connection = connected(server, stack)
            connection.sendall(ASKED.replace(b"Host: x", b"Host: x\r\nConnection: close"))
            answered(connection)
        quick.settimeout(5)  # gthread's main loop would wait two seconds for each of them to close
        quick.sendall(ASKED)
        answered(quick)


def test_a_caller_who_goes_away_takes_no_thread_along(server: Server):
    for _ in range(20):  # five times as many as there are threads
        with ExitStack() as stack:
            connection = connected(server, stack)
            connection.sendall(b"GET /proc/large.gif HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.recv(20)
    assert server.ask("/healthz").status == 200


def test_a_store_that_breaks_off_in_the_middle_of_an_answer_costs_no_thread(tmp_path: Path):
    with breaking_store() as endpoint:
        s3 = {"store": "minio", "s3_endpoint": endpoint, "s3_secure": "0", "s3_access_key": "a", "s3_secret_key": "b"}
        with serving(tmp_path, workers="1", threads="4", result_store="folder", **s3) as server:
            for _ in range(100):
                with pytest.raises(http.client.IncompleteRead) as cut:
                    server.ask("/proc/large.gif")
                assert 0 < len(cut.value.partial) < SIZE
            assert server.ask("/healthz").status == 200
            assert server.stop() == 0
        assert "Traceback" not in server.log
        assert server.log.count('"answer_cut_off"') == 100


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


def test_connections_without_a_request_hold_no_thread(server: Server):
    with ExitStack() as stack:
        idle = [connected(server, stack) for _ in range(20)]
        quick = connected(server, stack)
        for _ in range(3):
            quick.sendall(ASKED)
            quick.settimeout(4)  # gthread's threads would wait for five seconds each
            answered(quick)
        for connection in idle:
            connection.sendall(ASKED)
            answered(connection)


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[Server]:
    """A server that has kept one result, and whose only renderer stands still: two jobs can wait for it."""
    (tmp_path / "data" / "sources").mkdir(parents=True)
    (tmp_path / "data" / "sources" / "a.png").write_bytes(SCENE.read_bytes())
    one = {"workers": "1", "threads": "8", "render_processes": "1", "render_queue": "2", "render_wait_seconds": "2"}
    with serving(tmp_path, **one) as server:
        assert server.ask(KEPT).status == 200
        (renderer,) = offspring(*masters((tmp_path / "runtime").resolve()))
        os.kill(renderer, signal.SIGSTOP)
        try:
            yield server
        finally:
            os.kill(renderer, signal.SIGCONT)


def test_kept_results_are_served_while_renders_wait(stopped: Server):
    with ExitStack() as stack:
        makes = [connected(stopped, stack) for _ in range(5)]
        for width, connection in enumerate(makes, 10):
            ask(connection, f"/proc/resize/w_{width}/a.png")
        quick = connected(stopped, stack)
        for _ in range(20):
            ask(quick, KEPT)
            assert status(quick) == 200
        assert select.select(makes, [], [], 0)[0] == []  # they still wait: nobody was refused at once


def test_who_waits_for_a_renderer_in_vain_is_refused(stopped: Server):
    with ExitStack() as stack:
        makes = [connected(stopped, stack) for _ in range(5)]
        for width, connection in enumerate(makes, 10):
            ask(connection, f"/proc/resize/w_{width}/a.png")
        for _ in range(3):  # three find no place
            (first, *_) = select.select(makes, [], [], 10)[0]
            answer, _ = answer_of(first)
            assert (answer.status, answer.getheader("Retry-After")) == (503, "1")
            makes.remove(first)
        (renderer,) = offspring(*masters((stopped.folder / "runtime").resolve()))
        os.kill(renderer, signal.SIGCONT)
        assert [status(connection) for connection in makes] == [200, 200]


def test_more_than_may_wait_are_refused_at_once(stopped: Server):
    with ExitStack() as stack:
        makes = [connected(stopped, stack) for _ in range(7)]  # one more than three quarters of the threads
        for width, connection in enumerate(makes, 10):
            ask(connection, f"/proc/resize/w_{width}/a.png")
        (refused,) = select.select(makes, [], [], 10)[0]
        answer, body = answer_of(refused)
        assert (answer.status, answer.getheader("Retry-After")) == (503, "1")
        assert b"too many renders are waiting" in body


def test_clients_who_ask_again_at_once_are_all_served(tmp_path: Path):
    (tmp_path / "data" / "sources").mkdir(parents=True)
    (tmp_path / "data" / "sources" / "a.png").write_bytes(SCENE.read_bytes())
    with serving(tmp_path, new_results_per_source="0", render_wait_seconds="60") as server:

        def flood(client: int) -> set[int]:
            return {server.ask(f"/proc/resize/w_{10 + client},h_{10 + number}/a.png").status for number in range(5)}

        with ThreadPoolExecutor(64) as clients:
            assert set().union(*clients.map(flood, range(64))) == {200}


def ask(connection: socket.socket, target: str) -> None:
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())


def answer_of(connection: socket.socket) -> tuple[http.client.HTTPResponse, bytes]:
    """The next answer on a connection, whole."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response, response.read()


def status(connection: socket.socket) -> int:
    return answer_of(connection)[0].status
