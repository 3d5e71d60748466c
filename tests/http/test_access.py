import io
import json
import time
from collections.abc import Callable

import pytest
from PIL import Image
from werkzeug.test import Client

from imgfn import wiring
from imgfn.http.signing import sign
from tests.hostile.recording import record_stores

KEYS = {"new": "a-secret-of-the-new-key", "old": "a-secret-of-the-old-key"}
SIGNING_KEYS = ",".join(f"{key_id}:{secret}" for key_id, secret in KEYS.items())
PICTURE = "/proc/rotate/10/a/lena.png"
PREFIX = "/2016-08-15/proxy/pydemo.prod"


def signed(target: str, seconds: int = 60, key_id: str = "new") -> str:
    return sign(target, key_id, KEYS[key_id], int(time.time()) + seconds)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every call of a store since the last `clear`."""
    calls: list[str] = []
    monkeypatch.setattr(wiring, "build_store", record_stores(calls.append))
    return calls


@pytest.fixture
def guarded(asked: list[str], web_upload: Client, configure: Callable[..., None], photo: bytes) -> Callable[..., None]:
    """Turn the guards on; a picture is there, and the record of calls is empty."""
    web_upload.put("/upload/a/lena.png", data=photo)
    wiring.service().results  # noqa: B018  made before the record is emptied

    def guard(**settings: object) -> None:
        configure(signing_keys=SIGNING_KEYS, **settings)
        asked.clear()

    return guard


def other_photo() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (3, 3)).save(out, "PNG")
    return out.getvalue()


def test_signed_only_serves_what_is_signed_and_nothing_else(web_proc, guarded, asked):
    guarded(access="signed-only")
    for target in (PICTURE, "/proc/a/lena.png", "/proc/a/lena.png?x-oss-process=image/rotate,10"):
        refused = web_proc.get(target)
        assert (refused.status_code, refused.json["code"]) == (403, "AccessDenied")
        assert asked == []
        for key_id in KEYS:
            assert web_proc.get(signed(target, key_id=key_id)).status_code == 200
        asked.clear()


def test_styles_only_wants_a_signature_for_every_other_plan(web_proc, guarded, asked):
    guarded(access="styles-only")
    assert web_proc.get(PICTURE).status_code == 403
    assert web_proc.get("/proc/a/lena.png").status_code == 403
    assert asked == []
    assert web_proc.get(signed(PICTURE)).status_code == 200


@pytest.mark.parametrize("access", ["open", "styles-only", "signed-only"])
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda url: url.replace("rotate/10", "rotate/11"), "SignatureDoesNotMatch"),
        (lambda url: url.replace("/a/lena", "/a%2Flena"), "SignatureDoesNotMatch"),
        (lambda url: url.replace("/lena", "/%6Cena"), "SignatureDoesNotMatch"),
        (lambda url: url.replace("/proc/", "/%70roc/"), "SignatureDoesNotMatch"),
        (lambda url: url + "&x-oss-process=image/resize,w_5", "SignatureDoesNotMatch"),
        (lambda url: url.replace("?", "?x-oss-process=image/resize,w_5&"), "SignatureDoesNotMatch"),
        (lambda url: url + "&" + url.rpartition("&")[2], "SignatureDoesNotMatch"),
        (lambda url: url[:-1], "SignatureDoesNotMatch"),
        (lambda url: url[:-43] + url[-43:].swapcase(), "SignatureDoesNotMatch"),
        (lambda url: url.replace("=new.", "=old."), "SignatureDoesNotMatch"),
        (lambda url: signed(PICTURE, seconds=-1), "Expired"),
        (
            lambda url: signed(PICTURE.replace("/proc/", "/upload/")).replace("/upload/", "/proc/"),
            "SignatureDoesNotMatch",
        ),
    ],
)
def test_a_wrong_signature_is_refused_before_any_store_is_asked(web_proc, guarded, asked, access, change, code):
    guarded(access=access)
    answer = web_proc.get(change(signed(PICTURE)))
    assert (answer.status_code, answer.json["code"]) == (403, code)
    assert asked == []


def test_one_signature_is_good_behind_every_prefix(web_proc, guarded):
    guarded(access="signed-only")
    url = signed("/proc/rotate/10/a/lena.png?x-oss-process=image/resize,w_5")
    below = url.removeprefix("/proc")
    bare = {"SCRIPT_NAME": "", "RAW_URI": below, "REQUEST_URI": below}
    cloud = {"fc.request_uri": f"{PREFIX}/proc{below}"}
    assert web_proc.get(url).status_code == 200
    assert web_proc.get(f"{PREFIX}/proc{below}").status_code == 200
    assert web_proc.get(below, environ_overrides=bare).status_code == 200  # a custom domain's route
    assert web_proc.get(below, environ_overrides=cloud).status_code == 200
    assert web_proc.get(url, environ_overrides={"RAW_URI": f"http://images.example{url}"}).status_code == 200


def test_what_was_signed_is_what_is_done(web_proc, guarded, asked):
    guarded(access="signed-only")
    url = signed("/proc/a/lena.png")
    other = {"PATH_INFO": "/proc/rotate/10/a/lena.png"}
    assert web_proc.get(url, environ_overrides=other).json["code"] == "SignatureDoesNotMatch"
    assert asked == []


def test_caches_may_not_keep_an_answer_longer_than_its_signature_lasts(web_proc, guarded):
    guarded(access="signed-only")
    seconds = int(web_proc.get(signed(PICTURE, seconds=60)).headers["Cache-Control"].rpartition("=")[2])
    assert 50 <= seconds <= 60
    assert web_proc.get(signed(PICTURE, 10**6)).headers["Cache-Control"] == "public, max-age=86400"


def test_new_results_of_one_source_are_bounded_and_kept_ones_are_not(web_proc, guarded, web_upload, photo):
    guarded(new_results_per_source=3, admin_token="admin")
    bearer = {"Authorization": "Bearer admin"}
    assert web_upload.put("/upload/b.png", data=photo, headers=bearer).status_code == 201
    assert [web_proc.get(f"/proc/resize/w_{w}/a/lena.png").status_code for w in (1, 2, 3, 4)] == [200, 200, 200, 429]
    refused = web_proc.get("/proc/resize/w_5/a/lena.png")
    assert refused.json["code"] == "TooManyPlans"
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    assert web_proc.get("/proc/resize/w_1/a/lena.png").headers["X-Imgfn-Result"] == "kept"
    assert web_proc.get("/proc/resize/w_4/b.png").status_code == 200
    assert web_proc.get(signed("/proc/resize/w_4/a/lena.png")).status_code == 200


def test_with_keys_alone_uploads_need_a_grant(web_upload, guarded, asked, photo):
    guarded()
    assert web_upload.put("/upload/new.png", data=photo).status_code == 403
    assert web_upload.post("/upload/", data={"new.png": (io.BytesIO(photo), "x")}).status_code == 403
    assert asked == []


def grant(photo: bytes, key: str = "new.png", kind: str = "image/png", room: int = 0, seconds: int = 60) -> str:
    return signed(f"/upload/{key}?max-bytes={len(photo) + room}&type={kind}", seconds)


def test_a_grant_lets_one_picture_in_as_a_body_or_as_a_form(web_upload, guarded, photo):
    guarded()
    assert web_upload.put(grant(photo), data=photo).status_code == 201
    form = {"file": (io.BytesIO(photo), "whatever.jpg"), "note": "a field beside it"}
    told = web_upload.post(grant(photo, key="form.png"), data=form).json["files"]
    assert [file["key"] for file in told] == ["form.png"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        (lambda photo: grant(photo).replace("new.png", "other.png"), "SignatureDoesNotMatch"),
        (lambda photo: grant(photo).replace("max-bytes=", "max-bytes=9"), "SignatureDoesNotMatch"),
        (lambda photo: grant(photo).replace("image/png", "image/gif"), "SignatureDoesNotMatch"),
        (lambda photo: grant(photo, seconds=-1), "Expired"),
        (lambda photo: signed("/upload/new.png"), "AccessDenied"),
        (lambda photo: signed(f"/upload/new.png?max-bytes={len(photo)}"), "AccessDenied"),
        (lambda photo: signed("/upload/new.png?type=image/png"), "AccessDenied"),
        (lambda photo: signed(f"/upload/?max-bytes={len(photo)}&type=image/png"), "AccessDenied"),
        (lambda photo: signed("/proc/new.png").replace("/proc/", "/upload/"), "SignatureDoesNotMatch"),
    ],
)
def test_a_grant_for_something_else_is_refused_before_any_store_is_asked(web_upload, guarded, asked, photo, url, code):
    guarded()
    answer = web_upload.put(url(photo), data=photo)
    assert (answer.status_code, answer.json["code"]) == (403, code)
    assert asked == []


def test_a_signature_to_look_is_none_to_store(web_proc, guarded, asked, photo):
    guarded(access="signed-only", upload_token="upload")
    url = signed("/proc/a/lena.png?max-bytes=9999999&type=image/png")
    form = {"x-oss-process": "image/rotate,10|sys/saveas,o_eC5wbmc"}
    assert web_proc.post(url, data=form).status_code == 403
    assert web_proc.post("/proc/a/lena.png", data=form, headers={"Authorization": "Bearer upload"}).status_code == 403
    assert asked == []


def test_a_grant_is_held_to_its_size_and_its_type(web_upload, guarded, asked, photo):
    guarded()
    assert web_upload.put(grant(photo, room=-1), data=photo).status_code == 413
    assert web_upload.post(grant(photo, room=-1), data={"file": (io.BytesIO(photo), "x")}).status_code == 413
    refused = web_upload.put(grant(photo, kind="image/jpeg"), data=photo)
    assert (refused.status_code, refused.json["code"], refused.json["expected"]) == (403, "AccessDenied", "image/jpeg")
    two = {"one.png": (io.BytesIO(photo), "x"), "two.png": (io.BytesIO(photo), "y")}
    assert web_upload.post(grant(photo), data=two).status_code == 400
    assert [call for call in asked if " put " in call] == []


def test_a_grant_never_overwrites(web_upload, guarded, photo):
    guarded(allow_overwrite=True)
    assert web_upload.put(grant(photo, room=9999), data=photo).status_code == 201
    assert web_upload.put(grant(photo, room=9999), data=other_photo()).status_code == 409


def test_the_admin_token_overwrites_and_the_upload_token_does_not(web_upload, web_proc, guarded, photo):
    guarded(upload_token="newer, upload", admin_token="admin")
    replace = {"data": other_photo()}
    assert web_upload.put("/upload/a/lena.png", **replace).status_code == 403
    for token in ("upload", "newer"):
        bearer = {"Authorization": f"Bearer {token}"}
        assert web_upload.put("/upload/a/lena.png", headers=bearer, **replace).status_code == 409
        assert web_upload.delete("/upload/a/lena.png", headers=bearer).status_code == 403
    admin = {"Authorization": "Bearer admin"}
    assert web_upload.put("/upload/a/lena.png", headers=admin, **replace).status_code == 201
    assert web_proc.get("/proc/a/lena.png").data == other_photo()
    assert web_upload.delete("/upload/a/lena.png", headers=admin).status_code == 204


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "bearer upload x", "Basic dXBsb2Fk", "Bearer upload,newer", ""]
)
def test_no_other_header_passes_for_a_token(web_upload, guarded, asked, photo, header):
    guarded(upload_token="newer, upload")
    assert web_upload.put("/upload/x.png", data=photo, headers={"Authorization": header}).status_code == 403
    assert asked == []


def test_no_secret_is_ever_logged(web_upload, web_proc, guarded, photo, capfd):
    secrets = ["upload-token-1", "admin-token-22", *KEYS.values()]
    guarded(upload_token=secrets[0], admin_token=secrets[1], access="signed-only", log_level="debug")
    for token in (*secrets, "wrong"):
        web_upload.put("/upload/x.png", data=photo, headers={"Authorization": f"Bearer {token}"})
    web_upload.delete("/upload/a/lena.png", headers={"Authorization": f"Bearer {secrets[0]}"})
    url = signed(PICTURE)
    web_proc.get(url)
    web_proc.get(url + "x")
    web_proc.get(f"/proc/nothing.png?{url.partition('?')[2]}")
    out, err = capfd.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert {line["status"] for line in lines} >= {200, 201, 403}
    for secret in (*secrets, url.rpartition(".")[2]):
        assert secret not in out + err
