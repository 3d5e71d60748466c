"""RFC 9110 as tables: preconditions (13), ranges (14), Accept (12)."""

import io
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image
from werkzeug.http import http_date
from werkzeug.test import Client

ADMIN = {"Authorization": "Bearer admin"}
ORIGINAL, RESULT = "/proc/a/lena.png", "/proc/rotate/10/a/lena.png"


@pytest.fixture
def client(web_proc: Client, web_upload: Client, photo: bytes, tmp_path: Path) -> Client:
    assert web_upload.put("/upload/a/lena.png", data=photo).status_code == 201
    yesterday = (datetime.now(UTC) - timedelta(days=1)).timestamp()
    os.utime(tmp_path / "data" / "sources" / "a" / "lena.png", (yesterday, yesterday))
    return web_proc


def filled(headers: str, etag: str, modified: str) -> dict[str, str]:
    """`Name: value` a line; E stands for the ETag, NOW, BEFORE and AFTER for dates around the Last-Modified."""
    now = datetime.strptime(modified, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    words = {
        "NOW": modified,
        "BEFORE": http_date(now - timedelta(seconds=1)),
        "AFTER": http_date(now + timedelta(seconds=1)),
        "ASCTIME": now.strftime("%a %b %d %H:%M:%S %Y"),
        "RFC850": now.strftime("%A, %d-%b-%y %H:%M:%S GMT"),
        "E": f'"{etag}"',
    }
    told = {}
    for line in filter(None, headers.split("\n")):
        name, _, value = line.partition(": ")
        for word, meaning in words.items():
            value = value.replace(word, meaning)
        told[name] = value
    return told


PRECONDITIONS = [  # headers, status for GET and HEAD
    ("", 200),
    # 13.1.1: strong comparison
    ("If-Match: E", 200),
    ('If-Match: "x", E', 200),
    ("If-Match: *", 200),
    ("If-Match: W/E", 412),
    ('If-Match: "x"', 412),
    # 13.1.2: weak comparison
    ("If-None-Match: E", 304),
    ("If-None-Match: W/E", 304),
    ('If-None-Match: "x", W/E', 304),
    ("If-None-Match: *", 304),
    ('If-None-Match: "x"', 200),
    # 13.1.3
    ("If-Modified-Since: NOW", 304),
    ("If-Modified-Since: AFTER", 304),
    ("If-Modified-Since: BEFORE", 200),
    ("If-Modified-Since: yesterday", 200),
    ("If-Modified-Since: ASCTIME", 304),
    ("If-Modified-Since: RFC850", 304),
    # 13.1.4
    ("If-Unmodified-Since: NOW", 200),
    ("If-Unmodified-Since: AFTER", 200),
    ("If-Unmodified-Since: BEFORE", 412),
    ("If-Unmodified-Since: yesterday", 200),
    # 13.2.2: which of them counts
    ("If-Match: E\nIf-Unmodified-Since: BEFORE", 200),
    ('If-Match: "x"\nIf-Unmodified-Since: NOW', 412),
    ("If-Match: E\nIf-None-Match: E", 304),
    ('If-Match: "x"\nIf-None-Match: E', 412),
    ("If-Unmodified-Since: BEFORE\nIf-None-Match: E", 412),
    ('If-None-Match: "x"\nIf-Modified-Since: NOW', 200),
    ("If-None-Match: E\nIf-Modified-Since: BEFORE", 304),
    ("If-None-Match: E\nRange: bytes=0-3", 304),
    ('If-Match: "x"\nRange: bytes=0-3', 412),
]


@pytest.mark.parametrize("path", [ORIGINAL, RESULT])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_preconditions(client: Client, path: str, method: str) -> None:
    whole = client.get(path)
    for headers, status in PRECONDITIONS:
        sent = filled(headers, whole.headers["ETag"].strip('"'), whole.headers["Last-Modified"])
        answer = client.open(path, method=method, headers=sent)
        assert answer.status_code == status, headers
        assert answer.headers["ETag"] == whole.headers["ETag"], headers
        assert answer.data == (whole.data if status == 200 and method == "GET" else answer.data)
        if status == 304:
            assert answer.data == b""
        if status == 412 and method == "GET":
            assert answer.json["code"] == "PreconditionFailed"
            assert answer.json["parameter"] in headers


def test_preconditions_count_only_where_the_answer_would_be_a_success(client: Client) -> None:
    for headers in ({"If-Match": '"x"'}, {"If-None-Match": "*"}):
        assert client.get("/proc/none.png", headers=headers).status_code == 404
        assert client.get("/proc/rotate/400/a/lena.png", headers=headers).status_code == 400


def test_preconditions_of_uploads_and_deletes(
    client: Client, web_upload: Client, photo: bytes, configure: Callable[..., None]
) -> None:
    configure(admin_token="admin")
    red = io.BytesIO()
    Image.new("RGB", (3, 3), "red").save(red, "PNG")
    first = client.get(ORIGINAL).headers["ETag"]

    def put(key: str, **headers: str) -> int:
        sent = ADMIN | {name.replace("_", "-"): value for name, value in headers.items()}
        return web_upload.put(f"/upload/{key}", data=red.getvalue(), headers=sent).status_code

    assert put("a/lena.png", If_None_Match="*") == 412
    assert put("a/lena.png", If_Match='"x"') == 412
    assert put("a/lena.png", If_Unmodified_Since="Sat, 01 Jan 2000 00:00:00 GMT") == 412
    assert put("new.png", If_Match="*") == 412
    assert client.get(ORIGINAL).data == photo
    assert put("new.png", If_None_Match="*") == 201
    assert put("a/lena.png", If_Match=first) == 201
    assert put("a/lena.png", If_Match=first) == 412
    assert web_upload.delete("/upload/a/lena.png", headers=ADMIN | {"If-Match": first}).status_code == 412
    now = client.get(ORIGINAL).headers["ETag"]
    assert web_upload.delete("/upload/a/lena.png", headers=ADMIN | {"If-Match": now}).status_code == 204


RANGES = [  # headers, the first and last byte of a 206, 416, or None for the whole
    ("Range: bytes=0-0", (0, 0)),
    ("Range: bytes=0-9", (0, 9)),
    ("Range: bytes=10-", (10, -1)),
    ("Range: bytes=-7", (-7, -1)),
    ("Range: Bytes=0-9", (0, 9)),
    ("Range: bytes=0-99999999", (0, -1)),
    ("Range: bytes=-99999999", (0, -1)),
    ("Range: bytes= 1-2 ", (1, 2)),
    # what cannot be
    ("Range: bytes=99999999-", 416),
    ("Range: bytes=99999999-99999999", 416),
    ("Range: bytes=-0", 416),
    ("Range: bytes=-0,99999999-", 416),
    # what is no range is ignored
    ("Range: bytes=9-3", None),
    ("Range: bytes=", None),
    ("Range: bytes=a-b", None),
    ("Range: bytes=0-3,x", None),
    ("Range: bytes=-", None),
    ("Range: bytes=--3", None),
    ("Range: bytes", None),
    ("Range: pages=0-3", None),
    # several: one where they touch, else the whole
    ("Range: bytes=0-3,4-9", (0, 9)),
    ("Range: bytes=4-9,0-5", (0, 9)),
    ("Range: bytes=0-3,99999999-", (0, 3)),
    ("Range: bytes=0-3, ,4-5", (0, 5)),
    ("Range: bytes=0-3,8-9", None),
    # 13.1.5
    ("Range: bytes=0-3\nIf-Range: E", (0, 3)),
    ("Range: bytes=0-3\nIf-Range: W/E", None),
    ('Range: bytes=0-3\nIf-Range: "x"', None),
    ("Range: bytes=0-3\nIf-Range: NOW", (0, 3)),
    ("Range: bytes=0-3\nIf-Range: BEFORE", None),
    ("Range: bytes=0-3\nIf-Range: AFTER", None),
    ("Range: bytes=0-3\nIf-Range: nonsense", None),
    ('Range: bytes=99999999-\nIf-Range: "x"', None),
    ("If-Range: E", None),
    ("Range: bytes=0-3\nIf-Match: E", (0, 3)),
]


@pytest.mark.parametrize("path", [ORIGINAL, RESULT])
def test_ranges(client: Client, path: str) -> None:
    whole = client.get(path)
    size = len(whole.data)
    for headers, expected in RANGES:
        sent = filled(headers, whole.headers["ETag"].strip('"'), whole.headers["Last-Modified"])
        answer = client.get(path, headers=sent)
        if expected is None:
            assert (answer.status_code, answer.data) == (200, whole.data), headers
        elif expected == 416:
            assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{size}"), headers
        else:
            first, last = expected[0] % size, expected[1] % size
            assert (answer.status_code, answer.data) == (206, whole.data[first : last + 1]), headers
            assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{size}", headers
            assert answer.headers["Content-Length"] == str(last + 1 - first), headers
            assert answer.headers["ETag"] == whole.headers["ETag"]
        # 14.2: of HEAD a Range is ignored.
        head = client.head(path, headers=sent)
        assert (head.status_code, head.headers["Content-Length"]) == (200, str(size)), headers


def test_the_first_request_of_a_result_may_ask_for_a_part(client: Client) -> None:
    part = client.get("/proc/rotate/77/a/lena.png", headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.data, part.headers["X-Imgfn-Result"]) == (206, b"PNG", "made")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("Image/AVIF", "image/avif"),
        ("IMAGE/WEBP;Q=0.9, image/PNG;q=0.1", "image/webp"),
        ("image/webp;q=0, */*", "image/png"),
        ("image/*;q=0.8, image/avif;q=0.2, image/webp;q=0.5", "image/png"),
        ("image/webp; q=1.000 , image/avif;q=0.999", "image/webp"),
        ("text/html", "image/png"),
    ],
)
def test_accept(client: Client, accept: str, expected: str) -> None:
    assert client.get("/proc/format/auto/a/lena.png", headers={"Accept": accept}).content_type == expected


@pytest.mark.parametrize(
    ("accept", "expected"), [("Application/XML", "application/xml"), ("TEXT/xml;q=0.9,*/*;q=0.1", "text/xml")]
)
def test_accept_of_problems(client: Client, accept: str, expected: str) -> None:
    assert client.get("/proc/none.png", headers={"Accept": accept}).mimetype == expected


def test_a_changed_watermark_changes_the_date(
    client: Client, web_upload: Client, configure: Callable[..., None]
) -> None:
    configure(admin_token="admin")
    dots = [io.BytesIO(), io.BytesIO()]
    for file, colour in zip(dots, ("red", "blue"), strict=True):
        Image.new("RGB", (9, 9), colour).save(file, "PNG")
    assert web_upload.put("/upload/dot.png", data=dots[0].getvalue()).status_code == 201
    path = "/proc/watermark/image_ZG90LnBuZw/a/lena.png"
    answer = client.get(path)
    assert answer.headers["Last-Modified"] != client.get(ORIGINAL).headers["Last-Modified"]
