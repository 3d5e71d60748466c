import pytest
from flask import Flask
from flask.testing import FlaskClient

from imgfn.core.faults import InvalidArgument
from imgfn.web.playground import find_shared_modules, playground


@pytest.fixture
def client() -> FlaskClient:
    app = Flask(__name__)
    app.register_blueprint(playground)
    app.testing = True  # faults come through as they were raised
    return app.test_client()


@pytest.mark.parametrize("path", ["/", "/playground/main.js", "/playground/playground.css", "/playground/lib.js"])
def test_nothing_inline_and_no_other_host_is_allowed(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_page_names_no_other_host_and_has_nothing_inline(client):
    page = client.get("/").text
    assert "://" not in page
    assert "style=" not in page
    assert "onclick" not in page


def test_the_shared_modules_are_the_mini_programs_own_files(client):
    bundle = client.get("/playground/lib.js").text
    for module in find_shared_modules().glob("*.js"):
        assert module.read_text("utf-8") in bundle
    assert bundle.count("export ") == 1


def test_an_unchanged_module_is_not_sent_again(client):
    etag = client.get("/playground/lib.js").headers["ETag"]
    assert client.get("/playground/lib.js", headers={"If-None-Match": etag}).status_code == 304


def test_a_page_file_outside_the_page_is_not_served(client):
    for path in ("/playground/..%2Fplayground.py", "/playground/../playground.py", "/playground/nothing.js"):
        assert client.get(path).status_code == 404


def test_a_qr_code_is_drawn_for_a_result_of_this_host(client):
    answer = client.get("/qr.svg", query_string={"url": "http://localhost/proc/rotate/10/lena.png"})
    assert answer.content_type.startswith("image/svg+xml")
    assert "<path" in answer.text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://evil.example/proc/a.png",
        "http://localhost.evil.example/proc/a.png",
        "http://user@localhost/proc/a.png",
        "javascript://localhost/proc/a.png",
        "//localhost/proc/a.png",
        "http://localhost/upload/a.png",
    ],
)
def test_a_qr_code_for_anything_else_is_refused(client, url):
    with pytest.raises(InvalidArgument):
        client.get("/qr.svg", query_string={"url": url})
