import gc
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from werkzeug.test import Client, create_environ

from imgfn import wiring
from imgfn.functions import proc


@pytest.fixture
def client(web_proc: Client, web_upload: Client, photo: bytes) -> Client:
    assert web_upload.put("/upload/a/lena.png", data=photo).status_code == 201
    return web_proc


def opened(answer) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.data))


def test_a_plan_is_run_in_the_order_of_its_url(client: Client) -> None:
    assert opened(client.get("/proc/rotate/90/resize/w_20/a/lena.png")).size == (20, 30)
    assert opened(client.get("/proc/resize/w_20/rotate/90/a/lena.png")).size == (13, 20)


def test_both_grammars_share_one_result(client: Client) -> None:
    first = client.get("/proc/rotate/10/resize/w_20,h_20/a/lena.png")
    second = client.get("/proc/a/lena.png?x-oss-process=image/rotate,10/resize,h_20,w_20")
    assert (first.headers["X-Imgfn-Result"], second.headers["X-Imgfn-Result"]) == ("made", "kept")
    assert first.headers["ETag"] == second.headers["ETag"]
    assert first.data == second.data


def test_the_original_comes_back_as_it_was(client: Client, photo: bytes) -> None:
    answer = client.get("/proc/a/lena.png")
    assert answer.data == photo
    assert answer.content_type == "image/png"


def test_every_picture_carries_the_headers_that_caches_and_browsers_need(client: Client) -> None:
    answer = client.get("/proc/format/webp/a/lena.png", headers={"X-Request-Id": "my-id.1"})
    headers = answer.headers
    assert answer.content_type == "image/webp"
    assert re.fullmatch(r'"[0-9a-f]{40}"', headers["ETag"])
    assert "GMT" in headers["Last-Modified"]
    assert headers["Cache-Control"] == "public, max-age=86400"
    assert headers["Content-Disposition"] == "inline"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("sandbox")
    assert headers["X-Request-Id"] == "my-id.1"
    assert headers["X-Imgfn-Version"]
    assert "Vary" not in headers
    assert {"fetch", "decode", "steps", "encode"} <= set(re.findall(r"(\w+);dur=[0-9.]+", headers["Server-Timing"]))


def test_a_harmful_request_id_is_replaced(client: Client) -> None:
    assert client.get("/proc/a/lena.png", headers={"X-Request-Id": "a b"}).headers["X-Request-Id"] != "a b"


@pytest.mark.parametrize("validator", ['"{}"', 'W/"{}"', '"x", "{}"', "*"])
def test_a_known_version_is_304_without_a_pixel_being_read(client: Client, validator: str) -> None:
    etag = client.head("/proc/rotate/10/a/lena.png").headers["ETag"].strip('"')
    answer = client.get("/proc/rotate/10/a/lena.png", headers={"If-None-Match": validator.replace("{}", etag)})
    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", f'"{etag}"')


def test_a_304_needs_no_readable_source(client: Client, web_upload: Client, configure: Callable[..., None]) -> None:
    etag = client.head("/proc/rotate/10/a/lena.png").headers["ETag"]
    configure(max_pixels=1)
    assert client.get("/proc/rotate/11/a/lena.png").status_code == 422
    assert client.get("/proc/rotate/10/a/lena.png", headers={"If-None-Match": etag}).status_code == 304


def test_a_changed_source_is_never_served_stale(
    client: Client, web_upload: Client, configure: Callable[..., None]
) -> None:
    before = client.get("/proc/resize/w_20/a/lena.png")
    configure(allow_overwrite=1)
    other = io.BytesIO()
    Image.new("RGB", (60, 40), "red").save(other, "PNG")
    assert web_upload.put("/upload/a/lena.png", data=other.getvalue()).status_code == 201
    after = client.get("/proc/resize/w_20/a/lena.png", headers={"If-None-Match": before.headers["ETag"]})
    assert after.headers["ETag"] != before.headers["ETag"]
    assert opened(after).convert("RGB").getpixel((5, 5)) == (255, 0, 0)


def test_head_makes_the_same_checks_and_headers_as_get(client: Client) -> None:
    head, get = client.head("/proc/rotate/10/a/lena.png"), client.get("/proc/rotate/10/a/lena.png")
    assert head.data == b""
    for name in ("Content-Length", "Content-Type", "ETag", "Last-Modified"):
        assert head.headers[name] == get.headers[name]
    assert client.head("/proc/rotate/10/none.png").status_code == 404
    assert client.head("/proc/rotate/400/a/lena.png").status_code == 400


@pytest.mark.parametrize(
    ("wish", "first", "last"), [("bytes=0-9", 0, 9), ("bytes=10-", 10, None), ("bytes=-7", -7, None)]
)
@pytest.mark.parametrize("path", ["/proc/a/lena.png", "/proc/rotate/10/a/lena.png"])
def test_ranges_of_what_is_stored(client: Client, path: str, wish: str, first: int, last: int | None) -> None:
    whole = client.get(path)
    part = client.get(path, headers={"Range": wish})
    size = len(whole.data)
    expected = whole.data[first : None if last is None else last + 1]
    start = first % size
    assert (part.status_code, part.data) == (206, expected)
    assert part.headers["Content-Range"] == f"bytes {start}-{start + len(expected) - 1}/{size}"
    assert int(part.headers["Content-Length"]) == len(expected)


def test_a_range_outside_is_416_and_an_outdated_if_range_gives_the_whole(client: Client, photo: bytes) -> None:
    answer = client.get("/proc/a/lena.png", headers={"Range": "bytes=999999-"})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{len(photo)}")
    whole = client.get("/proc/a/lena.png", headers={"Range": "bytes=0-3", "If-Range": '"old"'})
    assert (whole.status_code, whole.data) == (200, photo)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("image/avif,image/webp,*/*", "image/avif"),
        ("image/avif;q=0.5,image/webp", "image/webp"),
        ("image/avif;q=0.3,image/png", "image/png"),
        ("*/*", "image/png"),
        ("image/webp;q=0,*/*", "image/png"),
        ("", "image/png"),
    ],
)
def test_auto_takes_what_accept_ranks_highest(client: Client, accept: str, expected: str) -> None:
    answer = client.get("/proc/format/auto/a/lena.png", headers={"Accept": accept})
    assert (answer.content_type, answer.headers["Vary"]) == (expected, "Accept")


def test_each_negotiated_format_has_an_etag_of_its_own(client: Client) -> None:
    kinds = ("image/avif", "image/webp", "image/png")
    etags = {client.get("/proc/format/auto/a/lena.png", headers={"Accept": kind}).headers["ETag"] for kind in kinds}
    assert len(etags) == 3


@pytest.mark.parametrize(
    ("path", "status", "code", "parameter"),
    [
        ("/proc/rotate/400/a/lena.png", 400, "InvalidArgument", "angle"),
        ("/proc/resize/_/a/lena.png", 400, "MissingArgument", "w"),
        ("/proc/resize/w_20", 400, "InvalidArgument", "key"),
        ("/proc/a/lena.png?x-oss-process=image/nope,1", 400, "InvalidArgument", "x-oss-process"),
        ("/proc/none.png", 404, "NoSuchKey", None),
        ("/proc/rotate/10/../../etc/passwd", 400, "InvalidArgument", "key"),
        ("/proc/a//lena.png", 400, "InvalidArgument", "key"),
    ],
)
def test_bad_requests_say_what_was_expected(client: Client, path: str, status: int, code: str, parameter: str) -> None:
    answer = client.get(path)
    problem = answer.json
    assert answer.content_type == "application/problem+json"
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem.get("parameter") == parameter
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert {"type", "title", "detail"} <= problem.keys()


def test_an_unknown_operation_names_the_nearest(client: Client) -> None:
    assert "did you mean resize?" in client.get("/proc/resise/w_20/a/lena.png").json["detail"]


def test_a_wrong_method_is_405_and_names_the_right_ones(client: Client) -> None:
    answer = client.put("/proc/a/lena.png")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, POST, OPTIONS")


def test_problems_are_xml_where_accept_prefers_it(client: Client) -> None:
    answer = client.get("/proc/none.png", headers={"Accept": "application/xml"})
    assert answer.content_type.startswith("application/xml")
    assert "<Code>NoSuchKey</Code>" in answer.text


def test_cors_follows_the_settings(client: Client, configure: Callable[..., None]) -> None:
    page = {"Origin": "https://shop.example"}
    assert client.get("/proc/a/lena.png", headers=page).headers["Access-Control-Allow-Origin"] == "*"
    configure(cors_origins="https://shop.example")
    answer = client.get("/proc/none.png", headers=page)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert answer.headers["Vary"] == "Origin"
    assert client.get("/proc/format/auto/a/lena.png", headers=page).headers["Vary"] == "Accept, Origin"
    assert "Access-Control-Allow-Origin" not in client.get("/proc/a/lena.png", headers={"Origin": "https://x"}).headers
    assert client.options("/proc/a/lena.png", headers=page).status_code == 204


def test_equal_requests_at_once_are_rendered_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.get("/proc/resize/w_55/rotate/11/a/lena.png"), range(8)))
    assert len({answer.data for answer in answers}) == 1
    assert len(list(wiring.service().results.list())) == 1


def test_results_of_the_longest_keys_are_kept_and_go_with_their_source(
    client: Client, web_upload: Client, photo: bytes, configure: Callable[..., None]
) -> None:
    configure(admin_token="secret")
    key = "/".join(["x" * 200] * 5) + "/" + "y" * 18
    assert len(key) == 1023
    assert web_upload.put(f"/upload/{key}", data=photo).status_code == 201
    first = client.get(f"/proc/rotate/10/{key}")
    assert client.get(f"/proc/rotate/10/{key}").headers["X-Imgfn-Result"] == "kept"
    assert first.status_code == 200
    assert web_upload.delete(f"/upload/{key}", headers={"Authorization": "Bearer secret"}).status_code == 204
    assert list(wiring.service().results.list()) == []


def test_a_stat_is_believed_as_long_as_the_settings_say(
    client: Client, configure: Callable[..., None], tmp_path: Path
) -> None:
    configure(stat_ttl_seconds=60)
    before = client.get("/proc/resize/w_20/a/lena.png").headers["ETag"]
    Image.new("RGB", (60, 40), "red").save(tmp_path / "data" / "sources" / "a" / "lena.png")  # behind the server's back
    assert client.head("/proc/resize/w_20/a/lena.png").headers["ETag"] == before
    configure(stat_ttl_seconds=0)
    assert client.head("/proc/resize/w_20/a/lena.png").headers["ETag"] != before


@pytest.mark.parametrize(
    "path", ["/proc/resize/w_20/a/lena.png", "/proc/a/lena.png", "/proc/resize/w_20/none.png", "/proc/resize/w_x/none"]
)
def test_a_request_leaves_nothing_to_the_garbage_collector(client: Client, path: str) -> None:
    def ask() -> int:
        statuses: list[str] = []
        answer = proc.handler(create_environ(path), lambda status, _headers: statuses.append(status))
        return len(b"".join(answer)) if statuses else 0

    assert ask()  # what is made once is made
    gc.collect()
    gc.disable()
    try:
        assert ask()
        assert gc.collect() == 0
    finally:
        gc.enable()
