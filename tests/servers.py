"""Real servers for the tests: found or made once, started on a free port, stopped by id."""

import atexit
import functools
import http.client
import os
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

from imgfn.imaging import native
from imgfn.process.private_folder import temporary_folder
from imgfn.stores.s3.credentials import Keys
from imgfn.stores.s3.store import MinioStore

ROOT = Path(__file__).parents[1]
INSTALL = {
    "bash": "apt-get install bash",
    "bwrap": "apt-get install bubblewrap",
    "chromium": "apt-get install chromium fonts-noto-cjk",
    "curl": "apt-get install curl",
    "mount": "apt-get install mount",
    "nginx": "apt-get install nginx-light",
    "node": "apt-get install nodejs",
    "openssl": "apt-get install openssl",
    "slowhttptest": "apt-get install slowhttptest",
}
START_SECONDS = 30
STOP_SECONDS = 40
LISTENING = re.compile(r"Listening at: http://[^:]+:(\d+)")


def need(what: str, why: str) -> NoReturn:
    """A real thing is missing: skip with the reason, or fail where IMGFN_REQUIRE_REAL=1 asks for it."""
    if os.environ.get("IMGFN_REQUIRE_REAL") == "1":
        pytest.fail(f"{what} is required by IMGFN_REQUIRE_REAL=1: {why}")
    pytest.skip(f"{what}: {why}")


def tool(*names: str) -> str:
    """The path of the first of these programs that is there."""
    for name in names:
        if found := shutil.which(name):
            return found
    need(names[0], f"it is not on the PATH: {INSTALL[names[0]]}")


def need_compiled_loops() -> None:
    if not native.available():
        need("the loops in C", "imgfn was installed without a compiler: apt-get install gcc libc6-dev && make install")


@functools.cache
def _runtime_root() -> Path:
    root = Path(tempfile.mkdtemp(prefix="imgfn-", dir=temporary_folder()))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root


def runtime_folder(folder: Path) -> str:
    """A new IMGFN_RUNTIME_DIR that `folder / "runtime"` leads to: pytest's own paths may be too long for sockets."""
    link = folder / "runtime"
    if not link.exists():
        folder.mkdir(parents=True, exist_ok=True)
        link.symlink_to(tempfile.mkdtemp(dir=_runtime_root()), target_is_directory=True)
    return str(link.readlink())


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
            need(
                "MinIO",
                "no $MINIO_BIN, no minio on the PATH: go install github.com/minio/minio@latest (https://go.dev/dl)",
            )
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
    variables: Mapping[str, str] = field(default_factory=dict)
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
                **self.variables,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        scheme = "https" if self.certificates else "http"
        # To a stranger it says 403 once it serves, and 503 before; its health page is too early.
        wait_for(f"{scheme}://{self.endpoint}/", self.process, status=403)

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes], status: int = 200) -> None:
    """Until `url` answers that status."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, f"the server of {url} ended with status {process.returncode}"
        if ask(url) == status:
            return
        time.sleep(0.05)
    raise AssertionError(f"{url} does not answer {status}")


def wait_until(url: str, seconds: float = START_SECONDS, status: int = 200) -> None:
    """Until `url` answers that status, whoever serves it."""
    end = time.monotonic() + seconds
    while (told := ask(url)) != status:
        assert time.monotonic() < end, f"{url} does not answer {status} but {told}"
        time.sleep(0.1)


def ask(url: str) -> int | None:
    """The status that `url` answers; None where nobody does."""
    try:
        # Our own server on loopback; its certificate is what a test is about.
        with urllib.request.urlopen(url, timeout=1, context=ssl._create_unverified_context()) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


@contextmanager
def running_minio(
    data: Path, certificates: Path | None = None, variables: Mapping[str, str] | None = None
) -> Iterator[Minio]:
    """A new server; `variables` are more of its environment, such as targets of notifications."""
    address = f"127.0.0.1:{free_port()}"
    server = Minio(data, address, secrets.token_hex(8), secrets.token_hex(16), certificates, variables or {})
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


@dataclass(frozen=True)
class Answer:
    """What came back: a status, the headers as an email.Message (any case), and all bytes."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


def fetch(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
    """One request to a whole URL on a connection of its own; a `_` in a header's name stands for `-`."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    assert scheme == "http", url
    connection = http.client.HTTPConnection(host, timeout=30)
    try:
        connection.request(
            method, slash + path, body, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


@dataclass(frozen=True)
class Server:
    """A running server. `folder` has its data/, runtime/ and log."""

    folder: Path
    process: subprocess.Popen[bytes]
    port: int
    host: str = "127.0.0.1"

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def log(self) -> str:
        """All that the server has written so far."""
        return (self.folder / "log").read_text(encoding="utf-8")

    def ask(
        self, target: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send `target` as it stands: nothing is normalised or encoded on the way."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, target, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def stop(self, signum: int = signal.SIGTERM) -> int:
        """Stop it and wait for its end; gives its exit status."""
        self.process.send_signal(signum)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def serving(
    folder: Path,
    /,
    *arguments: str,
    ready: str = "/healthz",
    command: Sequence[str] = (),
    module_path: Path = ROOT,
    **settings: str,
) -> Iterator[Server]:
    """A server with the store and everything else in `folder`; `settings` are IMGFN_* in lower case, without prefix.

    `arguments` are gunicorn's; without any it is the whole server as `imgfn serve` starts it, or what `command` starts.
    """
    if not command:
        command = (sys.executable, "-P", "-m", *(("gunicorn", *arguments) if arguments else ("imgfn.server",)))
    folder.mkdir(parents=True, exist_ok=True)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("IMGFN_")}
    own = {"folder": str(folder / "data"), "runtime_dir": runtime_folder(folder), "port": "0"} | settings
    environ |= {f"IMGFN_{name.upper()}": value for name, value in own.items()}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,  # where no .env lies
            env=environ | {"PYTHONPATH": str(module_path)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        server = Server(folder, process, _find_port(process, folder / "log"))
        _await_ready(server, ready)
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _find_port(process: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        found = LISTENING.search(log.read_text(encoding="utf-8"))
        if found:
            return int(found[1])
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start:\n{log.read_text(encoding='utf-8')}")


def _await_ready(server: Server, target: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.process.poll() is None:
        try:
            server.ask(target)
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    raise RuntimeError(f"the server stopped:\n{server.log}")
