import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from werkzeug.test import Client

from imgfn import wiring
from imgfn.core.key import Key


def stored_keys() -> list[str]:
    return [stat.key for stat in wiring.service().sources.list()]


def stored_bytes(key: str) -> bytes:
    with wiring.service().sources.open(Key(key)) as opened:
        return opened.body.read()


def post(client: Client, *parts: tuple[str, str, bytes], **options: object):
    files = {}
    for field, name, body in parts:
        files.setdefault(field, []).append((io.BytesIO(body), name))
    return client.post(options.pop("path", "/upload/"), data=files, **options)


def test_the_field_name_is_the_key(web_upload: Client, photo: bytes) -> None:
    answer = post(web_upload, ("a/lena.png", "whatever.bin", photo))
    assert answer.status_code == 201
    (told,) = answer.json["files"]
    assert told["key"] == "a/lena.png"
    assert told["url"] == "/proc/a/lena.png"
    assert (told["size"], told["width"], told["height"], told["format"]) == (len(photo), 60, 40, "png")
    assert told["sha256"] == hashlib.sha256(photo).hexdigest()
    assert told["etag"] == wiring.service().sources.stat(Key("a/lena.png")).etag
    assert stored_bytes("a/lena.png") == photo


@pytest.mark.parametrize("field", ["file", "image"])
def test_a_part_called_file_or_image_takes_its_files_name(web_upload: Client, photo: bytes, field: str) -> None:
    assert post(web_upload, (field, "图 1.png", photo)).json["files"][0]["key"] == "图 1.png"


def test_several_parts_are_all_stored(web_upload: Client, photo: bytes) -> None:
    answer = post(web_upload, ("one.png", "x", photo), ("two.png", "x", photo))
    assert answer.status_code == 201
    assert stored_keys() == ["one.png", "two.png"]


def test_one_bad_part_stores_none(web_upload: Client, photo: bytes) -> None:
    answer = post(web_upload, ("one.png", "x", photo), ("two.png", "x", b"<html>hello</html>"))
    assert (answer.status_code, answer.json["code"]) == (415, "UnsupportedMediaType")
    assert stored_keys() == []


def test_a_broken_picture_is_refused(web_upload: Client, photo: bytes) -> None:
    answer = post(web_upload, ("one.png", "x", photo[:20]))
    assert (answer.status_code, answer.json["code"]) == (422, "BadImage")
    assert stored_keys() == []


def test_a_picture_over_the_pixel_limit_is_refused(
    web_upload: Client, photo: bytes, configure: Callable[..., None]
) -> None:
    configure(max_pixels=2399)
    answer = post(web_upload, ("one.png", "x", photo))
    assert (answer.status_code, answer.json["code"]) == (422, "ImageTooLarge")
    assert "2399" in answer.text.replace(",", "")


def test_the_same_bytes_again_are_fine_and_others_are_a_conflict(web_upload: Client, photo: bytes) -> None:
    assert post(web_upload, ("one.png", "x", photo)).status_code == 201
    assert post(web_upload, ("one.png", "x", photo)).status_code == 200
    other = io.BytesIO()
    Image.new("RGB", (3, 3)).save(other, "PNG")
    answer = post(web_upload, ("one.png", "x", other.getvalue()))
    assert (answer.status_code, answer.json["code"]) == (409, "ObjectAlreadyExists")
    assert stored_bytes("one.png") == photo


def test_put_stores_a_raw_body(web_upload: Client, photo: bytes) -> None:
    answer = web_upload.put("/upload/b/raw.png", data=photo)
    assert answer.status_code == 201
    assert stored_bytes("b/raw.png") == photo


def test_a_name_by_content_is_the_digest(web_upload: Client, photo: bytes) -> None:
    answer = post(web_upload, ("x", "y", photo), path="/upload/?key=hash")
    assert answer.json["files"][0]["key"] == hashlib.sha256(photo).hexdigest() + ".png"


def test_over_the_size_limit_is_413_and_reading_stops(
    web_upload: Client, photo: bytes, configure: Callable[..., None]
) -> None:
    configure(max_upload_bytes=1000)
    read = 0

    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer) -> int:
            nonlocal read
            read += len(buffer)
            assert read < 3_000_000, "read far past the limit"
            buffer[:] = b"x" * len(buffer)
            return len(buffer)

    chunked = {"wsgi.input": Endless(), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    answer = web_upload.put("/upload/big.png", environ_overrides=chunked)
    assert (answer.status_code, answer.json["code"]) == (413, "EntityTooLarge")
    assert post(web_upload, ("big.png", "x", photo + b"x" * 1000)).status_code == 413
    assert stored_keys() == []


@pytest.mark.parametrize("key", ["../x.png", "a//b.png", "a\\b.png", "a/./b", "x\u202egnp.png", "n\x00l"])
def test_a_bad_name_is_refused_in_words(web_upload: Client, photo: bytes, key: str) -> None:
    answer = web_upload.put("/upload/" + key.replace("\x00", "%00"), data=photo)
    assert (answer.status_code, answer.json["code"], answer.json["parameter"]) == (400, "InvalidArgument", "key")
    assert "UTF-8" in answer.json["expected"]


def test_bodies_that_are_no_upload_are_400(web_upload: Client, photo: bytes) -> None:
    whole = b'--b\r\nContent-Disposition: form-data; name="x.png"; filename="x"\r\n\r\n' + photo
    for body, kind in [
        (b"{}", "application/json"),
        (b"x", "multipart/form-data"),
        (whole, "multipart/form-data; boundary=b"),  # never ends
        (b"--b--\r\n", "multipart/form-data; boundary=b"),
    ]:
        assert web_upload.post("/upload/", data=body, content_type=kind).status_code == 400, kind
    assert stored_keys() == []


def test_too_many_parts_and_twice_the_same_name(web_upload: Client, photo: bytes) -> None:
    many = [(f"{number}.png", "x", photo) for number in range(21)]
    assert post(web_upload, *many).status_code == 413
    answer = post(web_upload, ("one.png", "x", photo), ("one.png", "y", photo))
    assert (answer.status_code, answer.json["code"]) == (400, "InvalidArgument")
    assert stored_keys() == []


def test_delete_needs_a_token_and_takes_the_results_along(
    web_upload: Client, web_proc: Client, photo: bytes, configure: Callable[..., None]
) -> None:
    post(web_upload, ("one.png", "x", photo))
    assert web_upload.delete("/upload/one.png").status_code == 403
    configure(admin_token="secret")
    assert web_upload.delete("/upload/one.png", headers={"Authorization": "Bearer wrong"}).status_code == 403
    assert web_proc.get("/proc/rotate/10/one.png").status_code == 200
    assert len(list(wiring.service().results.list())) == 1
    assert web_upload.delete("/upload/one.png", headers={"Authorization": "Bearer secret"}).status_code == 204
    assert stored_keys() == []
    assert list(wiring.service().results.list()) == []
    assert web_proc.get("/proc/rotate/10/one.png").status_code == 404


def test_an_upload_token_is_asked_for(
    web_upload: Client, photo: bytes, configure: Callable[..., None], tmp_path: Path
) -> None:
    configure(upload_token="let-me-in")
    refused = post(web_upload, ("one.png", "x", photo))
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (403, "Bearer")
    assert post(web_upload, ("one.png", "x", photo), headers={"Authorization": "Bearer let-me-in"}).status_code == 201


def test_the_receipt_and_the_picture_say_that_a_file_ends_early(
    web_upload: Client, web_proc: Client, configure: Callable[..., None]
) -> None:
    out = io.BytesIO()
    Image.effect_noise((200, 150), 50).save(out, "JPEG")
    whole, half = out.getvalue(), out.getvalue()[: out.tell() // 2]
    for render in ("inline", "process"):
        configure(render=render)
        answer = web_upload.put(f"/upload/{render}.jpg", data=half)
        (told,) = answer.json["files"]
        assert (answer.status_code, len(told["notes"])) == (201, 1)
        picture = web_proc.get(f"/proc/resize/w_20/{render}.jpg")
        assert (picture.status_code, picture.headers["X-Imgfn-Note"]) == (200, told["notes"][0])
    assert "notes" not in web_upload.put("/upload/whole.jpg", data=whole).json["files"][0]
    configure(strict="true", render="inline")
    assert web_upload.put("/upload/other.jpg", data=half).status_code == 422
    assert web_proc.get("/proc/resize/w_21/inline.jpg").status_code == 422
