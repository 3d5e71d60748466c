"""What every Store promises; each test runs on each of them."""

import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from imgfn.core.faults import BadRequest, Fault, NoSuchKey, ObjectAlreadyExists, RangeNotSatisfiable
from imgfn.core.key import Key
from imgfn.core.store import Stat, Store
from imgfn.stores.folder.store import FolderStore
from tests.servers import open_bucket

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(params=["folder", pytest.param("minio", marks=pytest.mark.real)])
def store(request, tmp_path) -> Store:
    if request.param == "folder":
        return FolderStore(tmp_path / "objects")
    return open_bucket(request.getfixturevalue("minio_server"))


def put(store: Store, name: str, content: bytes, content_type: str = "image/png", **more) -> Stat:
    return store.put(Key.parse(name), io.BytesIO(content), len(content), content_type, **more)


def get(store: Store, name: str) -> bytes:
    with store.open(Key.parse(name)) as opened:
        return opened.body.read()


def names(store: Store, prefix: str = "") -> list[str]:
    return [str(stat.key) for stat in store.list(prefix)]


def test_what_is_put_is_read_back(store):
    content = PNG + bytes(range(256)) * 10_000
    made = put(store, "a/lena.png", content)
    with store.open(Key("a/lena.png")) as opened:
        assert opened.body.read() == content
        assert opened.stat == store.stat(Key("a/lena.png"))
    known = store.stat(Key("a/lena.png"))
    assert (known.key, known.size, known.content_type) == ("a/lena.png", len(content), "image/png")
    assert known.etag == made.etag
    assert '"' not in known.etag
    assert abs(known.modified - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_body_can_be_read_in_pieces(store):
    content = bytes(range(256)) * 5000
    put(store, "a.bin", content)
    with store.open(Key("a.bin")) as opened:
        pieces = [opened.body.read(7), opened.body.read(100_000), opened.body.read(), opened.body.read()]
    assert b"".join(pieces) == content
    assert [len(piece) for piece in pieces] == [7, 100_000, len(content) - 100_007, 0]


def test_an_object_that_is_left_half_read_disturbs_no_later_one(store):
    put(store, "a", b"a" * 3_000_000)
    for _ in range(20):
        with store.open(Key("a")) as opened:
            assert opened.body.read(10) == b"a" * 10
    assert get(store, "a") == b"a" * 3_000_000


def test_an_empty_object_is_an_object(store):
    put(store, "empty", b"")
    assert get(store, "empty") == b""
    assert store.stat(Key("empty")).size == 0


def test_the_type_and_the_metadata_are_kept(store):
    put(store, "a.json", b"{}", "application/json", meta={"note": "animation dropped", "imgfn-plan": "info"})
    known = store.stat(Key("a.json"))
    assert known.content_type == "application/json"
    assert dict(known.meta) == {"note": "animation dropped", "imgfn-plan": "info"}
    with store.open(Key("a.json")) as opened:
        assert opened.stat == known


def test_a_replaced_object_has_only_its_own_metadata(store):
    put(store, "a", b"1", "text/plain", meta={"note": "old"})
    put(store, "a", b"22", "image/webp")
    known = store.stat(Key("a"))
    assert (known.size, known.content_type, dict(known.meta)) == (2, "image/webp", {})


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ((0, None), b"0123456789"),
        ((4, None), b"456789"),
        ((0, 3), b"012"),
        ((4, 3), b"456"),
        ((9, 1), b"9"),
        ((8, 100), b"89"),
    ],
)
def test_a_part_of_an_object_is_read(store, window, expected):
    put(store, "digits", b"0123456789")
    with store.open(Key("digits"), *window) as opened:
        assert opened.body.read() == expected
        assert opened.stat.size == 10


@pytest.mark.parametrize("start", [10, 11, 10**9])
def test_a_part_behind_the_end_is_refused(store, start):
    put(store, "digits", b"0123456789")
    with pytest.raises(RangeNotSatisfiable), store.open(Key("digits"), start):
        pass


@pytest.mark.parametrize("name", ["missing", "no/such/folder/x.png", "图.png"], ids=ascii)
def test_a_missing_key_is_NoSuchKey(store, name):
    with pytest.raises(NoSuchKey):
        store.stat(Key.parse(name))
    with pytest.raises(NoSuchKey), store.open(Key.parse(name)):
        pass


def test_a_folder_of_keys_is_not_a_key(store):
    put(store, "a/b/c.png", PNG)
    for name in ("a", "a/b"):
        with pytest.raises(NoSuchKey):
            store.stat(Key(name))


def test_the_etag_changes_with_the_bytes(store):
    etags = []
    for number in range(20):
        etags.append(put(store, "a", b"%02d" % number).etag)
        assert store.stat(Key("a")).etag == etags[-1]
        if number % 2:
            store.delete(Key("a"))
    assert len(set(etags)) == len(etags)


def test_a_reader_sees_the_old_object_or_the_new_never_a_mixture(store):
    versions = [(bytes([number]) * 300_000, {"number": str(number)}) for number in range(1, 13)]
    put(store, "a", versions[0][0], meta=versions[0][1])
    stop = threading.Event()

    def read() -> int:
        count = 0
        while not stop.is_set():
            with store.open(Key("a")) as opened:
                content = opened.body.read()
            assert len(content) == opened.stat.size == 300_000
            assert set(content) == {int(opened.stat.meta["number"])}
            count += 1
        return count

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for content, meta in versions[1:]:
            put(store, "a", content, meta=meta)
        stop.set()
        assert all(reader.result() for reader in readers)


def test_what_is_open_stays_whole_while_it_is_replaced(store):
    put(store, "a", b"old" * 100_000)
    with store.open(Key("a")) as opened:
        head = opened.body.read(10)
        put(store, "a", b"new!" * 100_000)
        assert head + opened.body.read() == b"old" * 100_000
        assert opened.stat.size == 300_000


def attempt(act: Callable[[], Stat]) -> Stat | Fault:
    try:
        return act()
    except Fault as fault:
        return fault


def race(count: int, act: Callable[[int], Stat]) -> list[Stat | Fault]:
    barrier = threading.Barrier(count)

    def run(number: int) -> Stat | Fault:
        barrier.wait()
        return attempt(lambda: act(number))

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.parametrize("turn", range(3))
def test_of_eight_that_race_for_a_name_one_wins(store, turn):
    name = f"folder-{turn}/a"
    answers = race(8, lambda number: put(store, name, b"%d" % number * 1000, overwrite=False))
    winners = [number for number, answer in enumerate(answers) if isinstance(answer, Stat)]
    assert len(winners) == 1
    assert all(isinstance(answer, Stat | ObjectAlreadyExists) for answer in answers)
    assert get(store, name) == b"%d" % winners[0] * 1000


def test_a_taken_name_is_kept(store):
    put(store, "a", b"first", overwrite=False)
    with pytest.raises(ObjectAlreadyExists):
        put(store, "a", b"second", overwrite=False)
    assert get(store, "a") == b"first"


def test_eight_that_replace_one_object_leave_one_of_theirs(store):
    answers = race(8, lambda number: put(store, "a/b", b"%d" % number * 1000, meta={"by": str(number)}))
    assert all(isinstance(answer, Stat) for answer in answers)
    left = store.stat(Key("a/b"))
    assert get(store, "a/b") == left.meta["by"].encode() * 1000


def test_delete_forgets_and_may_be_repeated(store):
    put(store, "a/b.png", PNG)
    for _ in range(2):
        store.delete(Key("a/b.png"))
        with pytest.raises(NoSuchKey):
            store.stat(Key("a/b.png"))
    store.delete(Key("never/was"))
    assert names(store) == []
    put(store, "a", PNG)  # the emptied folder is no longer in the way
    assert get(store, "a") == PNG


def test_keys_are_listed_in_the_order_of_their_bytes(store):
    keys = [
        "B",
        "a",
        "a b+c.png",
        "a-b",
        "a.b",
        "b/c",
        "b/c.d",
        "b/d/e",
        "b0",
        "é",
        "图 1.png",
        "图/2.png",
        "😀",
        "\uffee",
    ]
    for key in reversed(keys):
        put(store, key, key.encode())
    assert names(store) == sorted(keys, key=str.encode)
    assert [stat.size for stat in store.list()] == [len(key.encode()) for key in sorted(keys, key=str.encode)]


@pytest.mark.parametrize(
    "prefix", ["b", "b/", "b/d", "b/c", "b/c/", "b/d/e", "图", "图/", "x", "nothing/", "..", "../", "/"], ids=ascii
)
def test_a_list_has_what_starts_with_the_prefix(store, prefix):
    keys = ["a", "b/c", "b/c.d", "b/d/e", "b0", "图 1.png", "图/2.png"]
    for key in keys:
        put(store, key, b"x")
    assert names(store, prefix) == [key for key in keys if key.startswith(prefix)]


@pytest.mark.parametrize(
    "after",
    ["", "a", "a-b", "b", "b/", "b/c", "b/c.", "b/c.d", "b/d", "b/d/e", "b/d/z", "b0", "图", "图/2.png", "😀", "~"],
    ids=ascii,
)
@pytest.mark.parametrize("prefix", ["", "b/", "图"], ids=ascii)
def test_a_list_goes_on_behind_a_key(store, prefix, after):
    keys = ["B", "a", "a-b", "a.b", "b/c", "b/c.d", "b/d/e", "b0", "图 1.png", "图/2.png", "😀"]
    for key in keys:
        put(store, key, b"x")
    expected = sorted((key for key in keys if key.startswith(prefix) and key.encode() > after.encode()), key=str.encode)
    assert [stat.key for stat in store.list(prefix, after)] == expected


def test_listed_objects_have_the_etag_that_stat_tells(store):
    put(store, "a/1", b"one")
    assert [stat.etag for stat in store.list("a/")] == [store.stat(Key("a/1")).etag]


@pytest.mark.parametrize(
    "name",
    [
        "图 1.png",
        "a b+c%20&=?#.png",
        "é\u0301.png",
        "😀/😀.webp",
        "rotate/10/lena.png",
        "~!@$^*()'\",;:<>[]{}|`.png",
        "/".join(["s" * 200] * 5),
        "/".join("abcdefghijklmnopqrstuvwxyz" * 10),
        "图" * 80,
        "trailing. ",
        ".hidden",
        "a.meta",
    ],
    ids=lambda name: ascii(name[:12]),
)
def test_unusual_keys_are_kept_as_they_are(store, name):
    key = Key.parse(name)
    put(store, key, name.encode(), "image/webp")
    assert get(store, key) == name.encode()
    assert store.stat(key).key == key
    assert names(store) == [key]
    store.delete(key)
    assert names(store) == []


def test_a_segment_that_is_too_long_is_the_callers_fault(store):
    name = "s" * 256
    for answer in (attempt(lambda: store.stat(Key(name))), attempt(lambda: put(store, name, b"x"))):
        assert isinstance(answer, Fault)
        assert 400 <= answer.status < 500
    assert names(store) == []


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a"), ("a/b/c", "a")])
def test_a_key_below_or_above_another_is_kept_or_refused_but_harms_neither(store, first, second):
    put(store, first, b"1")
    answer = attempt(lambda: put(store, second, b"2"))
    if isinstance(answer, Fault):
        assert 400 <= answer.status < 500
        assert names(store) == [first]
    else:
        assert get(store, second) == b"2"
    assert get(store, first) == b"1"


def test_a_body_shorter_than_its_size_stores_nothing(store):
    put(store, "old", b"old")
    for name in ("new", "old"):
        with pytest.raises(BadRequest):
            store.put(Key(name), io.BytesIO(b"short"), 6, "image/png")
    assert names(store) == ["old"]
    assert get(store, "old") == b"old"


class BrokenBody(io.RawIOBase):
    def read(self, size: int = -1) -> bytes:
        raise ConnectionResetError("the uploader went away")


def test_a_body_that_breaks_stores_nothing(store):
    with pytest.raises(ConnectionResetError):
        store.put(Key("a"), BrokenBody(), 10, "image/png")
    assert names(store) == []


def test_a_body_is_read_to_its_size_and_no_further(store):
    body = io.BytesIO(b"0123456789")
    store.put(Key("a"), body, 4, "image/png")
    assert get(store, "a") == b"0123"
    assert body.read() == b"456789"


def test_a_store_that_answers_passes_the_check(store):
    store.check()
