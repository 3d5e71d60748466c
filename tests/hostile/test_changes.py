"""Sources that are deleted or changed while they are rendered: nothing is left of them, no answer is half of two."""

import io
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from imgfn.core.store import Store
from imgfn.stores.folder.store import FolderStore
from tests.servers import Minio, Server, open_bucket, serving

ADMIN = {"Authorization": "Bearer admin"}


def picture(colour: str, size: tuple[int, int] = (600, 400), format_name: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, format_name)
    return out.getvalue()


def delete_under_renders(server: Server, results: Store, rounds: int) -> Counter[int]:
    """Several plans of one picture are asked for while it is deleted; gives how many answers had which status."""
    statuses: Counter[int] = Counter()
    body = picture("red")
    with ThreadPoolExecutor(8) as pool:
        for number in range(rounds):
            key = f"a/{number}.png"
            assert server.ask(f"/upload/{key}", "PUT", body).status == 201
            gone = threading.Event()

            def ask(n: int, key: str = key, gone: threading.Event = gone) -> int:
                late = gone.is_set()
                status = server.ask(f"/proc/resize/w_{100 + n}/rotate/{n + 1}/{key}").status
                assert not (late and status == 200), "served after it was deleted"
                return status

            asked = [pool.submit(ask, n) for n in range(12)]
            time.sleep(0.002 * (number % 20))
            assert server.ask(f"/upload/{key}", "DELETE", headers=ADMIN).status == 204
            gone.set()
            statuses.update(future.result() for future in asked)
            assert server.ask(f"/proc/resize/w_100/{key}").status == 404
    deadline = time.monotonic() + 10  # what is made is stored after its answer
    while (left := [stat.key for stat in results.list()]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
    return statuses


def check(statuses: Counter[int]) -> None:
    print(f"answers by status: {dict(statuses)}")
    assert set(statuses) <= {200, 404, 503}
    assert statuses[404] > 0


def test_no_result_is_left_of_what_was_deleted(tmp_path: Path) -> None:
    with serving(tmp_path, admin_token="admin") as server:
        check(delete_under_renders(server, FolderStore(tmp_path / "data" / "results", durable=False), 15))


@pytest.mark.hard
def test_200_deletes_leave_no_result_in_the_folder(tmp_path: Path) -> None:
    with serving(tmp_path, admin_token="admin") as server:
        check(delete_under_renders(server, FolderStore(tmp_path / "data" / "results", durable=False), 200))


@contextmanager
def serving_minio(folder: Path, minio_server: Minio) -> Iterator[tuple[Server, Store]]:
    sources, results = open_bucket(minio_server), open_bucket(minio_server)
    with serving(
        folder,
        store="minio",
        s3_endpoint=minio_server.endpoint,
        s3_secure="false",
        s3_access_key=minio_server.access_key,
        s3_secret_key=minio_server.secret_key,
        s3_source_bucket=sources.bucket,
        s3_result_bucket=results.bucket,
        stat_ttl_seconds="5",  # other workers believe in the source for a while
        admin_token="admin",
    ) as server:
        yield server, results


def test_no_result_is_left_in_s3_of_what_was_deleted(tmp_path: Path, minio_server: Minio) -> None:
    with serving_minio(tmp_path, minio_server) as (server, results):
        check(delete_under_renders(server, results, 5))


@pytest.mark.hard
def test_200_deletes_leave_no_result_in_s3(tmp_path: Path, minio_server: Minio) -> None:
    with serving_minio(tmp_path, minio_server) as (server, results):
        check(delete_under_renders(server, results, 200))


def test_results_without_a_source_can_be_deleted(tmp_path: Path) -> None:
    with serving(tmp_path, admin_token="admin") as server:
        for key in ("a", "b/c"):
            assert server.ask(f"/upload/{key}", "PUT", picture("red")).status == 201
            assert server.ask(f"/proc/resize/w_9/{key}").status == 200
        (tmp_path / "data" / "sources" / "a").unlink()
        assert server.ask("/upload/b", "DELETE", headers=ADMIN).status == 404  # b/c's results are not b's
        assert server.ask("/upload/a", "DELETE", headers=ADMIN).status == 204
        assert server.ask("/upload/a", "DELETE", headers=ADMIN).status == 404
        assert [path.parent.name for path in (tmp_path / "data" / "results").rglob("*") if path.is_file()] == ["c"]


def overwritten(file: Path, bodies: tuple[bytes, bytes], over: threading.Event) -> None:
    """Write into the file itself, as editors and rsync --inplace do, and cut it short now and then."""
    turn = 0
    while not over.wait(0.003):
        turn += 1
        body = bodies[turn % 2]
        with file.open("r+b", buffering=0) as opened:
            opened.write(body[: len(body) // 2])
            opened.truncate()
            opened.write(body[len(body) // 2 :])


Judge = Callable[[bytes], bool]


def change_in_place(folder: Path, size: tuple[int, int], rounds: int) -> Counter[int]:
    """Ask for a picture, originals and results, while somebody writes into its file."""
    bodies = picture("red", size, "BMP"), picture("blue", (size[0], size[1] - 1), "BMP")

    def whole(body: bytes) -> bool:
        image = Image.open(io.BytesIO(body)).convert("RGB")
        colours = image.getcolors(1 << 24) or []
        return len(colours) == 1

    statuses: Counter[int] = Counter()
    with serving(folder) as server:
        file = folder / "data" / "sources" / "a.bmp"
        file.write_bytes(bodies[0])
        over = threading.Event()
        writer = threading.Thread(target=overwritten, args=(file, bodies, over))
        writer.start()
        try:
            for number in range(rounds):
                for plan, judge in (("", bodies.__contains__), (f"resize/w_{50 + number}/format/png/", whole)):
                    answer = server.ask(f"/proc/{plan}a.bmp")
                    statuses[answer.status] += 1
                    if answer.status == 200:
                        assert judge(answer.body), "half of one and half of the other"
                    else:
                        assert answer.headers["Retry-After"]
        finally:
            over.set()
            writer.join()
        assert server.ask("/proc/resize/w_20/a.bmp").status == 200
        for number in range(rounds):  # what was kept, too
            assert whole(server.ask(f"/proc/resize/w_{50 + number}/format/png/a.bmp").body)
    print(f"answers by status: {dict(statuses)}")
    return statuses


@pytest.mark.hard  # on a busy machine two writes within one tick of the clock look like one version
def test_a_source_that_is_changed_in_place_is_the_old_or_the_new_one(tmp_path: Path) -> None:
    assert set(change_in_place(tmp_path, (300, 200), 40)) <= {200, 502}


@pytest.mark.hard
def test_1000_reads_of_a_source_that_is_changed_in_place(tmp_path: Path) -> None:
    assert set(change_in_place(tmp_path, (300, 200), 500)) <= {200, 502}
