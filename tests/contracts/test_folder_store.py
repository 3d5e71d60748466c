"""What the folder store promises beyond the contract: crashes, full disks, strangers' links, pictures dropped in."""

import io
import os
import resource
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imgfn.core.faults import Fault, NoSuchKey, SlowDown, StoreFull, StoreReadOnly, StoreUnavailable
from imgfn.core.key import Key
from imgfn.stores.folder.store import FolderStore

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
STORM = Path(__file__).with_name("put_storm.py")


@pytest.fixture
def root(tmp_path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def store(root) -> FolderStore:
    return FolderStore(root)


def put(store: FolderStore, name: str, content: bytes, **more) -> None:
    store.put(Key(name), io.BytesIO(content), len(content), "image/png", **more)


def get(store: FolderStore, name: str) -> bytes:
    with store.open(Key(name)) as opened:
        return opened.body.read()


def temporary(root: Path) -> list[Path]:
    return list(root.with_name(root.name + ".tmp").iterdir())


def sidecars(root: Path) -> list[Path]:
    return list(root.with_name(root.name + ".meta").iterdir())


@pytest.mark.parametrize(
    ("name", "content", "content_type"),
    [
        ("lena.txt", PNG, "image/png"),
        ("a/b.svg", b"<?xml version='1.0'?>" + b" " * 500 + b"<svg/>", "image/svg+xml"),
        ("notes.json", b"{}", "application/json"),
        ("nothing", b"", "application/octet-stream"),
    ],
)
def test_a_file_that_a_person_dropped_in_is_an_object(store, root, name, content, content_type):
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_bytes(content)
    assert get(store, name) == content
    assert store.stat(Key(name)).content_type == content_type
    assert [stat.key for stat in store.list()] == [name]


def test_an_object_is_a_plain_file_that_other_programs_can_read(store, root):
    put(store, "a/图 1.png", PNG)
    assert (root / "a/图 1.png").read_bytes() == PNG
    assert sorted(path.name for path in root.rglob("*")) == ["a", "图 1.png"]


def test_a_file_that_a_person_changed_has_another_etag_and_its_own_type(store, root):
    put(store, "a", PNG, meta={"note": "of the old bytes"})
    before = store.stat(Key("a"))
    (root / "a").write_bytes(b"GIF89a" + bytes(50))
    after = store.stat(Key("a"))
    assert after.etag != before.etag
    assert (after.content_type, dict(after.meta)) == ("image/gif", {})


def test_a_file_that_a_person_dropped_in_and_changed_has_its_new_type(store, root):
    types = []
    for content in (PNG, b"GIF89a" + bytes(50), b"plain text"):
        (root / "a.txt").write_bytes(content)
        types += [store.stat(Key("a.txt")).content_type for _ in range(2)]
    assert types == ["image/png", "image/png", "image/gif", "image/gif", "text/plain", "text/plain"]


def test_versions_that_memory_has_no_room_for_are_described_all_the_same(store, root, monkeypatch):
    monkeypatch.setattr("imgfn.stores.folder.versions.MOST_KNOWN", 2)
    for name in "abc":
        put(store, name, PNG, meta={"note": name})
        (root / f"{name}.dropped").write_bytes(PNG)
    for _ in range(2):
        for name in "abc":
            assert store.stat(Key(name)).meta == {"note": name}
            assert store.stat(Key(f"{name}.dropped")).content_type == "image/png"


@pytest.mark.parametrize("name", ["a.meta", "objects.meta/x", ".tmp", "a/.meta"])
def test_a_key_cannot_collide_with_the_bookkeeping(store, root, name):
    put(store, "a", PNG) if name != "a/.meta" else None
    put(store, name, b"x")
    assert get(store, name) == b"x"
    assert (root / name).is_file()


def test_replaced_and_deleted_versions_leave_nothing_behind(store, root):
    for number in range(5):
        put(store, "a/b", b"%d" % number)
    assert len(sidecars(root)) == 1
    store.delete(Key("a/b"))
    assert (sidecars(root), temporary(root), list(root.iterdir())) == ([], [], [])


def test_symbolic_links_lead_nowhere(store, root, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(PNG)
    (root / "file.png").symlink_to(outside / "secret.png")
    (root / "folder").symlink_to(outside)
    (root / "real").mkdir()
    (root / "real" / "up").symlink_to("../..")
    for name in ("file.png", "folder/secret.png", "real/up/outside/secret.png"):
        with pytest.raises(NoSuchKey):
            store.stat(Key(name))
        with pytest.raises(NoSuchKey), store.open(Key(name)):
            pass
    assert list(store.list()) == list(store.list("folder/")) == []
    for name in ("folder/new.png", "folder/secret.png", "real/up/new.png"):
        with pytest.raises(Fault) as caught:
            put(store, name, b"x")
        assert caught.value.status == 409
        store.delete(Key(name))
    put(store, "file.png", b"mine")  # takes the link's place
    assert get(store, "file.png") == b"mine"
    assert [(path.name, path.read_bytes()) for path in outside.iterdir()] == [("secret.png", PNG)]


def test_pipes_and_sockets_are_no_objects_and_hold_nobody(store, root):
    os.mkfifo(root / "pipe")
    with pytest.raises(NoSuchKey):
        store.stat(Key("pipe"))
    assert list(store.list()) == []


def test_what_a_dead_writer_left_is_reclaimed_and_what_a_living_one_writes_is_not(store, root):
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            FolderStore(root)  # another process starts
            assert len(temporary(root)) == 1
            return super().read(size)

    store.put(Key("a"), Slow(b"abc"), 3, "image/png")
    assert get(store, "a") == b"abc"
    (root.with_name(root.name + ".tmp") / "dead").write_bytes(b"half")
    FolderStore(root)
    assert temporary(root) == []


def test_a_writer_that_died_just_before_it_replaced_an_object_harms_it_not(store, root):
    put(store, "a", PNG, meta={"note": "kept"})
    os.link(root / "a", root.with_name(root.name + ".tmp") / "second-name")  # all it had done
    restarted = FolderStore(root)
    assert dict(restarted.stat(Key("a")).meta) == {"note": "kept"}
    assert temporary(root) == []


@pytest.mark.parametrize("seconds", [0.05, 0.15, 0.3, 0.5])
def test_after_a_kill_every_object_is_whole_and_every_promised_one_is_there(root, seconds):
    with subprocess.Popen([sys.executable, STORM, root], stdout=subprocess.PIPE, text=True) as storm:
        assert storm.stdout is not None
        assert storm.stdout.readline() == "ready\n"
        first = storm.stdout.readline()  # a busy disk takes its time
        time.sleep(seconds)
        storm.kill()
        promised = dict(line.split() for line in (first, *storm.stdout))
    assert promised
    store = FolderStore(root)
    seen = {}
    for stat in store.list():
        content = get(store, stat.key)
        assert len(set(content)) == 1, "half of one version and half of another"
        assert len(content) == stat.size == 200_000
        assert stat.meta["number"] == str(content[0]), "the metadata of another version"
        seen[stat.key] = content[0]
    assert all(seen[key] >= int(number) for key, number in promised.items())
    assert temporary(root) == []
    assert len(sidecars(root)) == len(seen)


def open_descriptors() -> list[int]:
    return [int(path.name) for path in Path("/proc/self/fd").iterdir()]


def test_a_full_disk_is_StoreFull_and_old_objects_stay_readable(small_disk):
    store = FolderStore(small_disk / "objects")
    put(store, "old", b"old" * 1000)
    for name in ("new", "old"):
        with pytest.raises(StoreFull):
            put(store, name, bytes(2_000_000))
    assert get(store, "old") == b"old" * 1000
    assert temporary(small_disk / "objects") == []
    put(store, "new", bytes(500_000))
    assert store.stat(Key("new")).size == 500_000


def test_a_read_only_disk_serves_and_refuses_to_store(small_disk):
    root = small_disk / "objects"
    put(FolderStore(root), "old", PNG)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    store = FolderStore(root)
    assert get(store, "old") == PNG
    with pytest.raises(StoreReadOnly):
        put(store, "new", PNG)
    with pytest.raises(StoreReadOnly):
        store.delete(Key("old"))


def test_a_limit_on_file_sizes_is_StoreFull(store, root):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(StoreFull):
            put(store, "large", bytes(200_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (list(store.list()), temporary(root), sidecars(root)) == ([], [], [])


def test_without_file_descriptors_the_store_slows_down_and_heals(store, root):
    put(store, "a", PNG)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(open_descriptors()) + 1, before[1]))
    hoard: list[int] = []
    try:
        with pytest.raises(OSError, match="Too many open files"):
            hoard.extend(iter(lambda: os.dup(0), None))
        for act in (lambda: store.stat(Key("a")), lambda: put(store, "b", PNG), lambda: store.delete(Key("a"))):
            with pytest.raises(SlowDown):
                act()
    finally:
        for descriptor in hoard:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert get(store, "a") == PNG
    assert temporary(root) == []


def test_a_store_whose_folder_is_gone_is_unavailable_not_empty(store, root):
    shutil.rmtree(root)
    for act in (lambda: store.stat(Key("a")), lambda: put(store, "a", PNG), store.check, lambda: list(store.list())):
        with pytest.raises(StoreUnavailable):
            act()


def test_no_descriptor_is_left_open(store, root):
    put(store, "a/b/c", PNG)
    for _ in range(20):
        get(store, "a/b/c")
        store.stat(Key("a/b/c"))
        list(store.list())
        put(store, "a/b/c", PNG)
        store.delete(Key("a/b/c"))
        put(store, "a/b/c", PNG)
        for name in ("a", "a/b/c/d", "x/y"):
            with pytest.raises(NoSuchKey):
                store.stat(Key(name))
    targets = [os.path.realpath(f"/proc/self/fd/{number}") for number in open_descriptors()]
    assert not [target for target in targets if target.startswith(str(root))]


def test_what_a_power_cut_left_empty_counts_as_gone_where_nothing_waits_for_the_disk(root):
    store = FolderStore(root, durable=False)
    put(store, "a/kept", PNG)
    put(store, "a/lost", PNG)
    (root / "a" / "lost").write_bytes(b"")
    assert get(store, "a/kept") == PNG
    with pytest.raises(NoSuchKey):
        store.stat(Key("a/lost"))
    with pytest.raises(NoSuchKey):
        get(store, "a/lost")
    put(store, "a/lost", PNG)
    assert get(store, "a/lost") == PNG


def test_an_empty_sidecar_is_as_good_as_none(root):
    store = FolderStore(root)
    store.put(Key("a.png"), io.BytesIO(PNG), len(PNG), "text/plain")
    for sidecar in root.with_name(root.name + ".meta").iterdir():
        sidecar.write_bytes(b"")
    assert store.stat(Key("a.png")).content_type == "image/png"
    assert get(store, "a.png") == PNG


def test_a_durable_put_waits_for_the_disk_and_another_one_does_not(root, monkeypatch):
    waited = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: waited.append(descriptor) or real(descriptor))
    put(FolderStore(root, durable=False), "a", PNG)
    assert waited == []
    put(FolderStore(root), "b", PNG, meta={"note": "kept"})
    assert len(waited) >= 4  # the file, its sidecar, and the names of both


@pytest.mark.parametrize(
    ("content", "content_type", "meta", "files"),
    [
        (PNG, "image/png", {}, 0),
        (PNG, "text/plain", {}, 1),
        (b"{}", "application/json", {}, 1),
        (PNG, "image/png", {"a": "b"}, 1),
    ],
)
def test_what_tells_its_type_itself_and_has_no_metadata_needs_no_sidecar(
    store, root, content, content_type, meta, files
):
    stored = store.put(Key("a"), io.BytesIO(content), len(content), content_type, meta)
    assert len(list(root.with_name(root.name + ".meta").iterdir())) == files
    assert store.stat(Key("a")) == stored
    assert (stored.content_type, dict(stored.meta)) == (content_type, meta)


def test_puts_and_deletes_side_by_side_disturb_nobody(store):
    """Of the folder only: MinIO, too, removes emptied folders, and now and then refuses a put meanwhile."""

    def act(number: int) -> None:
        name = f"a/b/{number}"
        for _ in range(25):
            put(store, name, PNG)
            store.delete(Key(name))
        put(store, name, b"%d" % number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(act, range(4)))
    assert [str(stat.key) for stat in store.list()] == [f"a/b/{number}" for number in range(4)]
