"""What the S3 store promises on bad days: a fault in time, nothing half, and well again soon after."""

import io
import time
from collections.abc import Callable, Iterator

import pytest

from imgfn.core.faults import Fault, NoSuchKey, StoreTimeout, StoreUnavailable
from imgfn.core.key import Key
from imgfn.stores.s3.credentials import Keys
from imgfn.stores.s3.store import MinioStore
from tests.faulty_proxy import FaultyProxy
from tests.servers import open_bucket, running_minio

pytestmark = pytest.mark.real

DEADLINE_SECONDS = 1.0
CONTENT = bytes(range(256)) * 1000
LARGE = bytes(range(256)) * 24_000  # more than one part

ACTS: dict[str, Callable[[MinioStore], object]] = {
    "stat": lambda store: store.stat(Key("old")),
    "open": lambda store: read(store, "old"),
    "put": lambda store: write(store, "new", CONTENT),
    "create": lambda store: write(store, "new", CONTENT, overwrite=False),
    "put-large": lambda store: write(store, "new", LARGE),
    "list": lambda store: list(store.list()),
    "delete": lambda store: store.delete(Key("other")),
    "check": lambda store: store.check(),
}


@pytest.fixture(scope="module")
def proxy(minio_server) -> Iterator[FaultyProxy]:
    proxy = FaultyProxy(minio_server.endpoint)
    yield proxy
    proxy.close()


@pytest.fixture
def direct(minio_server, proxy) -> MinioStore:
    proxy.fault, proxy.drip_bytes = "none", 1
    store = open_bucket(minio_server)
    write(store, "old", CONTENT)
    write(store, "other", b"other")
    return store


def through(proxy: FaultyProxy, minio_server, bucket: str, patience: float = 1) -> MinioStore:
    return open_bucket(
        minio_server,
        endpoint=proxy.endpoint,
        bucket=bucket,
        connect_seconds=0.3 * patience,
        read_seconds=0.4 * patience,
        deadline_seconds=DEADLINE_SECONDS * patience,
    )


@pytest.fixture
def store(minio_server, proxy, direct) -> MinioStore:
    """The same bucket through the proxy."""
    return through(proxy, minio_server, direct.bucket)


@pytest.fixture
def patient(minio_server, proxy, direct) -> MinioStore:
    """The same for what the proxy does no harm to: a disk may be busy."""
    return through(proxy, minio_server, direct.bucket, 10)


def read(store: MinioStore, name: str) -> bytes:
    with store.open(Key(name)) as opened:
        return opened.body.read()


def write(store: MinioStore, name: str, content: bytes, **more) -> object:
    return store.put(Key(name), io.BytesIO(content), len(content), "image/png", **more)


def fault_of(act: Callable[[], object]) -> Fault | None:
    try:
        act()
    except Fault as fault:
        return fault
    return None


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("fault", ["delay", "drip", "drip-body", "reset", "swallow", "cut-head", "cut-body", "away"])
def test_a_store_that_misbehaves_gives_a_fault_in_time_and_nothing_half(store, patient, direct, proxy, fault, act):
    # An answer without a body has none that could drip or be cut.
    whole = fault in ("drip-body", "cut-body") and act not in ("open", "list", "put-large")
    proxy.fault = fault
    begun = time.monotonic()
    answer = fault_of(lambda: ACTS[act](patient if whole else store))
    seconds = time.monotonic() - begun
    proxy.fault = "none"
    expected = StoreTimeout if fault in ("delay", "drip", "drip-body", "swallow") else StoreUnavailable
    assert answer is None if whole else type(answer) is expected
    assert whole or seconds < DEADLINE_SECONDS + 0.5
    assert read(direct, "old") == CONTENT
    stored = {str(stat.key) for stat in direct.list()}
    assert "new" not in stored or read(direct, "new") in (CONTENT, LARGE)
    assert "new" in stored or answer or act not in ("put", "create", "put-large")


@pytest.mark.parametrize("fault", ["drip", "reset", "swallow", "cut-body", "away"])
def test_after_a_fault_the_store_is_well_again_within_five_seconds(store, proxy, fault):
    proxy.fault = fault
    for _ in range(5):
        with pytest.raises((StoreUnavailable, StoreTimeout)):
            read(store, "old")
    proxy.fault = "none"
    end = time.monotonic() + 5
    while True:
        try:
            assert read(store, "old") == CONTENT
            return
        except StoreUnavailable:
            assert time.monotonic() < end
            time.sleep(0.1)


def test_a_store_that_is_known_to_be_down_is_not_asked_at_each_request(store, proxy):
    proxy.fault = "away"
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            store.stat(Key("old"))
    connections = proxy.connections
    for _ in range(20):
        with pytest.raises(StoreUnavailable):
            store.stat(Key("old"))
    assert proxy.connections == connections


def test_missing_keys_are_answers_and_open_no_breaker(store):
    for _ in range(20):
        with pytest.raises(NoSuchKey):
            store.stat(Key("missing"))
    assert read(store, "old") == CONTENT


def test_a_body_that_trickles_is_given_up_though_each_piece_comes_in_time(store, proxy):
    proxy.fault, proxy.drip_bytes = "drip-body", 10_000
    begun = time.monotonic()
    with store.open(Key("old")) as opened, pytest.raises(StoreTimeout):
        b"".join(iter(lambda: opened.body.read(1000), b""))
    assert time.monotonic() - begun < DEADLINE_SECONDS + 0.5


def test_a_slow_reader_does_not_use_up_the_stores_time(store):
    with store.open(Key("old")) as opened:
        head = opened.body.read(10)
        time.sleep(DEADLINE_SECONDS + 0.5)
        assert head + opened.body.read() == CONTENT


def test_connections_are_used_again_and_never_leak(store, proxy):
    before = proxy.connections
    for _ in range(20):
        read(store, "old")
        store.stat(Key("old"))
        write(store, "new", b"x")
        with pytest.raises(NoSuchKey):
            store.stat(Key("missing"))
    assert proxy.connections - before <= 1


def test_a_server_that_restarts_is_found_again(tmp_path):
    with running_minio(tmp_path) as server:
        store = open_bucket(server)
        write(store, "old", CONTENT)
        server.stop()
        with pytest.raises(StoreUnavailable):
            store.stat(Key("old"))
        server.start()
        assert read(store, "old") == CONTENT


def test_wrong_keys_are_StoreUnavailable_and_told_to_nobody(minio_server, direct):
    wrong = MinioStore(
        endpoint=minio_server.endpoint,
        region="us-east-1",
        bucket=direct.bucket,
        keys=lambda: Keys(minio_server.access_key, "not-the-secret-key"),
        secure=False,
    )
    with pytest.raises(StoreUnavailable) as caught:
        read(wrong, "old")
    assert "not-the-secret-key" not in str(caught.value)
