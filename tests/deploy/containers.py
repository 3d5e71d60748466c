"""Containers for the tests: built by buildah, run by podman with runc, in a storage of their own."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers import ROOT, find_minio, free_port, need, wait_until

PACKAGES = "buildah podman runc mmdebstrap netavark aardvark-dns"
CACHE = Path.home() / ".cache" / "imgfn" / "containers"
BASE = "localhost/debian:bookworm-slim"
IMAGE = "localhost/imgfn:test"
# As an orchestrator that hardens its containers would run the image.
HARDENED = (
    "--read-only",
    "--read-only-tmpfs=false",
    "--tmpfs=/tmp:rw,noexec,nosuid,nodev,size=256m,mode=1777",
    "--tmpfs=/runtime:rw,noexec,nosuid,nodev,size=64m,mode=1777",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--pids-limit=512",
    "--memory=1g",
)


@dataclass(frozen=True)
class Engine:
    """podman and buildah with a storage in `folder`."""

    folder: Path
    environ: Mapping[str, str] = field(repr=False)

    def run(self, *command: str, check: bool = True, timeout: float = 900, **environ: str) -> str:
        """The standard output of podman, buildah or a script of ours that calls them."""
        done = subprocess.run(
            command, env={**self.environ, **environ}, cwd=ROOT, capture_output=True, text=True, timeout=timeout
        )
        assert not check or done.returncode == 0, f"{command}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def has(self, image: str) -> bool:
        return bool(self.run("podman", "images", "--quiet", image).strip())

    def inspect(self, kind: str, name: str) -> dict:
        return json.loads(self.run("podman", kind, "inspect", name))[0]


def open_engine() -> Engine:
    """Skips where a program is missing."""
    for program in ("buildah", "podman", "runc", "mmdebstrap"):
        if not shutil.which(program):
            need(program, f"apt-get install {PACKAGES}")
    if os.geteuid() != 0:
        need("root", "runc with cgroupfs and mmdebstrap want it here")
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{CACHE}/root"\nrunroot = "{CACHE}/run"\n'
    )
    # crun refuses hybrid cgroups; without CAP_SYS_RESOURCE the default limits cannot be raised.
    (CACHE / "containers.conf").write_text(
        '[containers]\ndefault_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]\n'
        '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        '[network]\nnetwork_backend = "netavark"\n'
    )
    return Engine(
        CACHE,
        {
            **os.environ,
            "CONTAINERS_STORAGE_CONF": str(CACHE / "storage.conf"),
            "CONTAINERS_CONF": str(CACHE / "containers.conf"),
        },
    )


def build_image(engine: Engine) -> str:
    """The image of this very tree, from the unmodified Dockerfile; buildah keeps the layers that did not change."""
    if not engine.has(BASE):
        engine.run("deploy/oci/base.sh", "bookworm", BASE)
    engine.run("deploy/oci/build.sh", IMAGE, BASE=BASE)
    return IMAGE


def build_standins(engine: Engine) -> None:
    """What compose.yaml takes from a registry, made of Debian's packages and MinIO's Go module."""
    folder = engine.folder / "standins"
    folder.mkdir(exist_ok=True)
    here = Path(__file__).parent / "compose"
    for file in (*here.glob("*.sh"), here / "Containerfile"):
        shutil.copy(file, folder)
    minio = Path(find_minio())
    if not (folder / "minio").exists():
        shutil.copy(minio, folder / "minio")
    for name in ("nginx", "prometheus", "s3", "postgres"):
        order = ("buildah", "bud", "--isolation", "chroot", "--layers", "--format", "docker", "--target", name)
        arguments = ("--build-arg", f"BASE={BASE}", "--tag", f"localhost/standin-{name}:test")
        engine.run(*order, *arguments, "--file", str(folder / "Containerfile"), str(folder))


@dataclass(frozen=True)
class Container:
    """A running container of the image; `port` is where imgfn listens, `metrics` where it counts, on loopback."""

    engine: Engine
    name: str
    port: int
    metrics: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> str:
        done = subprocess.run(
            ["podman", "logs", self.name], env=dict(self.engine.environ), capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    def execute(self, *command: str) -> str:
        return self.engine.run("podman", "exec", self.name, *command)

    def stop(self) -> int:
        """Its exit status after a SIGTERM."""
        self.engine.run("podman", "stop", "--time", "45", self.name)
        return int(self.engine.inspect("container", self.name)["State"]["ExitCode"])


@contextmanager
def running(
    engine: Engine, name: str, *options: str, image: str = IMAGE, command: tuple[str, ...] = (), **settings: str
) -> Iterator[Container]:
    """A hardened container on the host's network, so that no bridge is needed; `settings` are IMGFN_* in lower case."""
    port, metrics = free_port(), free_port()
    own = {"host": "127.0.0.1", "port": str(port), "metrics_port": str(metrics)} | settings
    environ = [f"--env=IMGFN_{key.upper()}={value}" for key, value in own.items()]
    engine.run("podman", "rm", "--force", "--ignore", "--volumes", name)
    engine.run(
        *("podman", "run", "--detach", "--name", name, "--network=host", *HARDENED, *environ, *options, image, *command)
    )
    container = Container(engine, name, port, metrics)
    try:
        wait_until(f"{container.url}/healthz", 60)
        yield container
    except AssertionError as error:
        raise AssertionError(f"{error}\n{container.log()[-3000:]}") from error
    finally:
        engine.run("podman", "rm", "--force", "--time", "5", "--volumes", name)


def await_line(container: Container, words: str, seconds: float = 30) -> None:
    """Until the container has logged these words."""
    end = time.monotonic() + seconds
    while words not in container.log():
        assert time.monotonic() < end, f"no {words!r} in\n{container.log()[-3000:]}"
        time.sleep(0.2)
