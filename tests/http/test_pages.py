import re
from collections.abc import Callable

import pytest
from werkzeug.test import Client

import imgfn.ops  # noqa: F401  fills the registry
from imgfn.core.registry import REGISTRY
from imgfn.web.app import create_app


@pytest.fixture
def web(configure: Callable[..., None], photo: bytes) -> Client:
    client = Client(create_app())
    for name in ("lena.png", "sample.png"):
        assert client.put(f"/upload/{name}", data=photo).status_code == 201
    return client


def test_the_docs_show_every_operation_and_each_picture_on_them_can_be_made(web: Client) -> None:
    page = web.get("/docs")
    assert page.status_code == 200
    for operation in REGISTRY:
        assert f'id="{operation.name}"' in page.text
    links = re.findall(r'(?:src|href)="(/proc/[^"]+)"', page.text)
    assert len(set(links)) == len(list(REGISTRY))
    for link in set(links):
        assert web.get(link).status_code == 200, link


def test_the_docs_can_be_shown_on_another_picture(web: Client, photo: bytes) -> None:
    web.put("/upload/a/b%20c.png", data=photo)
    page = web.get("/docs?key=a/b c.png")
    assert "/proc/rotate/10/a/b%20c.png" in page.text
    assert web.get("/docs?key=../x").status_code == 400


def test_the_docs_run_no_script_and_ask_no_other_host(web: Client) -> None:
    page = web.get("/docs")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "<script" not in page.text
    assert not re.search(r'(src|href|action)="(https?:)?//', page.text)


def test_openapi_is_served(web: Client) -> None:
    document = web.get("/openapi.json").json
    assert document["openapi"].startswith("3.1")
    assert "/proc/rotate/{arguments}/{key}" in document["paths"]


def test_oss_links_are_served_from_the_root_only_where_settings_say_so(
    web: Client, configure: Callable[..., None]
) -> None:
    link = "/lena.png?x-oss-process=image/resize,w_20"
    assert web.get(link).status_code == 404
    configure(oss_mount=1)
    served = Client(create_app())
    assert served.get(link).headers["ETag"] == served.get("/proc/resize/w_20/lena.png").headers["ETag"]
    assert served.get("/healthz").text == "alive\n"
    assert served.get("/none.png?x-oss-process=image/resize,w_20").json["code"] == "NoSuchKey"
