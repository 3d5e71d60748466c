import io
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from structlog.testing import capture_logs

from imgfn.imaging.limits import Limits
from imgfn.process.private_folder import temporary_folder
from imgfn.renderpool.client import ProcessRenderer

GB = 1 << 30


@pytest.fixture(scope="session")
def plugin(tmp_path_factory):
    """An installed distribution that adds the operations of misbehave.py."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copy(Path(__file__).parent / "misbehave.py", folder)
    about = folder / "misbehave-1.0.dist-info"
    about.mkdir()
    (folder / "table.csv").write_text("1,2\n3,4\n")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: misbehave\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[imgfn.operations]\nmisbehave = misbehave\n")
    return folder


@pytest.fixture
def runtime_dir():
    # Not tmp_path: a unix socket's path has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="imgfn-test-", dir=temporary_folder()) as folder:
        yield Path(folder)


@pytest.fixture
def lines():
    """What is logged."""
    with capture_logs() as logged:
        yield logged


@pytest.fixture
def pool(plugin, runtime_dir, monkeypatch):
    """Makes renderers on a pool of this test's own; shape as asked for."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(plugin)])
    made = []

    def make(processes=1, queue=4, seconds=5.0, memory_bytes=GB, recycle=500, **more):
        made.append(ProcessRenderer(Limits(), runtime_dir, processes, queue, seconds, memory_bytes, recycle, **more))
        return made[-1]

    yield make
    for renderer in made:
        renderer.close()
    wait_until(lambda: not masters(runtime_dir), "the pool has gone")


@pytest.fixture
def source():
    return io.BytesIO(picture("red"))


def picture(colour):
    file = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, "PNG")
    return file.getvalue()


def ask(renderer, source, plan):
    source.seek(0, io.SEEK_END)
    return renderer.render(source, source.tell(), plan, {})


@dataclass(frozen=True)
class Words:
    """A plan of operations that only the pool knows: its text is all that a client reads of it."""

    text: str
    watermarks: tuple = ()


def events(lines):
    return [line["event"] for line in lines]


def hold(milliseconds):
    return Words(f"hold/{milliseconds}")


def clock(milliseconds):
    return Words(f"clock/{milliseconds}")


def misbehave(how):
    return Words(f"misbehave/{how}")


def lie(kind):
    return Words(f"lie/{kind}")


def reveal():
    return Words("reveal")


def masters(folder):
    """The masters of the pools below a folder, a server's or its runtime's: who else has their lock's file open."""
    runtime_dir = (folder / "runtime").resolve() if (folder / "runtime").is_symlink() else folder
    holders = [pid for pid in _processes() if pid != os.getpid() and _opens(pid, runtime_dir, "alive")]
    return [pid for pid in holders if _parent(pid) not in holders]  # a child has it for a moment after its fork


def children(pid):
    return [other for other in _processes() if _parent(other) == pid]


def alive(pid):
    return _parent(pid) is not None


def wait_until(holds, what, seconds=20.0):
    latest = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < latest, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def _processes():
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _opens(pid, runtime_dir, name):
    try:
        links = [link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return False
    return any(link.name == name and runtime_dir in link.parents for link in links)


def _parent(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None
