"""Real servers for the tests: found or made once, started on a free port, stopped by id."""

import os
import secrets
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.stores.credentials import Keys
from app.stores.minio import MinioStore

START_SECONDS = 30


def need(what: str, why: str) -> None:
    """A real thing is missing: skip with the reason, or fail where IMGFN_REQUIRE_REAL=1 asks for it."""
    if os.environ.get("IMGFN_REQUIRE_REAL") == "1":
        pytest.fail(f"{what} is required by IMGFN_REQUIRE_REAL=1: {why}")
    pytest.skip(f"{what}: {why}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_minio() -> str:
    """The server's path: $MINIO_BIN, the PATH, or what `go install` (its documented way) makes once in a cache."""
    if named := os.environ.get("MINIO_BIN"):
        return named
    if found := shutil.which("minio"):
        return found
    cached = Path.home() / ".cache" / "imgfn" / "bin" / "minio"
    if not cached.exists():
        if not shutil.which("go"):
            need("MinIO", "no $MINIO_BIN, no minio on the PATH, and no Go to install it with")
        made = subprocess.run(
            ["go", "install", "github.com/minio/minio@latest"],
            env={**os.environ, "GOBIN": str(cached.parent)},
            capture_output=True,
            text=True,
        )
        if made.returncode:
            need("MinIO", f"go install failed: {made.stderr[-500:]}")
    return str(cached)


@dataclass
class Minio:
    """A MinIO server of our own; `stop` and `start` keep its address and its data."""

    data: Path
    endpoint: str
    access_key: str
    secret_key: str
    certificates: Path | None = None  # a folder with public.crt and private.key: TLS
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                *(find_minio(), "server", "--quiet", "--address", self.endpoint),
                *(("--certs-dir", self.certificates) if self.certificates else ()),
                self.data,
            ],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.data),
                "MINIO_ROOT_USER": self.access_key,
                "MINIO_ROOT_PASSWORD": self.secret_key,
                "MINIO_BROWSER": "off",
                "MINIO_UPDATE": "off",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        scheme = "https" if self.certificates else "http"
        wait_for(f"{scheme}://{self.endpoint}/minio/health/ready", self.process)

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Until `url` answers 200."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, f"the server of {url} ended with status {process.returncode}"
        try:
            # Our own server on loopback; its certificate is what a test is about.
            with urllib.request.urlopen(url, timeout=1, context=ssl._create_unverified_context()):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise AssertionError(f"{url} does not answer")


@contextmanager
def running_minio(data: Path, certificates: Path | None = None) -> Iterator[Minio]:
    server = Minio(data, f"127.0.0.1:{free_port()}", secrets.token_hex(8), secrets.token_hex(16), certificates)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def open_bucket(server: Minio, **options: Any) -> MinioStore:
    """A store in a new bucket."""
    store = MinioStore(
        **{
            "endpoint": server.endpoint,
            "region": "us-east-1",
            "bucket": f"test-{secrets.token_hex(6)}",
            "keys": lambda: Keys(server.access_key, server.secret_key),
            "secure": False,
            "create_bucket": True,
            **options,
        }
    )
    store.check()
    return store
