"""The table of attacks, on the real server: each with its exact answer and with what the stores were asked."""

import base64
import io
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from imgfn.core.registry import REGISTRY
from imgfn.ops import load_operations
from tests.hostile.bombs import BOMBS, jpeg
from tests.hostile.disguises import NOT_PICTURES, svg, svgs
from tests.hostile.multipart import FORMS
from tests.hostile.target import Target

load_operations()

PLANS = ("rotate/10", "resize/w_200", "format/webp", "format/avif", "info")
CODES = {415: {"UnsupportedMediaType"}, 422: {"BadImage", "ImageTooLarge"}}


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.__name__)
def test_a_bomb_is_taken_or_refused_whole(target: Target, bomb):
    body, status = bomb(), BOMBS[bomb]
    answer = target.put(f"/upload/{bomb.__name__}", body)
    assert answer.status == (201 if status == 200 else status), answer.body
    assert any(" put " in call for call in target.calls) == (status == 200)
    target.keep(f"kept/{bomb.__name__}", body)
    for plan in PLANS:
        answer = target.get(f"/proc/{plan}/kept/{bomb.__name__}")
        assert answer.status == status, (plan, answer.body)
        assert status == 200 or json.loads(answer.body)["code"] in CODES[status]


@pytest.mark.parametrize("name", NOT_PICTURES)
def test_what_is_no_picture_reaches_no_decoder(target: Target, name: str):
    answer = target.put(f"/upload/{name}.jpg", NOT_PICTURES[name])
    assert (answer.status, json.loads(answer.body)["code"]) == (415, "UnsupportedMediaType")
    assert not any(" put " in call for call in target.calls)
    target.keep(f"kept/{name}.jpg", NOT_PICTURES[name])
    for plan in PLANS:
        assert target.get(f"/proc/{plan}/kept/{name}.jpg").status == 415


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[bytes]]]:
    """A server on this machine that no drawing may call, and what came in."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def listen() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                heard.append(connection.recv(1000))
                connection.close()

        threading.Thread(target=listen, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/red.png", heard
        listener.shutdown(socket.SHUT_RDWR)


# Those that no renderer can draw, or not in its time; the two slow ones depend on the machine.
UNDRAWABLE = {
    "billion_laughs": {422},
    "xxe": {422},
    "xxe_parameter": {422},
    "use_bomb": {422, 504},
    "many_paths": {200, 422, 504},
    "huge": {422},
    "no_size": {422},
    "negative": {422},
    "deep": {422},
}


SLOW = {"use_bomb", "many_paths"}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.hard] * (name in SLOW)) for name in svgs("")])
def test_a_drawing_gets_only_what_is_in_it(target: Target, name: str, outside, tmp_path: Path):
    red = tmp_path / "red.png"
    Image.new("RGB", (64, 64), "red").save(red)
    url, heard = outside
    for number, place in enumerate((url, red.as_uri(), str(red))):
        key = f"kept/{name}{number}.svg"
        target.keep(key, svgs(place)[name], "image/svg+xml")
        answer = target.get(f"/proc/format/png/{key}")
        assert answer.status in UNDRAWABLE.get(name, {200}), answer.body
        if answer.status == 200:
            assert answer.headers["Content-Type"] == "image/png"
            pixels = Image.open(io.BytesIO(answer.body)).convert("RGB")
            assert (255, 0, 0) not in {colour for _, colour in pixels.getcolors(1 << 16)}
    assert heard == []


@pytest.mark.parametrize("name", FORMS)
def test_a_bad_form_stores_nothing(target: Target, name: str):
    form = FORMS[name]
    answer = target.post(form.body, form.content_type)
    assert answer.status == form.status, answer.body
    assert json.loads(answer.body)["status"] == form.status
    assert not any(" put " in call for call in target.calls)


def test_a_body_over_the_limit_is_refused_at_its_head(target: Target):
    answer = target.send(b"PUT /upload/big.jpg HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n" + jpeg())
    assert answer.status == 413
    assert target.calls == []


@pytest.mark.parametrize("place", ["/upload/big.jpg", "/upload/"])
def test_chunks_over_the_limit_are_refused_while_they_come(target: Target, place: str):
    chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    kind = "image/jpeg" if place.endswith("jpg") else "multipart/form-data; boundary=x"
    method = "PUT" if place.endswith("jpg") else "POST"
    first = b"" if method == "PUT" else b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n'
    head = f"{method} {place} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    start = f"{len(first):x}\r\n".encode() + first + b"\r\n" if first else b""
    answer = target.send(head.encode() + start + chunk * 30 + b"0\r\n\r\n")
    assert answer.status == 413
    assert target.calls == []


def test_a_body_that_ends_early_stores_nothing(target: Target):
    body = jpeg()
    answer = target.send(
        b"PUT /upload/cut.jpg HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n" + body[:2000], cut=True
    )
    assert answer.status == 400
    assert target.calls == []


# As they stand in the request line; each names nothing that a store may be asked for.
BAD_PATHS = [
    "",
    "..",
    "../x",
    "a/../../x",
    "%2e%2e/x",
    "%2E%2E%2Fx",
    "a/%2e%2e/b",
    "..%2f..%2fetc/passwd",
    "..%5c..%5cx",
    "..\\x",
    "a%5cb",
    "%00",
    "a%00.png",
    "/a",
    "%2fetc/passwd",
    "a//b",
    "a/",
    ".",
    "./a",
    "a/./b",
    "a/%2e/b",
    "%c0%ae%c0%ae/x",
    "%c0%af",
    "%e0%80%af",
    "%f0%80%80%af",
    "%fc%80%80%80%80%af",
    "%ff",
    "%ed%a0%80",
    "%ef%bf%bd",
    "a%e2%80%aegnp.exe",
    "a%e2%81%a6b",
    "%e2%80%8f",
    "a%0d%0aX:y",
    "a%0a",
    "a%09b",
    "a%7f",
    "a%c2%85b",
    "a%e2%80%a8b",
    "a" * 1024,
    "%e5%9b%be" * 342,
]
SPELT = [path if len(path) < 40 else f"{path[:12]}… {len(path)}" for path in BAD_PATHS]


@pytest.mark.parametrize("path", BAD_PATHS, ids=SPELT)
def test_a_bad_key_is_refused_before_any_store_is_asked(target: Target, path: str):
    for steps in ("", "rotate/10/", "-/"):
        for prefix in ("", "/2016-08-15/proxy/pydemo"):
            answer = target.get(f"{prefix}/proc/{steps}{path}")
            assert answer.status == 400, answer.body
            assert json.loads(answer.body)["code"] == "InvalidArgument"
    if path:
        assert target.put(f"/upload/{path}", jpeg()).status == 400
    assert target.calls == []


@pytest.mark.skipif(REGISTRY.get("watermark") is None, reason="no operation takes the key of another object yet")
@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a\0b", "a\\b", "a//b", "", "\u202ex"])
def test_a_bad_key_inside_an_argument_is_refused_too(target: Target, name: str):
    watermark = base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")
    assert target.get(f"/proc/watermark/image_{watermark}/a.png").status == 400
    assert target.get(f"/proc/a.png?x-oss-process=image/watermark,image_{watermark}").status == 400
    assert target.calls == []


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /proc/a b HTTP/1.1",
        b"GET /proc/a\0b HTTP/1.1",
        b"GET proc/a HTTP/1.1",
        b"GET /proc/" + b"a" * 9000 + b" HTTP/1.1",
        b"GET /proc/a HTTP/9.9",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET /proc/a?" + b"x" * 4096 + b" HTTP/1.1",
    ],
    ids=["space", "NUL", "no slash", "long", "version", "TLS", "long query"],
)
def test_a_bad_request_line_is_refused_before_any_store_is_asked(target: Target, request_line: bytes):
    assert target.send(request_line + b"\r\nHost: x\r\n\r\n").status in (400, 414, 505)
    assert target.calls == []


@pytest.mark.parametrize(
    "fields",
    [
        b"X: " + b"a" * 70_000,
        b"\r\n".join(b"X-%d: a" % number for number in range(500)),
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: -1",
        b"Content-Length: 0x10",
        b"Transfer-Encoding: identity, chunked, x",
        b"X\0Y: a",
        b"X : a",
        b" folded: a",
    ],
    ids=lambda fields: fields[:24].decode("latin-1"),
)
def test_bad_headers_are_refused_before_any_store_is_asked(target: Target, fields: bytes):
    answer = target.send(b"PUT /upload/a.jpg HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n\r\n")
    assert 400 <= answer.status < 500 or answer.status == 501
    assert target.calls == []


def test_forged_headers_change_nothing(target: Target):
    target.keep("a.jpg", jpeg())
    plain = target.get("/proc/resize/w_20/a.jpg")
    for name, value in {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "javascript",
        "X-Forwarded-Prefix": "/upload",
        "X-Original-URL": "/metrics",
        "X-Rewrite-URL": "/metrics",
        "X-HTTP-Method-Override": "DELETE",
        "Forwarded": "host=evil.example",
        "x-fc-request-id": "forged",
        "x-fc-access-key-id": "forged",
        "x-fc-access-key-secret": "forged",
        "x-fc-security-token": "forged",
        "Accept": "image/avif",
        "Cookie": "a=b",
    }.items():
        answer = target.get("/proc/resize/w_20/a.jpg", **{name: value})
        assert (answer.status, answer.body) == (200, plain.body), name
        assert answer.headers["ETag"] == plain.headers["ETag"], name
        told = str(answer.headers) + target.get("/proc/none.jpg", **{name: value}).body.decode()
        assert "evil.example" not in told
        assert "forged" not in told


def test_one_variant_of_accept_is_never_taken_for_another(target: Target):
    target.keep("b.jpg", jpeg())
    seen = {}
    for accept in ("image/avif", "image/webp", "image/jpeg", "*/*", "image/avif;q=0.1,image/webp", "image/webp;q=0"):
        for _ in range(2):
            answer = target.get("/proc/format/auto/b.jpg", Accept=accept)
            assert answer.headers["Vary"] == "Accept"
            kind = answer.headers["Content-Type"]
            assert seen.setdefault(answer.headers["ETag"], kind) == kind
            assert Image.open(io.BytesIO(answer.body)).get_format_mimetype() == kind
    assert sorted(seen.values()) == ["image/avif", "image/jpeg", "image/webp"]


def test_a_drawing_can_be_uploaded_and_is_no_page(target: Target):
    assert target.put("/upload/drawing.svg", svg("<script>alert(1)</script>")).status == 201
    answer = target.get("/proc/drawing.svg")
    assert answer.headers["Content-Disposition"] == "attachment"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
