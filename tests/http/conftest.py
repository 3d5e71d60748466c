import io
from collections.abc import Callable

import pytest
from PIL import Image
from werkzeug.test import Client

from imgfn.functions import proc, upload


@pytest.fixture
def web_upload(configure: Callable[..., None]) -> Client:
    return Client(upload.handler)


@pytest.fixture
def web_proc(configure: Callable[..., None]) -> Client:
    return Client(proc.handler)


@pytest.fixture
def photo() -> bytes:
    """An opaque picture of 60x40 with no two columns alike."""
    image = Image.merge("RGB", [Image.linear_gradient("L").resize((60, 40)).rotate(turn) for turn in (0, 90, 180)])
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
