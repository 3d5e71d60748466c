"""Debian's Chromium, a real server and the harness, each started once."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.programs import serve_program
from tests.servers import Server, serving, tool

ROOT = Path(__file__).parents[2]
SCREENS = Path(__file__).parent / "screens"  # git-ignored; looked at by people

# One renderer with one place to wait: a test that wants a full queue fills it with two connections.
SMALL = {
    "workers": "1",
    "render_processes": "1",
    "render_queue": "1",
    "render_wait_seconds": "2",
    "max_upload_bytes": "2000000",
}

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    found = tool("chromium", "chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])  # CI runs as root
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server"), **SMALL) as running:
        yield running


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[OpenPage]:
    """Opens a URL as a new person: own storage, and whatever `options` of a context say. No script may fail."""
    contexts, errors = [], []

    def open_one(url: str, **options: Any) -> Page:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "en-US"} | options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        page.wait_for_selector("body[data-ready]")
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture(scope="session")
def programs(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The harness's URLs: of the mini-program as it is, and of its WeChat form."""
    wechat = tmp_path_factory.mktemp("wechat") / "program"
    subprocess.run([sys.executable, str(ROOT / "wechat" / "convert.py"), str(wechat)], check=True)
    with serve_program(ROOT / "miniprogram", server.url) as alipay_url, serve_program(wechat, server.url) as wechat_url:
        yield {"alipay": f"{alipay_url}/?platform=alipay", "wechat": f"{wechat_url}/?platform=wechat"}


@pytest.fixture
def shoot(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Writes what is on the screen to screens/, under the test's name."""

    def write(page: Page, name: str = "", **options: Any) -> None:
        SCREENS.mkdir(exist_ok=True)
        stem = request.node.name.removeprefix("test_").translate(str.maketrans("[]/", "-  ")).strip()
        page.screenshot(path=SCREENS / f"{stem}{'.' + name if name else ''}.png", **options)

    return write
