"""Our server and the peers, each started as its documentation says, on a free port, with the same sources."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import urllib3

from bench.cells import QUALITY
from bench.family import Family
from bench.peers import PEERS, REPORT

START_SECONDS = 30
# Removed at the end only: for minutes after files were deleted, ext4 looks for free inodes among them, file by file.
SCRATCH = tempfile.TemporaryDirectory(prefix="imgfn-bench-")
Box = tuple[int, int]
WRITTEN = {"jpg": "jpeg", "png": "png", "webp": "webp", "avif": "avif"}  # how most peers name a format


@dataclass(frozen=True)
class Server:
    """How one server is started and asked. `folder` is where its sources lie; ours is given them by upload."""

    name: str
    command: Callable[[int, Path], list[str]]  # port, folder -> argv
    environ: Callable[[int, Path], Mapping[str, str]]
    fit: Callable[[str, str, Box], str]  # key, format, width and height in px -> the URL of the key fitted into them
    targets: tuple[str, ...] = ("jpg", "png", "webp", "avif")


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    server: Server
    base: str
    family: Family
    folder: Path


def _quality(target: str, prefix: str) -> str:
    return f"{prefix}{QUALITY[target]}" if target in QUALITY else ""


def _filters(key: str, target: str, box: Box) -> str:
    """Thumbor's grammar, which imagor speaks too."""
    quality = f":quality({QUALITY[target]})" if target in QUALITY else ""
    return f"/unsafe/fit-in/{box[0]}x{box[1]}/filters:format({WRITTEN[target]}){quality}/{key}"


OURS = Server(
    "imgfn",
    lambda _port, _folder: [str(Path(sys.executable).with_name("imgfn")), "serve"],
    lambda port, folder: {
        "IMGFN_PORT": str(port),
        "IMGFN_FOLDER": str(folder),
        "IMGFN_RUNTIME_DIR": str(folder / "runtime"),
        "IMGFN_NEW_RESULTS_PER_SOURCE": "0",  # this caller does walk through thousands of sizes
        "IMGFN_LOG_LEVEL": "warning",
    },
    lambda key, target, box: (
        f"/proc/resize/w_{box[0]},h_{box[1]}/format/{target}{_quality(target, '/quality/Q_')}/{key}"
    ),
)


def _thumbor_command(port: int, folder: Path) -> list[str]:
    settings = {
        "LOADER": "thumbor.loaders.file_loader",
        "FILE_LOADER_ROOT_PATH": str(folder),
        "STORAGE": "thumbor.storages.no_storage",
        "ALLOW_UNSAFE_URL": True,
    }
    configuration = folder.parent / f"thumbor-{port}.conf"
    configuration.write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()))
    thumbor = str(PEERS / "thumbor" / "bin" / "thumbor")
    # Its documentation asks for one process for each core.
    return [thumbor, "--port", str(port), "--conf", str(configuration), "--processes", str(os.cpu_count())]


OTHERS = (
    Server("thumbor", _thumbor_command, lambda _port, _folder: {}, _filters),
    Server(
        "ipx",
        lambda port, folder: [
            *(str(PEERS / "ipx" / "node_modules" / ".bin" / "ipx"), "serve", "--dir", str(folder)),
            *("--port", str(port), "--host", "127.0.0.1"),
        ],
        lambda _port, _folder: {},
        lambda key, target, box: f"/fit_inside,s_{box[0]}x{box[1]},f_{WRITTEN[target]}{_quality(target, ',q_')}/{key}",
    ),
    Server(
        "imagor",
        lambda _port, _folder: [str(PEERS / "imagor" / "imagor")],
        lambda port, folder: {"PORT": str(port), "FILE_LOADER_BASE_DIR": str(folder), "IMAGOR_UNSAFE": "1"},
        _filters,
    ),
    Server(
        "imgproxy",
        lambda _port, _folder: [str(PEERS / "imgproxy" / "imgproxy")],
        lambda port, folder: {
            "IMGPROXY_BIND": f"127.0.0.1:{port}",
            "IMGPROXY_LOCAL_FILESYSTEM_ROOT": str(folder),
            "IMGPROXY_LOG_LEVEL": "error",
            "IMGPROXY_MAX_SRC_RESOLUTION": "60",
        },
        lambda key, target, box: (
            f"/unsafe/rs:fit:{box[0]}:{box[1]}{_quality(target, '/q:')}/plain/local:///{key}@{target}"
        ),
    ),
    Server(
        "oximg",
        lambda _port, _folder: [str(PEERS / "oximg" / "bin" / "oximg")],
        lambda port, folder: {"PORT": str(port), "IMAGES_DIR": str(folder), "OXIMG_AVIF_QUALITY": "65"},
        lambda key, target, box: f"/resize/{box[0]}/{box[1]}/{key}@{target}",
        targets=("jpg", "png", "webp"),
    ),
)


def installed() -> tuple[Server, ...]:
    """The peers that this machine has."""
    report = json.loads(REPORT.read_text()) if REPORT.exists() else {}
    return tuple(server for server in OTHERS if "version" in report.get(server.name, {}))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(server: Server, sources: list[Path], **environ: str) -> Iterator[Running]:
    """The server with `sources`, until the block is left; everything it started ends with it."""
    scratch = Path(tempfile.mkdtemp(dir=SCRATCH.name))
    folder = scratch / "files"
    folder.mkdir()
    if server.name != OURS.name:
        for source in sources:
            shutil.copy(source, folder)
    port = free_port()
    family = Family()
    log = scratch / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            server.command(port, folder),
            env=os.environ | dict(server.environ(port, folder)) | environ | family.watermark,
            cwd=scratch,  # no .env of the tree is read
            stdout=file,
            stderr=file,
        )
    try:
        _wait(process, port, log)
        if server.name == OURS.name:
            for source in sources:
                upload(f"http://127.0.0.1:{port}", source)
        yield Running(server, f"http://127.0.0.1:{port}", family, folder)
    finally:
        process.send_signal(signal.SIGTERM)
        family.end(seconds=10)
        process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not listen:\n{log.read_text()[-2000:]}")


def upload(base: str, source: Path, key: str = "") -> None:
    name = key or source.name
    answer = urllib3.request("POST", f"{base}/upload/", fields={name: (name, source.read_bytes())}, timeout=60)
    if answer.status not in (200, 201):
        raise RuntimeError(f"upload of {name}: {answer.status} {answer.data[:300]!r}")


def web_workers(family: Family) -> list[psutil.Process]:
    """Our gunicorn's workers: the children of the process that was started."""
    eldest, *others = family.members()
    return [process for process in others if process.ppid() == eldest.pid]
