"""One pool serves all processes of a machine: it starts by itself, bounds what runs and waits, and ends by itself."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from structlog.testing import capture_logs

from imgfn.core.faults import SlowDown, StoreUnavailable
from imgfn.core.plan import parse_path
from imgfn.imaging.limits import Limits
from imgfn.renderpool.protocol import BEGIN, Job, Reply, load_header, send_job
from imgfn.renderpool.worker import answer
from tests.rendering.conftest import ask, children, clock, events, hold, masters, wait_until

# A client process: prints what `clock` answers to each of its threads, then waits until its stdin is closed.
CLIENT = """
import io, json, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from imgfn.imaging.limits import Limits
from imgfn.renderpool.client import ProcessRenderer
from tests.rendering.conftest import ask, clock, picture

folder, threads, milliseconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
renderer = ProcessRenderer(Limits(), Path(folder), 2, 100, 5.0, 1 << 30, 500)
with ThreadPoolExecutor(threads) as many:
    answers = many.map(lambda _: ask(renderer, io.BytesIO(picture("red")), clock(milliseconds)), range(threads))
    told = [json.loads(answer.body) for answer in answers]
print(json.dumps({"jobs": told, "pyvips": "pyvips" in sys.modules}), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def client(plugin, runtime_dir):
    """Starts a client process with so many threads, each with one job of so many milliseconds."""
    started = []

    def start(threads, milliseconds):
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", CLIENT, str(runtime_dir), str(threads), str(milliseconds)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), str(plugin)])},
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()
    wait_until(lambda: not masters(runtime_dir), "the pool has gone")


def test_clients_that_start_at_once_share_one_pool_and_its_processes(client):
    told = [json.loads(process.stdout.readline()) for process in [client(3, 100) for _ in range(3)]]
    jobs = [job for answer in told for job in answer["jobs"]]
    assert len(jobs) == 9
    assert len({job["pool"] for job in jobs}) == 1
    assert len({job["process"] for job in jobs}) == 2
    for job in jobs:
        assert sum(other["begun"] <= job["begun"] < other["ended"] for other in jobs) <= 2


def test_a_client_never_loads_libvips(client):
    assert json.loads(client(1, 0).stdout.readline())["pyvips"] is False


def test_the_pool_lives_as_long_as_its_last_client(client, runtime_dir):
    first, second = client(1, 0), client(1, 0)
    first.stdout.readline()
    second.stdout.readline()
    (master,) = masters(runtime_dir)
    first.kill()
    first.wait()
    assert masters(runtime_dir) == [master]
    assert children(master)
    second.kill()
    wait_until(lambda: not masters(runtime_dir), "the pool has gone")
    assert not children(master)


def test_the_pool_does_not_heed_a_sigterm_to_the_whole_unit(pool, source, runtime_dir):
    renderer = pool()
    ask(renderer, source, clock(0))
    (master,) = masters(runtime_dir)
    with ThreadPoolExecutor() as threads:
        last = threads.submit(ask, renderer, source, clock(500))
        for pid in (master, *children(master)):
            os.kill(pid, signal.SIGTERM)
        assert last.result().body
    assert masters(runtime_dir) == [master]


def test_a_full_queue_is_told_at_once_and_costs_no_job_that_waits(pool, source):
    renderer = pool(processes=1, queue=2)
    ask(renderer, source, clock(0))
    with ThreadPoolExecutor(8) as threads:
        jobs = [threads.submit(ask, renderer, io.BytesIO(source.getvalue()), hold(600)) for _ in range(8)]
        refused = [job.exception() for job in jobs if job.exception()]
    assert len(jobs) - len(refused) == 3
    assert all(isinstance(fault, SlowDown) and int(fault.headers["Retry-After"]) > 0 for fault in refused)


@pytest.fixture
def two_slots(pool, source, runtime_dir, monkeypatch):
    """Clients in the first and in the second slot of a pool of two processes, which are there."""
    renderers = []
    for slot in ("0", "1"):
        monkeypatch.setenv("IMGFN_WORKER_SLOT", slot)
        renderers.append(pool(processes=2, queue=40))
        ask(renderers[-1], source, clock(0))
    (master,) = masters(runtime_dir)
    wait_until(lambda: len(children(master)) == 2, "all processes are there")
    return renderers


def test_who_waits_for_a_busy_process_gets_the_other_in_turn(two_slots, source):
    def tell(renderer, plan):
        return json.loads(ask(renderer, io.BytesIO(source.getvalue()), plan).body)

    first, second = two_slots
    with ThreadPoolExecutor(20) as threads:
        busy = threads.submit(tell, first, clock(3000))
        time.sleep(0.2)
        others = [threads.submit(tell, second, clock(100)) for _ in range(10)]
        time.sleep(0.2)
        late = threads.submit(tell, first, clock(0)).result()
        assert sum(job.result()["ended"] <= late["begun"] for job in others) <= 5
        assert late["ended"] < busy.result()["ended"]


def test_a_process_counts_as_free_before_anybody_has_its_answer(source):
    ours, theirs = socket.socketpair()
    with ours, theirs, (memory := tempfile.TemporaryFile()):
        memory.write(source.getvalue())
        memory.flush()
        send_job(ours, Job(None, Limits(), len(source.getvalue())).dump(), memory.fileno(), [])
        there = []
        answer(theirs, 1, lambda: there.append(ours.recv(1000)))
        theirs.close()
        assert [len(words) for words in there] == [BEGIN.size]
        assert load_header(*Reply(ours).receive_rest(0)).format.name == "png"


def test_an_empty_queue_takes_as_many_at_once_as_there_are_processes(pool, source, runtime_dir):
    renderer = pool(processes=2, queue=1)
    ask(renderer, source, clock(0))
    (master,) = masters(runtime_dir)
    wait_until(lambda: len(children(master)) == 2, "all processes are there")
    with ThreadPoolExecutor(2) as threads:
        jobs = [threads.submit(ask, renderer, io.BytesIO(source.getvalue()), hold(300)) for _ in range(2)]
        assert all(job.result().body for job in jobs)


def test_threads_that_start_at_once_start_one_pool(pool, source, runtime_dir):
    renderers = [pool(queue=20) for _ in range(10)]
    together = Barrier(10)

    def begin(renderer):
        together.wait()
        return json.loads(ask(renderer, io.BytesIO(source.getvalue()), clock(0)).body)["pool"]

    with ThreadPoolExecutor(10) as threads:
        assert len(set(threads.map(begin, renderers))) == 1
    assert len(masters(runtime_dir)) == 1


def test_a_client_that_goes_away_leaves_its_process_free(pool, source, runtime_dir):
    renderer = pool()
    ask(renderer, source, clock(0))
    (path,) = runtime_dir.glob("*/socket.*")
    with socket.socket(socket.AF_UNIX) as half:
        half.connect(str(path))
        half.sendall(b"POST / HT")
    assert ask(renderer, source, clock(0)).body


def test_a_folder_that_was_swept_is_made_anew(pool, source, runtime_dir):
    renderer = pool()
    first = ask(renderer, source, clock(0)).body
    for path in runtime_dir.rglob("*"):
        if not path.is_dir():
            path.unlink()
    assert ask(renderer, source, clock(0)).body != first
    wait_until(lambda: len(masters(runtime_dir)) == 1, "the pool without a socket has gone")


def test_a_folder_that_others_may_enter_is_refused(pool, runtime_dir):
    pool()
    (folder,) = runtime_dir.iterdir()
    folder.chmod(0o755)
    with pytest.raises(RuntimeError, match="nobody else"):
        pool()
    folder.chmod(0o700)


def test_where_no_pool_can_start_callers_may_try_again_and_the_log_says_why(pool, source, plugin):
    renderer = pool(memory_bytes=1 << 20)
    with capture_logs() as logs, pytest.raises(SlowDown) as caught:
        ask(renderer, source, clock(0))
    assert caught.value.headers["Retry-After"]
    assert any(line["event"] == "renderers_do_not_start" for line in logs)


def test_a_source_on_disk_gives_what_one_in_memory_gives(pool, source, tmp_path):
    renderer = pool()
    plan, _ = parse_path("resize/w_20")
    path = tmp_path / "source.png"
    path.write_bytes(source.getvalue())
    with path.open("rb") as file:
        file.read(7)
        assert ask(renderer, file, plan).body == ask(renderer, source, plan).body


def test_a_source_that_was_cut_short_meanwhile_is_told(pool, source, lines):
    renderer = pool()
    with pytest.raises(StoreUnavailable, match="shorter"):
        renderer.inspect(source, len(source.getvalue()) + 1)
    assert renderer.inspect(source, len(source.getvalue())).size == (40, 30)
    assert events(lines) == []


def test_a_header_comes_back_whole(pool, source):
    header = pool().inspect(source, len(source.getvalue()))
    assert (header.format.name, header.size, header.frames) == ("png", (40, 30), 1)
