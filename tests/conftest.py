from collections.abc import Iterator

import pytest

from tests.servers import Minio, running_minio


@pytest.fixture(scope="session")
def minio_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minio]:
    with running_minio(tmp_path_factory.mktemp("minio")) as server:
        yield server


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-docs", action="store_true", help="write the documents that tests generate")
    parser.addoption("--write-golden", action="store_true", help="write tests/golden; look at every picture of it")
