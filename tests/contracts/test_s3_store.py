"""What the S3 store promises beyond the contract, on a real MinIO: large objects, temporary keys, TLS, buckets."""

import hashlib
import io
import os
import secrets
import shlex
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from minio import Minio as Client
from minio.credentials import AssumeRoleProvider

from imgfn.config.settings import load_settings
from imgfn.core.faults import BadRequest, Fault, NoSuchKey, ObjectAlreadyExists, StoreUnavailable
from imgfn.core.key import Key
from imgfn.core.store import Stat
from imgfn.stores.s3.credentials import Keys, read_context, read_environment
from imgfn.stores.s3.objects import differs
from imgfn.stores.s3.store import MinioStore
from imgfn.wiring import build_keys, build_store
from tests.servers import open_bucket, running_minio, tool

pytestmark = pytest.mark.real

LARGE = os.urandom(12_000_000)  # three parts


def read(store: MinioStore, name: str) -> bytes:
    with store.open(Key(name)) as opened:
        return opened.body.read()


def write(store: MinioStore, name: str, content: bytes, **more) -> Stat:
    return store.put(Key(name), io.BytesIO(content), len(content), "image/png", **more)


@pytest.fixture
def store(minio_server) -> MinioStore:
    return open_bucket(minio_server)


@pytest.fixture
def client(minio_server) -> Client:
    return Client(
        endpoint=minio_server.endpoint,
        access_key=minio_server.access_key,
        secret_key=minio_server.secret_key,
        region="us-east-1",
        secure=False,
    )


def test_an_object_of_several_parts_comes_back_whole_with_its_metadata(store):
    made = write(store, "large", LARGE, meta={"note": "x"})
    assert read(store, "large") == LARGE
    known = store.stat(Key("large"))
    assert (known.size, known.etag, dict(known.meta)) == (len(LARGE), made.etag, {"note": "x"})


def test_of_four_that_race_with_several_parts_one_wins(store):
    barrier = threading.Barrier(4)

    def run(number: int) -> Stat | Fault:
        barrier.wait()
        try:
            return write(store, "large", bytes([number]) * 6_000_000, overwrite=False)
        except ObjectAlreadyExists as fault:
            return fault

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(run, range(4)))
    winners = [number for number, answer in enumerate(answers) if isinstance(answer, Stat)]
    assert len(winners) == 1
    assert read(store, "large") == bytes(winners) * 6_000_000


def test_a_large_body_that_ends_early_stores_nothing_and_leaves_no_parts(store, client):
    with pytest.raises(BadRequest):
        store.put(Key("large"), io.BytesIO(LARGE), len(LARGE) + 1, "image/png")
    with pytest.raises(NoSuchKey):
        store.stat(Key("large"))
    assert client._list_multipart_uploads(store.bucket).uploads == []


def test_temporary_keys_with_a_session_token_work_and_new_ones_are_taken_up(minio_server, store):
    provider = AssumeRoleProvider(
        sts_endpoint=f"http://{minio_server.endpoint}",
        access_key=minio_server.access_key,
        secret_key=minio_server.secret_key,
        region="us-east-1",
    )
    lent = provider.retrieve()
    current = Keys(lent.access_key, lent.secret_key, "an expired token")
    borrower = MinioStore(
        endpoint=minio_server.endpoint,
        region="us-east-1",
        bucket=store.bucket,
        keys=lambda: current,
        secure=False,
    )
    with pytest.raises(StoreUnavailable):
        write(borrower, "a", b"1")
    current = Keys(lent.access_key, lent.secret_key, lent.session_token)
    write(borrower, "a", b"1")
    assert read(borrower, "a") == b"1"


def test_keys_come_from_the_environment_of_a_function(monkeypatch):
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_ID", raising=False)
    with pytest.raises(StoreUnavailable):
        read_environment()
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")
    monkeypatch.setenv("ALIBABA_CLOUD_SECURITY_TOKEN", "token")
    assert read_environment() == Keys("id", "secret", "token")
    assert build_keys(load_settings())() == Keys("id", "secret", "token")
    chosen = load_settings(s3_access_key="mine", s3_secret_key="hidden")
    assert build_keys(chosen)() == Keys("mine", "hidden", None)


def test_keys_come_from_the_context_of_a_function():
    class Credentials:
        access_key_id, access_key_secret, security_token = "id", "secret", "token"

    class Context:
        credentials = Credentials()

    assert read_context(Context()) == Keys("id", "secret", "token")
    assert read_context(object()) is None
    assert read_context(None) is None


def test_secrets_are_not_shown():
    assert "hidden" not in repr(Keys("id", "hidden", "hidden too"))


def test_a_missing_bucket_is_made_only_where_that_is_allowed(minio_server):
    refused = f"test-{secrets.token_hex(6)}"
    strict = open_store(minio_server, refused, create_bucket=False)
    for act in (strict.check, lambda: write(strict, "a", b"1"), lambda: list(strict.list())):
        with pytest.raises(StoreUnavailable):
            act()
    allowed = open_store(minio_server, refused, create_bucket=True)
    write(allowed, "a", b"1")  # without a check before
    assert read(strict, "a") == b"1"


def open_store(server, bucket: str, create_bucket: bool) -> MinioStore:
    return MinioStore(
        endpoint=server.endpoint,
        region="us-east-1",
        bucket=bucket,
        keys=lambda: Keys(server.access_key, server.secret_key),
        secure=False,
        create_bucket=create_bucket,
    )


def test_the_settings_open_two_buckets(minio_server):
    name = secrets.token_hex(6)
    chosen = load_settings(
        store="minio",
        s3_endpoint=minio_server.endpoint,
        s3_secure=False,
        s3_access_key=minio_server.access_key,
        s3_secret_key=minio_server.secret_key,
        s3_source_bucket=f"sources-{name}",
        s3_result_bucket=f"results-{name}",
        s3_create_buckets=True,
    )
    sources, results = build_store(chosen, "sources"), build_store(chosen, "results")
    sources.put(Key("a"), io.BytesIO(b"1"), 1, "image/png")
    results.check()
    assert [stat.key for stat in sources.list()] == ["a"]
    assert list(results.list()) == []


def test_folders_that_a_console_made_are_not_listed(store, client):
    client.put_object(bucket_name=store.bucket, object_name="folder/", data=io.BytesIO(b""), length=0)
    write(store, "folder/a", b"1")
    assert [stat.key for stat in store.list()] == ["folder/a"]


def test_more_objects_than_a_page_has_are_listed(store):
    keys = [f"{number:04}" for number in range(1010)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: write(store, key, b""), keys))
    assert [stat.key for stat in store.list()] == keys


@pytest.mark.parametrize(
    ("etag", "headers", "wrong"),
    [
        (hashlib.md5(b"a").hexdigest(), {}, False),
        (hashlib.md5(b"a").hexdigest().upper(), {}, False),  # Alibaba OSS
        (hashlib.md5(b"b").hexdigest(), {}, True),
        (hashlib.md5(b"b").hexdigest(), {"x-amz-server-side-encryption": "AES256"}, True),
        (hashlib.md5(b"b").hexdigest(), {"x-amz-server-side-encryption": "aws:kms"}, False),
        (hashlib.md5(b"b").hexdigest() + "-3", {}, False),
    ],
)
def test_an_etag_is_compared_with_the_bytes_where_it_is_their_md5(etag, headers, wrong):
    assert differs(etag, headers, hashlib.md5(b"a").hexdigest()) is wrong


def test_it_speaks_tls_and_trusts_only_the_right_server(tmp_path, monkeypatch):
    certificates = tmp_path / "certs"
    certificates.mkdir()
    make_certificate(certificates)
    with running_minio(tmp_path / "data", certificates) as server:
        with pytest.raises(StoreUnavailable):
            open_bucket(server, secure=True)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "public.crt"))
        store = open_bucket(server, secure=True)
        write(store, "large", LARGE)
        assert read(store, "large") == LARGE


def make_certificate(folder: Path) -> None:
    subprocess.run(
        shlex.split(
            f"{tool('openssl')} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=127.0.0.1 "
            "-addext subjectAltName=IP:127.0.0.1 -keyout private.key -out public.crt"
        ),
        cwd=folder,
        check=True,
        capture_output=True,
    )
