import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from PIL import Image
from werkzeug.test import Client

from imgfn import wiring
from imgfn.functions import proc, upload
from tests.pictures import encoded
from tests.servers import Minio, running_minio, runtime_folder, tool

# A busy machine is no defect of what is tested.
settings.register_profile("imgfn", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("imgfn")


@pytest.fixture(scope="session")
def minio_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minio]:
    with running_minio(tmp_path_factory.mktemp("minio")) as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def own_runtime_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever a test starts shares no renderers with a server of this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMGFN_RUNTIME_DIR", runtime_folder(tmp_path_factory.mktemp("session")))
        yield


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
    return encoded(
        Image.merge("RGB", [Image.linear_gradient("L").resize((60, 40)).rotate(turn) for turn in (0, 90, 180)])
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-docs", action="store_true", help="write the documents that tests generate")
    parser.addoption("--write-golden", action="store_true", help="write tests/golden; look at every picture of it")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        [tool("mount"), "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small tmpfs: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)
