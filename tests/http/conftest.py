import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from werkzeug.test import Client

from imgfn import wiring
from imgfn.functions import proc, upload
from tests.servers import runtime_folder


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Set IMGFN_* variables; the next request sees them."""

    def set_variables(**values: object) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"IMGFN_{name.upper()}", str(value))
        wiring.settings.cache_clear()
        wiring.service.cache_clear()
        wiring.styles.cache_clear()

    set_variables(folder=tmp_path / "data", runtime_dir=runtime_folder(tmp_path), render="inline")
    yield set_variables
    wiring.settings.cache_clear()
    wiring.service.cache_clear()
    wiring.styles.cache_clear()


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
