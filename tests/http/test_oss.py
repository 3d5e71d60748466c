"""What callers of Alibaba OSS rely on: styles, saveas, and links with only the host changed."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from werkzeug.test import Client

from imgfn import wiring
from imgfn.core.key import Key
from imgfn.core.kinds import encode_base64
from imgfn.functions import proc

THUMB = "image/resize,w_20"


@pytest.fixture
def client(
    web_proc: Client, web_upload: Client, photo: bytes, configure: Callable[..., None], tmp_path: Path
) -> Client:
    styles = tmp_path / "styles.toml"
    styles.write_text(f'thumb = "{THUMB}"')
    configure(styles_file=styles)
    assert web_upload.put("/upload/a/lena.png", data=photo).status_code == 201
    return web_proc


def saveas(key: str, process: str = THUMB, bucket: str = "imgfn-sources") -> dict[str, str]:
    return {"x-oss-process": f"{process}|sys/saveas,o_{encode_base64(key)},b_{encode_base64(bucket)}"}


@pytest.mark.parametrize(
    "path", ["/proc/style/thumb/a/lena.png", "/proc/a/lena.png!thumb", "/proc/a/lena.png?x-oss-process=style/thumb"]
)
def test_a_style_gives_what_its_plan_gives(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["ETag"] == client.get("/proc/resize/w_20/a/lena.png").headers["ETag"]


def test_an_unknown_style_is_404(client: Client) -> None:
    answer = client.get("/proc/style/nope/a/lena.png")
    assert (answer.status_code, answer.json["code"]) == (404, "NoSuchStyle")


def test_source_protection_lets_strangers_run_styles_only(client: Client, configure: Callable[..., None]) -> None:
    configure(access="styles-only")
    assert client.get("/proc/a/lena.png!thumb").status_code == 200
    for path in (
        "a/lena.png",
        "resize/w_20/a/lena.png",
        "rotate/90/a/lena.png!thumb",
        "style/thumb/rotate/9/a/lena.png",
    ):
        assert client.get("/proc/" + path).status_code == 403, path


def test_saveas_stores_the_result_and_answers_as_oss_does(client: Client) -> None:
    answer = client.post("/proc/a/lena.png", data=saveas("b/小.png"))
    assert answer.status_code == 200, answer.text
    stat = wiring.service().sources.stat(Key("b/小.png"))
    assert answer.json == {"bucket": "imgfn-sources", "fileSize": stat.size, "object": "b/小.png", "status": "OK"}
    with wiring.service().sources.open(stat.key) as opened:
        body = opened.body.read()
    assert Image.open(io.BytesIO(body)).size == (20, 13)
    assert body == client.get("/proc/resize/w_20/a/lena.png").data


@pytest.mark.parametrize(
    ("data", "status", "parameter"),
    [
        ({"x-oss-process": THUMB}, 400, "x-oss-process"),
        ({}, 400, "x-oss-process"),
        ({"x-oss-process": THUMB + "|sys/saveas"}, 400, "o"),
        ({"x-oss-process": THUMB + "|sys/saveas,o_***"}, 400, "o"),
        (saveas("../x"), 400, "o"),
        (saveas("x.png", bucket="theirs"), 403, "b"),
        (saveas("x.json", process="image/info"), 400, "x-oss-process"),
    ],
)
def test_a_wrong_saveas_stores_nothing(client: Client, data: dict[str, str], status: int, parameter: str) -> None:
    answer = client.post("/proc/a/lena.png", data=data)
    assert (answer.status_code, answer.json["parameter"]) == (status, parameter)
    assert [stat.key for stat in wiring.service().sources.list()] == ["a/lena.png"]


def test_saveas_takes_no_other_pictures_name_and_no_strangers_order(
    client: Client, configure: Callable[..., None]
) -> None:
    assert client.post("/proc/a/lena.png", data=saveas("a/lena.png")).status_code == 409
    configure(upload_token="long-enough-token")
    assert client.post("/proc/a/lena.png", data=saveas("b.png")).status_code == 403
    bearer = {"Authorization": "Bearer long-enough-token"}
    assert client.post("/proc/a/lena.png", data=saveas("b.png"), headers=bearer).status_code == 200


def test_saveas_by_get_is_400(client: Client) -> None:
    answer = client.get("/proc/a/lena.png", query_string=saveas("b.png"))
    assert (answer.status_code, answer.json["parameter"]) == (400, "x-oss-process")


def test_old_links_work_with_only_the_host_changed(client: Client, web_upload: Client, photo: bytes) -> None:
    web_upload.put("/upload/rotate/10/lena.png", data=photo)
    objects = Client(proc.object_handler)
    same = client.get("/proc/resize/w_20/a/lena.png").headers["ETag"]
    assert objects.get("/a/lena.png?x-oss-process=image/resize,w_20").headers["ETag"] == same
    assert objects.get("/a/lena.png!thumb").headers["ETag"] == same
    # A key that looks like a plan is a key.
    assert objects.get("/rotate/10/lena.png").data == photo
