from collections.abc import Iterator

import pytest

from tests.hostile.target import Target, attacked


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """One server with the default limits for all attacks; it must stand to the end."""
    with attacked(tmp_path_factory.mktemp("attacked")) as target:
        workers = target.workers()
        yield target
        assert target.workers() == workers, target.server.log


@pytest.fixture
def target(standing: Target) -> Target:
    """The server, with an empty record of its stores' calls."""
    standing.forget()
    return standing
