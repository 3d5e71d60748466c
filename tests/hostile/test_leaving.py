"""What leaves: pixels in files of our own encoders, and nothing that the sender had put beside them."""

import io
import json
from collections.abc import Callable

import pytest
from PIL import Image
from werkzeug.test import Client

from imgfn import wiring
from imgfn.core.key import Key
from imgfn.functions import proc
from tests.hostile.disguises import GPS_PLACE, PAYLOAD, POLYGLOTS, SCRIPT, svg

FORMATS = ("jpg", "png", "webp", "avif", "gif", "tiff", "bmp")
# How each format's files end; what stands behind that is not ours.
ENDS = {"jpg": b"\xff\xd9", "png": b"IEND\xaeB`\x82", "gif": b"\x3b"}


@pytest.fixture
def client(configure: Callable[..., None]) -> Client:
    return Client(proc.handler)


def keep(name: str, body: bytes, content_type: str = "text/html") -> None:
    """Put an object into the store behind our back, as another program would."""
    wiring.service().sources.put(Key(name), io.BytesIO(body), len(body), content_type, {"sha256": "forged"})


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("polyglot", POLYGLOTS)
def test_a_result_has_nothing_of_its_source_but_the_picture(client: Client, polyglot: str, fmt: str):
    keep("evil.jpg", POLYGLOTS[polyglot]())
    for plan in (f"format/{fmt}", f"resize/w_20/format/{fmt}", f"flip/h/format/{fmt}"):
        answer = client.get(f"/proc/{plan}/evil.jpg")
        assert answer.status_code == 200, answer.text
        for left in (PAYLOAD, SCRIPT, GPS_PLACE.encode(), b"<?php", b"%PDF", b"PK\x03\x04", b"alert("):
            assert left not in answer.data, (plan, left)
        assert answer.data.endswith(ENDS.get(fmt, b""))
        with Image.open(io.BytesIO(answer.data)) as image:
            assert image.format in answer.content_type.upper().replace("JPEG", "MPO JPEG")
            own = {"icc_profile", "exif", "xmp", "comment"} & set(image.info)
            assert own <= {"icc_profile"}
            assert not image.getexif() or fmt == "tiff"


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_plan_without_steps_on_pixels_strips_as_well(client: Client, fmt: str):
    keep("evil.jpg", POLYGLOTS["jpeg_from_a_telephone"]())
    answer = client.get(f"/proc/evil.jpg?x-oss-process=image/format,{fmt}")
    assert PAYLOAD not in answer.data
    assert GPS_PLACE.encode() not in answer.data


def test_every_answer_forbids_guessing_and_running(client: Client):
    keep("evil.jpg", POLYGLOTS["jpeg_and_html"]())
    for target in ("/proc/evil.jpg", "/proc/rotate/10/evil.jpg", "/proc/info/evil.jpg"):
        headers = client.get(target).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("sandbox;")
        assert "script-src" not in headers["Content-Security-Policy"]
    refused = client.get("/proc/rotate/x/evil.jpg")
    assert refused.headers["X-Content-Type-Options"] == "nosniff"
    assert refused.content_type == "application/problem+json"


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=5-20"}, {"Range": "bytes=-3"}])
def test_an_original_has_the_type_that_its_bytes_have(client: Client, headers: dict[str, str]):
    keep("a.html", POLYGLOTS["jpeg_and_html"](), "text/html")
    assert client.get("/proc/a.html", headers=headers).content_type == "image/jpeg"
    keep("b.jpg", b"<!DOCTYPE html>" + SCRIPT, "image/jpeg")
    page = client.get("/proc/b.jpg", headers=headers)
    assert page.content_type == "application/octet-stream"
    assert page.headers["Content-Disposition"] == "attachment"
    keep("large.html", POLYGLOTS["jpeg_and_html"]() + bytes(3 << 20), "text/html")
    assert client.get("/proc/large.html", headers=headers).content_type == "image/jpeg"


def test_a_drawing_is_served_as_pixels_and_its_original_only_to_be_saved(client: Client):
    keep("drawing.png", svg("<script>alert(1)</script>"), "image/png")
    original = client.get("/proc/drawing.png")
    assert (original.content_type, original.headers["Content-Disposition"]) == ("image/svg+xml", "attachment")
    assert original.headers["Content-Security-Policy"].startswith("sandbox;")
    for plan in ("rotate/10", "resize/w_20", "quality/80", "format/webp", "auto-orient/1", "interlace/1"):
        answer = client.get(f"/proc/{plan}/drawing.png")
        assert answer.status_code == 200
        assert answer.content_type in ("image/png", "image/webp")
        assert b"alert" not in answer.data
    assert client.get("/proc/format/svg/drawing.png").status_code == 400


@pytest.mark.parametrize("name", ["a%0d%0aSet-Cookie:%20x=1", "a%0aX:%20y", "a%0db", "a%e2%80%a8b", "a%c2%85b"])
def test_a_line_break_never_reaches_a_header(client: Client, name: str):
    answer = client.get(f"/proc/{name}", headers={"X-Request-Id": "a"})
    assert answer.status_code == 400
    assert {"Set-Cookie", "X"} & set(answer.headers.keys()) == set()
    assert all(value.isprintable() for value in answer.headers.values())


def test_words_of_a_picture_stay_words(client: Client):
    exif = Image.Exif()
    exif[315] = "</script><script>alert(1)</script>\r\nX: y"
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "JPEG", exif=exif)
    keep("a.jpg", out.getvalue())
    answer = client.get("/proc/info/a.jpg")
    assert answer.content_type == "application/json"
    assert json.loads(answer.data)["Artist"]["value"].startswith("</script>")
    assert "X" not in answer.headers
