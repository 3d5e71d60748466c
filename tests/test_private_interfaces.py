"""What imgfn uses of its libraries that they do not promise. A failure here names the library and what it costs.

Each has an upper bound in pyproject.toml: raise it when the test of its library passes with the newer one.
"""

import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pytest
import urllib3
from packaging.requirements import Requirement
from packaging.version import Version
from PIL import Image

import imgfn.imaging.raster as raster
from imgfn.imaging.codecs import webp
from imgfn.stores.s3 import http_pool
from tests.pictures import encoded, scene
from tests.servers import ROOT

COUNT = """
import json, struct, sys
from prometheus_client import values
from imgfn.observability import metrics

metrics.count_incident("tried")
metrics.count_incident("tried")
(value,) = [child._value for child in metrics._INCIDENTS._metrics.values()]
place = value._file._positions[value._key]
print(json.dumps([type(value).__name__, struct.unpack_from("dd", value._file._m, place)]))
"""


def test_prometheus_client_keeps_a_count_as_two_doubles_where_positions_says(tmp_path: Path):
    environ = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", COUNT], env=environ, capture_output=True, text=True)
    assert done.returncode == 0, (
        "prometheus_client: MultiProcessValue's _file._positions, _file._m or _value is not what "
        f"imgfn/observability/metrics.py writes to; counts of workers would be lost:\n{done.stderr}"
    )
    assert json.loads(done.stdout) == ["_Value", [2.0, 0.0]], (
        "prometheus_client: a count no longer lies in its file as (value, time); "
        "imgfn/observability/metrics.py would write nonsense into /metrics"
    )


def test_libwebp_can_be_called_through_pillows_module():
    module = importlib.util.find_spec("PIL._webp")
    assert module is not None, "Pillow: there is no PIL._webp; WebP would be decoded by libvips, half as fast"
    assert webp._library() is not None, (
        "Pillow: libwebp's functions cannot be reached through PIL._webp; imgfn/imaging/codecs/webp.py does nothing"
    )
    source = encoded(scene((30, 20)), "WEBP")
    assert webp.decode(source, (30, 20), "RGB", roughly=False) is not None, (
        "Pillow: its libwebp has another ABI than imgfn/imaging/codecs/webp.py was written for"
    )


def test_pillow_keeps_a_large_picture_in_one_piece():
    assert hasattr(Image.core, "set_block_size"), (
        "Pillow: Image.core.set_block_size is gone; imgfn/imaging/raster.py would copy what is larger than 16 MB"
    )
    assert Image.core.get_block_size() == 1 << 30, "Pillow: Image.core.set_block_size no longer sets the size"
    large = Image.new("RGBA", (2500, 2500))  # 25 MB: more than its usual block
    assert raster.Raster.of(large).owner is not None, (
        "Pillow: a large picture lies in several pieces in spite of set_block_size; rows would be copied"
    )


@pytest.fixture
def http_server():
    """Answers one request; gives its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    thread.join(10)
    listener.close()


def test_urllib3_talks_through_the_socket_that_connect_leaves_in_sock(http_server: int, monkeypatch):
    sent = []

    class Watched:
        def __init__(self, wrapped: socket.socket) -> None:
            self.wrapped = wrapped

        def __getattr__(self, name: str):
            return getattr(self.wrapped, name)

        def sendall(self, content: bytes) -> None:
            sent.append(bytes(content))
            self.wrapped.sendall(content)

    class Connection(urllib3.connection.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            assert isinstance(self.sock, socket.socket), "urllib3: connect() no longer leaves its socket in `sock`"
            self.sock = Watched(self.sock)

    class Pool(urllib3.HTTPConnectionPool):
        ConnectionCls = Connection

    with Pool("127.0.0.1", http_server) as pool:
        assert pool.request("GET", "/", retries=False).data == b"ok"
    assert sent, (
        "urllib3: what is put in place of connection.sock is not what it sends through; "
        "the deadline of a store's operation (imgfn/stores/s3/http_pool.py) would not hold"
    )
    assert issubclass(http_pool._Connection, urllib3.connection.HTTPConnection)


@pytest.mark.parametrize("name", ["pillow", "prometheus-client", "urllib3"])
def test_what_is_used_privately_has_an_upper_bound_and_is_tested_below_it(name: str):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (wanted,) = [found for found in map(Requirement, project["dependencies"]) if found.name == name]
    assert any(bound.operator == "<" for bound in wanted.specifier)
    pinned = re.search(
        rf"^{name.replace('-', '[-_]')}==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE | re.IGNORECASE
    )
    assert wanted.specifier.contains(Version(pinned[1]))
