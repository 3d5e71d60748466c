"""Bad days: processes that are killed, disks that are full, servers that are told to stop, always under load."""

import hashlib
import itertools
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from imgfn.stores.folder.store import FolderStore
from tests.hostile.storm import PICTURE, Storm, render_children
from tests.hostile.target import children
from tests.servers import Minio, Server, open_bucket, serving

VICTIMS: dict[str, Callable[[Server], list[int]]] = {
    "worker": lambda server: children(server.process.pid)[:1],
    "render child": lambda server: render_children(server)[:1],
    "master": lambda server: [server.process.pid],
}


def kill_in_a_storm(storm: Storm, folder: Path, victim: str, seconds: float, **settings: str) -> None:
    with serving(folder, **settings) as server:
        with storm.blowing(server):
            time.sleep(seconds)
            for pid in VICTIMS[victim](server):
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.3)
        if victim != "master":
            assert server.ask("/upload/alive.jpg", "PUT", PICTURE).status in (200, 201)
        else:
            end_orphans(server)


def end_orphans(server: Server) -> None:
    """Workers see that their master is gone at their next look."""
    server.process.wait()


def check_store(storm: Storm, folder: Path, **settings: str) -> None:
    """After a new start: each 201 is readable, nothing is half, and nothing temporary is left."""
    with serving(folder, **settings) as server:
        for key, digest in storm.told.stored.items():
            answer = server.ask(f"/proc/{key}")
            assert (answer.status, hashlib.sha256(answer.body).hexdigest()) == (200, digest), key
        assert server.ask("/upload/last.jpg", "PUT", PICTURE).status in (200, 201)
        if settings.get("store") != "minio":
            check_folder(storm, folder / "data")


def check_kills(storm: Storm) -> None:
    """Who is answered hears of success, of a picture whose renderer died, or of another try; of a bug never."""
    counts = Counter(storm.told.statuses)
    print(f"{len(storm.told.stored)} of {len(storm.told.sent)} uploads got 201; statuses {dict(counts)}")
    assert set(counts) <= {201, 422, 503}


def check_folder(storm: Storm, data: Path) -> None:
    store = FolderStore(data / "sources")
    for stat in store.list("storm/"):
        with store.open(stat.key) as opened:
            assert hashlib.sha256(opened.body.read()).hexdigest() == storm.told.sent[stat.key], f"half of {stat.key}"
    assert list((data / "sources.tmp").iterdir()) == list((data / "results.tmp").iterdir()) == []


def test_no_kill_in_an_upload_storm_loses_or_halves_a_picture(tmp_path: Path):
    storm = Storm()
    for victim in VICTIMS:
        kill_in_a_storm(storm, tmp_path, victim, seconds=0.5)
    assert storm.told.stored
    check_kills(storm)
    check_store(storm, tmp_path)


@pytest.mark.hard
def test_no_kill_of_20_rounds_on_the_folder_loses_a_picture(tmp_path: Path):
    storm = Storm()
    for number, victim in zip(range(20), itertools.cycle(VICTIMS), strict=False):
        kill_in_a_storm(storm, tmp_path, victim, seconds=0.2 + number / 20)
        if number % 5 == 4:
            check_store(storm, tmp_path)
    check_kills(storm)
    check_store(storm, tmp_path)


@pytest.mark.hard
def test_no_kill_of_20_rounds_on_minio_loses_a_picture(tmp_path: Path, minio_server: Minio):
    storm = Storm()
    settings = {
        "store": "minio",
        "s3_endpoint": minio_server.endpoint,
        "s3_access_key": minio_server.access_key,
        "s3_secret_key": minio_server.secret_key,
        "s3_secure": "0",
        "s3_create_buckets": "1",
        "s3_source_bucket": "storm-sources",
        "s3_result_bucket": "storm-results",
    }
    for number, victim in zip(range(20), itertools.cycle(VICTIMS), strict=False):
        kill_in_a_storm(storm, tmp_path, victim, seconds=0.2 + number / 20, **settings)
    check_kills(storm)
    check_store(storm, tmp_path, **settings)
    store = open_bucket(minio_server, bucket="storm-sources")
    for stat in store.list("storm/"):
        with store.open(stat.key) as opened:
            assert hashlib.sha256(opened.body.read()).hexdigest() == storm.told.sent[stat.key]


def stop_in_a_storm(folder: Path, rounds: int) -> Storm:
    storm = Storm()
    for number in range(rounds):
        with serving(folder) as server:
            assert server.ask("/upload/lena.jpg", "PUT", PICTURE).status in (200, 201)
            with storm.blowing(server, uploads=3, readers=3):
                time.sleep(0.3 + number / 10)
                assert server.stop() == 0
    return storm


def check_stops(storm: Storm, folder: Path) -> None:
    assert storm.told.cut == []
    assert storm.told.silent == 0
    assert set(storm.told.statuses) == {200, 201}
    check_store(storm, folder)


def test_a_stop_under_load_cuts_no_answer(tmp_path: Path):
    check_stops(stop_in_a_storm(tmp_path, 1), tmp_path)


def test_what_waits_at_the_door_when_the_stop_comes_is_answered(tmp_path: Path):
    with serving(tmp_path) as server, ExitStack() as stack:
        assert server.ask("/upload/lena.jpg", "PUT", PICTURE).status in (200, 201)
        workers = children(server.process.pid)
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)  # now connections can only wait in the kernel's queue
        request = b"GET /proc/lena.jpg HTTP/1.1\r\nHost: x\r\n\r\n"
        waiting = [stack.enter_context(socket.create_connection((server.host, server.port))) for _ in range(20)]
        for connection in waiting:
            connection.sendall(request)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        for connection in waiting:
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        assert server.process.wait(30) == 0


@pytest.mark.hard
def test_ten_stops_under_load_cut_no_answer(tmp_path: Path):
    storm = stop_in_a_storm(tmp_path, 10)
    print(f"{len(storm.told.statuses)} answers, {storm.told.refused} refused at the door")
    check_stops(storm, tmp_path)


def limit_workers(server: Server, what: int, value: int) -> None:
    for pid in children(server.process.pid):
        _, most = resource.prlimit(pid, what)
        resource.prlimit(pid, what, (value, most))


def fill(disk: Path) -> None:
    with (disk / "ballast").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def ask_for_all(server: Server, key: str) -> set[int]:
    plans = ("", "resize/w_9/", "resize/w_8/", "info/")  # an original, a kept result, and new ones
    return {server.ask(f"/proc/{plan}{key}").status for plan in plans}


def test_a_full_disk_refuses_uploads_serves_on_and_heals(tmp_path: Path, small_disk: Path):
    with serving(tmp_path, folder=str(small_disk / "data")) as server:
        assert server.ask("/upload/lena.jpg", "PUT", PICTURE).status == 201
        assert server.ask("/proc/resize/w_9/lena.jpg").status == 200
        fill(small_disk)
        refused = server.ask("/upload/b.jpg", "PUT", PICTURE)
        assert (refused.status, b"StoreFull" in refused.body) == (507, True)
        assert ask_for_all(server, "lena.jpg") == {200}
        assert server.ask("/proc/b.jpg").status == 404
        (small_disk / "ballast").unlink()
        assert server.ask("/upload/b.jpg", "PUT", PICTURE).status == 201
        assert list((small_disk / "data" / "sources.tmp").iterdir()) == []


def test_a_read_only_disk_refuses_uploads_serves_on_and_heals(tmp_path: Path, small_disk: Path):
    with serving(tmp_path, folder=str(small_disk / "data"), admin_token="admin") as server:
        assert server.ask("/upload/lena.jpg", "PUT", PICTURE, {"Authorization": "Bearer admin"}).status == 201
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
        refused = server.ask("/upload/b.jpg", "PUT", PICTURE)
        assert (refused.status, b"StoreReadOnly" in refused.body) == (503, True)
        assert ask_for_all(server, "lena.jpg") == {200}
        subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
        assert server.ask("/upload/b.jpg", "PUT", PICTURE).status == 201


FEW_DESCRIPTORS = ("sh", "-c", 'ulimit -Sn 64 && exec "$@"', "sh", sys.executable, "-P", "-m", "imgfn.server")


def test_with_64_descriptors_every_request_is_answered(tmp_path: Path):
    storm = Storm()
    with serving(tmp_path, command=FEW_DESCRIPTORS) as server:
        assert resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)[0] == 64
        workers = children(server.process.pid)
        assert server.ask("/upload/lena.jpg", "PUT", PICTURE).status == 201
        with storm.blowing(server, uploads=8, readers=24):
            time.sleep(1)
        assert (storm.told.cut, storm.told.silent) == ([], 0)
        assert {200, 201} <= set(storm.told.statuses) <= {200, 201, 503}
        assert server.ask("/upload/b.jpg", "PUT", PICTURE).status == 201
        assert children(server.process.pid) == workers
    check_store(storm, tmp_path)


def test_descriptors_that_run_out_under_way_come_back(tmp_path: Path):
    storm = Storm()
    with serving(tmp_path) as server:
        workers = children(server.process.pid)
        assert server.ask("/upload/lena.jpg", "PUT", PICTURE).status == 201
        limit_workers(server, resource.RLIMIT_NOFILE, 50)
        with storm.blowing(server, uploads=8, readers=24):
            time.sleep(1)
        assert storm.told.cut == []
        assert set(storm.told.statuses) <= {200, 201, 503}
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        limit_workers(server, resource.RLIMIT_NOFILE, most)
        assert server.ask("/upload/b.jpg", "PUT", PICTURE).status == 201
        assert children(server.process.pid) == workers
    check_store(storm, tmp_path)
