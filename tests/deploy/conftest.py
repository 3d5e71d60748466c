from collections.abc import Iterator

import pytest

from tests.deploy import containers


@pytest.fixture(scope="session")
def engine() -> containers.Engine:
    return containers.open_engine()


@pytest.fixture(scope="session")
def image(engine: containers.Engine) -> str:
    """The image of this tree."""
    return containers.build_image(engine)


@pytest.fixture(scope="module")
def container(engine: containers.Engine, image: str) -> Iterator[containers.Container]:
    """imgfn in its image, hardened, with the folder store."""
    with containers.running(engine, "imgfn-test", upload_token="token", admin_token="admin") as started:
        yield started
