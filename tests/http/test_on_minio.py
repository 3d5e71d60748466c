"""The tutorial's calls on a real MinIO whose buckets do not exist yet."""

import io
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image
from werkzeug.test import Client

from tests.servers import Minio, running_minio

pytestmark = pytest.mark.real


@pytest.fixture
def on_minio(configure: Callable[..., None], minio_server: Minio) -> None:
    name = f"t{uuid4().hex[:12]}"
    configure(
        store="minio",
        s3_endpoint=minio_server.endpoint,
        s3_secure="false",
        s3_access_key=minio_server.access_key,
        s3_secret_key=minio_server.secret_key,
        s3_source_bucket=f"{name}-sources",
        s3_result_bucket=f"{name}-results",
        s3_create_buckets="true",
    )


@pytest.mark.usefixtures("on_minio")
def test_upload_turn_and_ask_again(web_upload: Client, web_proc: Client, photo: bytes) -> None:
    proxied = "/2016-08-15/proxy/pydemo"
    sent = web_upload.post(f"{proxied}/upload/", data={"a/lena.png": (io.BytesIO(photo), "lena.png")})
    assert sent.status_code == 201, sent.text
    made = web_proc.get(f"{proxied}/proc/rotate/10/a/lena.png")
    assert made.status_code == 200, made.text
    assert Image.open(io.BytesIO(made.data)).size[0] > 60
    kept = web_proc.get("/proc/rotate/10/a/lena.png")
    assert (kept.headers["X-Imgfn-Result"], kept.data) == ("kept", made.data)
    part = web_proc.get("/proc/rotate/10/a/lena.png", headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.data) == (206, made.data[5:10])
    again = web_proc.get("/proc/rotate/10/a/lena.png", headers={"If-None-Match": made.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.usefixtures("on_minio")
def test_without_a_bucket_for_results_answers_are_still_made(
    web_upload: Client, web_proc: Client, photo: bytes, configure: Callable[..., None], tmp_path: Path
) -> None:
    web_upload.put("/upload/lena.png", data=photo)
    configure(s3_create_buckets="false", s3_result_bucket="there-is-no-such-bucket")
    answer = web_proc.get("/proc/resize/w_20/lena.png")
    assert (answer.status_code, answer.headers["X-Imgfn-Result"]) == (200, "made")


@pytest.mark.usefixtures("on_minio")
def test_while_the_store_is_away_results_kept_at_home_are_still_served(
    web_upload: Client, web_proc: Client, photo: bytes, configure: Callable[..., None], tmp_path: Path
) -> None:
    with running_minio(tmp_path / "own") as server:
        configure(
            result_store="folder",
            store_deadline_seconds=1,
            s3_endpoint=server.endpoint,
            s3_access_key=server.access_key,
            s3_secret_key=server.secret_key,
        )
        web_upload.put("/upload/lena.png", data=photo)
        made = web_proc.get("/proc/resize/w_20/lena.png")
        server.stop()
        kept = web_proc.get("/proc/resize/w_20/lena.png")
        assert (kept.status_code, kept.headers["X-Imgfn-Result"], kept.data) == (200, "kept", made.data)
        assert web_proc.get("/proc/resize/w_21/lena.png").status_code in (502, 504)
        assert web_proc.get("/proc/resize/w_20/other.png").status_code in (502, 504)
        assert web_upload.put("/upload/new.png", data=photo).status_code in (502, 504)
        server.start()
        healed = time.monotonic() + 5
        while web_proc.get("/proc/resize/w_21/lena.png").status_code != 200:
            assert time.monotonic() < healed
            time.sleep(0.2)
        assert web_upload.put("/upload/new.png", data=photo).status_code == 201
