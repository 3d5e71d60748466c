"""imgfn clean: which results go and which stay, on both stores."""

import io
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from imgfn.cli.main import main
from imgfn.core.key import Key
from imgfn.core.store import Store
from imgfn.service.cleaning import clean
from imgfn.service.service import results_of
from imgfn.stores.folder.store import FolderStore
from tests.servers import open_bucket

DAY = 24 * 60 * 60


@pytest.fixture(params=["folder", "minio"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    if request.param == "folder":
        yield FolderStore(tmp_path / "sources"), FolderStore(tmp_path / "results", durable=False)
    else:
        server = request.getfixturevalue("minio_server")
        yield open_bucket(server), open_bucket(server)


def put(store: Store, key: str, size: int = 10) -> None:
    store.put(Key(key), io.BytesIO(bytes([1]) * size), size, "image/png")


def result(source: str, number: int) -> str:
    return f"{results_of(Key(source))}{number:040x}"


def keys(store: Store) -> list[str]:
    return [str(stat.key) for stat in store.list()]


def test_orphans_go_and_all_else_stays(stores: tuple[Store, Store]) -> None:
    sources, results = stores
    long = "/".join(["x" * 100] * 10)
    kept = [result("a/b.png", 1), result("a/b.png", 2), result(long, 1), "a/README.txt"]
    orphans = [result("a/gone.png", 1), result("a", 3), result(long[:-1], 1)]
    for source in ("a/b.png", long):
        put(sources, source)
    for key in kept + orphans:
        put(results, key)
    assert clean(sources, results, dry_run=True).removed.total() == 3
    assert sorted(keys(results)) == sorted(kept + orphans)
    told = clean(sources, results)
    assert (told.removed, told.removed_bytes) == ({"without their source": 3}, 30)
    assert (told.kept, told.kept_bytes) == (3, 30)
    assert sorted(keys(results)) == sorted(kept)


def test_what_was_made_of_an_older_version_goes(tmp_path: Path) -> None:
    sources, results = FolderStore(tmp_path / "sources"), FolderStore(tmp_path / "results", durable=False)
    put(results, result("a.png", 1))
    os.utime(tmp_path / "results" / result("a.png", 1), (1e9, 1e9))
    put(sources, "a.png")
    put(results, result("a.png", 2))
    clean(sources, results)
    assert keys(results) == [result("a.png", 2)]


def test_what_nobody_asked_for_goes_and_reading_counts(tmp_path: Path) -> None:
    sources, results = FolderStore(tmp_path / "sources"), FolderStore(tmp_path / "results", durable=False)
    put(sources, "a.png")
    long_ago = time.time() - 40 * DAY
    os.utime(tmp_path / "sources" / "a.png", (long_ago - DAY, long_ago - DAY))
    for number in range(3):
        put(results, result("a.png", number))
        os.utime(tmp_path / "results" / result("a.png", number), (long_ago, long_ago))
    put(results, result("a.png", 3))
    before = results.stat(Key(result("a.png", 1)))
    results.open(before.key).body.close()
    assert results.stat(before.key) == before  # it is the same version
    assert clean(sources, results, days=0).removed.total() == 0
    assert clean(sources, results, days=30).removed == {"not asked for": 2}
    assert keys(results) == [result("a.png", 1), result("a.png", 3)]


def test_the_longest_unused_go_until_the_cap_is_met(tmp_path: Path) -> None:
    sources, results = FolderStore(tmp_path / "sources"), FolderStore(tmp_path / "results", durable=False)
    put(sources, "a.png")
    os.utime(tmp_path / "sources" / "a.png", (1e9, 1e9))
    for number in range(5):
        put(results, result("a.png", number), 100)
        used = time.time() - (3, 1, 5, 2, 4)[number] * 60
        os.utime(tmp_path / "results" / result("a.png", number), (used, used))
    told = clean(sources, results, max_bytes=250)
    assert (told.removed, told.kept_bytes) == ({"over the cap": 3}, 200)
    assert keys(results) == [result("a.png", 1), result("a.png", 3)]


def test_the_command_says_what_it_did(tmp_path: Path, configure: Callable[..., None]) -> None:
    configure(result_bytes=5)
    put(FolderStore(tmp_path / "data" / "sources"), "a.png")
    results = FolderStore(tmp_path / "data" / "results", durable=False)
    put(results, result("a.png", 1))
    put(results, result("gone.png", 1))
    said = CliRunner().invoke(main, ["clean", "--dry-run"])
    assert "2 results of 20 bytes would be removed (1 without their source, 1 over the cap)" in said.output, said.output
    said = CliRunner().invoke(main, ["clean"])
    assert (said.exit_code, keys(results)) == (0, [])
    assert "0 results of 0 bytes stay" in said.output
