"""What pages are put through: pictures, a slow or missing network, a busy server, a strict reader."""

import contextlib
import io
import socket
import time
from collections.abc import Iterator
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page

from tests.servers import Server

Chosen = dict[str, Any]


def draw(name: str, size: tuple[int, int] = (300, 200), colour: str = "teal", format: str = "PNG") -> Chosen:
    """A picture as Playwright wants a chosen file."""
    return as_file(name, Image.new("RGB", size, colour), format)


def draw_noise(name: str, size: tuple[int, int], sigma: float = 60) -> Chosen:
    """A PNG that does not compress: about one byte for each pixel."""
    return as_file(name, Image.effect_noise(size, sigma))


def as_file(name: str, image: Image.Image, format: str = "PNG") -> Chosen:
    out = io.BytesIO()
    image.save(out, format)
    return {"name": name, "mimeType": Image.MIME[format], "buffer": out.getvalue()}


def measure(server: Server, url: str) -> tuple[str | None, tuple[int, int]]:
    """Format and size of the picture at `url`, as anybody gets it."""
    answer = server.ask(url.removeprefix(server.url))
    assert answer.status == 200, answer.body
    with Image.open(io.BytesIO(answer.body)) as image:
        return image.format, image.size


def slow_down(page: Page, bytes_per_second: int) -> None:
    """Limit the upload's speed from here on."""
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", limits)


@contextlib.contextmanager
def full_queue(server: Server) -> Iterator[None]:
    """Take every place at the renderers with connections that ask for nothing."""
    path = str(next((server.folder / "runtime").rglob("socket.*")))
    refused = 0
    with contextlib.ExitStack() as held:
        while refused < 10:  # in a row, so that no idle process is left to make room in the queue
            place = socket.socket(socket.AF_UNIX)
            place.setblocking(False)
            try:
                place.connect(path)
                held.enter_context(place)
                refused = 0
            except BlockingIOError:
                place.close()
                refused += 1
                time.sleep(0.03)
        yield


def find_violations(page: Page) -> list[str]:
    """What axe-core has against the page as it is now."""
    report = Axe().run(page)
    return [
        f"{violation['id']}: {node['html']} {node['failureSummary']}"
        for violation in report.response["violations"]
        for node in violation["nodes"]
    ]


def find_overflows(page: Page) -> list[str]:
    """What sticks out of the screen's sides, be it scrolled to or cut off."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("body *")]
          .filter((one) => one.checkVisibility() && one.getClientRects().length)
          .filter((one) => {
            const { left, right } = one.getBoundingClientRect();
            return left < -1 || right > document.documentElement.clientWidth + 1;
          })
          .map((one) => one.outerHTML.slice(0, 120))"""
    )
    return found
