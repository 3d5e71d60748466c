"""The whole server with every grammar on, and a chart in its store."""

from collections.abc import Callable

import pytest
from werkzeug.test import Client

from imgfn.web.app import create_app
from tests.grammars.chart import chart
from tests.pictures import encoded


@pytest.fixture
def web(configure: Callable[..., None]) -> Client:
    configure(grammars="iiif")
    client = Client(create_app())
    for name in ("chart.png", "a/chart.png"):
        assert client.put(f"/upload/{name}", data=encoded(chart())).status_code == 201
    return client
