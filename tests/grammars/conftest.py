"""The fixtures of the HTTP tests, with every grammar on."""

import io
from collections.abc import Callable

import pytest
from PIL import Image
from werkzeug.test import Client

from imgfn.web.app import create_app
from tests.http.conftest import configure  # noqa: F401  a fixture

SQUARES = [(col * 50, row * 60, 200) for row in range(4) for col in range(5)]


def chart(size: tuple[int, int] = (500, 400)) -> Image.Image:
    """5 x 4 squares, no two of one colour."""
    small = Image.new("RGB", (5, 4))
    small.putdata(SQUARES)
    return small.resize(size, Image.Resampling.NEAREST)


def as_png(image: Image.Image, **more: object) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", **more)
    return out.getvalue()


@pytest.fixture
def web(configure: Callable[..., None]) -> Client:  # noqa: F811  a fixture
    configure(grammars="iiif")
    client = Client(create_app())
    for name in ("chart.png", "a/chart.png"):
        assert client.put(f"/upload/{name}", data=as_png(chart())).status_code == 201
    return client
