"""What a broken decoder could reach if it ran somebody else's code: one test for each layer that fails without it.

Where one layer would stand in for another, bubblewrap is hidden: most containers have none either.
"""

import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imgfn.core.faults import InternalError
from imgfn.core.plan import parse_path
from imgfn.process.slots import CORES
from imgfn.renderpool.sandbox.layers import LAYERS
from imgfn.renderpool.sandbox.posix import LOG_BYTES
from tests.rendering.conftest import Words, alive, ask, children, clock, masters, reveal, wait_until
from tests.servers import ROOT, need, tool

FORBIDDEN = (
    *("network", "unix", "write", "overwrite", "remove", "program", "fork", "signal"),
    *("rewrite", "stamp", "flag"),  # the source, by its descriptor
)
HIDDEN = ("secret", "processes")


@pytest.fixture
def secret(monkeypatch):
    monkeypatch.setenv("IMGFN_S3_SECRET_KEY", "very-secret-indeed")
    return b"very-secret-indeed"


@pytest.fixture
def no_bubblewrap(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def told(pool, source, no_bubblewrap):
    """What a renderer says of itself that has every layer but bubblewrap."""
    return json.loads(ask(pool(), source, reveal()).body)


@pytest.fixture(autouse=True)
def _linux():
    if sys.platform != "linux":
        need("Linux", "Landlock, seccomp and bubblewrap are parts of it")


def test_environment(secret, pool, source, runtime_dir):
    told = json.loads(ask(pool(processes=2), source, reveal()).body)
    assert "IMGFN_S3_SECRET_KEY" not in told["environment"]
    assert told["folder"] == "/"
    (master,) = masters(runtime_dir)
    wait_until(lambda: len(children(master)) == 2, "both processes are there")
    for pid in (master, *children(master)):
        assert secret not in Path(f"/proc/{pid}/environ").read_bytes()


def test_bubblewrap(pool, source):
    trial = [tool("bwrap"), "--unshare-all", "--ro-bind", "/", "/", "true"]
    if (tried := subprocess.run(trial, capture_output=True, text=True)).returncode:
        need("bubblewrap", f"it may not make namespaces here: {tried.stderr}")
    told = json.loads(ask(pool(), source, reveal()).body)
    assert told["processes"] == "FileNotFoundError"  # Landlock would say PermissionError: there is no /proc


def test_no_new_privs(pool, source, runtime_dir, no_bubblewrap):
    ask(pool(), source, reveal())
    (master,) = masters(runtime_dir)
    for pid in (master, *children(master)):
        assert "NoNewPrivs:\t1\n" in Path(f"/proc/{pid}/status").read_text()


def test_address_space(told):
    assert told["limits"]["RLIMIT_AS"] == [1 << 30, 1 << 30]


def test_core_dumps(pool, source):
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if hard == 0:
        need("a hard limit of core files over 0", "ulimit -H -c unlimited")
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        told = json.loads(ask(pool(), source, reveal()).body)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    assert told["limits"]["RLIMIT_CORE"] == [0, 0]


def test_file_size(pool, source, runtime_dir):
    renderer = pool()
    with pytest.raises(InternalError):  # the operation cannot write on
        ask(renderer, source, Words(f"chatter/{4 * LOG_BYTES}"))
    (log,) = runtime_dir.glob("*/pool.log")
    assert 0 < log.stat().st_size <= LOG_BYTES
    assert ask(renderer, source, clock(0)).body


def test_libvips(told):
    assert "operation is blocked" in told["untrusted"]


def test_landlock(told):
    assert {name: told[name] for name in HIDDEN} == dict.fromkeys(HIDDEN, "PermissionError")


def test_seccomp(told):
    assert {name: told[name] for name in FORBIDDEN} == dict.fromkeys(FORBIDDEN, "PermissionError")


def test_deadline(pool, source):
    deadlines = json.loads(ask(pool(seconds=9), source, reveal()).body)["deadlines"]
    for name, most in (("clock", 9), ("cpu", 11)):
        left, default_action = deadlines[name]
        assert most - 3 < left <= most + 0.1  # the kernel rounds up to a tick
        assert default_action


def test_every_layer_has_a_test_of_its_own():
    assert {f"test_{layer.name.replace('-', '_')}" for layer in LAYERS} <= set(globals())


def test_renderers_report_that_every_layer_holds(pool):
    renderer = pool(processes=2)
    renderer.start()
    report = renderer.sandbox(20)
    assert list(report) == [layer.name for layer in LAYERS]
    if shutil.which("bwrap") is None and not os.environ.get("IMGFN_REQUIRE_REAL"):
        assert report.pop("bubblewrap") == "bwrap is not installed"
    assert set(report.values()) == {""}


def test_a_renderer_cannot_change_its_report(pool, source, runtime_dir):
    renderer = pool()
    ask(renderer, source, clock(0))
    (master,) = masters(runtime_dir)
    (child,) = children(master)
    assert "report" not in {link.readlink().name for link in Path(f"/proc/{child}/fd").iterdir()}


# Starts renderers with every layer required or not, and says what they report and what becomes of a job.
TRIAL = """
import io, json, sys
from pathlib import Path
from imgfn.core.faults import Fault
from imgfn.imaging.limits import Limits
from imgfn.ops import load_operations
from imgfn.core.plan import parse_path
from imgfn.renderpool.client import ProcessRenderer
from imgfn.renderpool.sandbox.layers import SandboxIncomplete
from tests.rendering.conftest import ask, picture

folder, require = Path(sys.argv[1]), sys.argv[2] == "require"
renderer = ProcessRenderer(Limits(), folder, 1, 4, 5.0, 1 << 30, 500, require_sandbox=require)
renderer.start()
told = {"report": renderer.sandbox(20), "complaint": "", "job": "done"}
try:
    renderer.confirm_sandbox()
except SandboxIncomplete as error:
    told["complaint"] = str(error)
try:
    ask(renderer, io.BytesIO(picture("red")), parse_path("resize/w_20")[0])
except Fault as fault:
    told["job"] = fault.code
print(json.dumps(told))
"""


def trial(runtime_dir, lacking, mode):
    command = [sys.executable, "-m", "tests.rendering.without", lacking, sys.executable, "-c", TRIAL, runtime_dir, mode]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    wait_until(lambda: not masters(runtime_dir), "the pool has gone")
    return json.loads(done.stdout.splitlines()[-1]), done.stdout


@pytest.mark.parametrize("lacking", ["landlock", "seccomp"])
def test_a_layer_that_the_kernel_lacks_is_reported_and_renders_go_on(runtime_dir, lacking):
    told, _ = trial(runtime_dir, lacking, "best-effort")
    assert [name for name, reason in told["report"].items() if reason and name != "bubblewrap"] == [lacking]
    assert told["job"] == "done"


@pytest.mark.parametrize("lacking", ["landlock", "seccomp"])
def test_renderers_refuse_to_start_without_a_layer_that_is_required(runtime_dir, lacking):
    told, log = trial(runtime_dir, lacking, "require")
    assert f"sandbox layer {lacking} is missing" in told["complaint"]
    assert "remedy: " in told["complaint"]
    assert told["job"] == "SlowDown"
    assert f"IMGFN_SANDBOX=require: sandbox layer {lacking} is missing" in log  # renderers_do_not_start has it


def test_bubblewrap_is_not_required(pool, source, no_bubblewrap):
    renderer = pool(require_sandbox=True)
    renderer.start()
    renderer.confirm_sandbox()
    assert renderer.sandbox()["bubblewrap"] == "bwrap is not installed"
    assert ask(renderer, source, reveal()).body


@pytest.mark.parametrize("kind", ["a file", "memory"])
def test_a_source_is_handed_over_for_reading_only(pool, source, tmp_path, kind):
    path = tmp_path / "source.png"
    path.write_bytes(source.getvalue())
    with path.open("r+b") as file:
        told = json.loads(ask(pool(), source if kind == "memory" else file, reveal()).body)
    assert told["append"] == "OSError"
    assert path.read_bytes() == source.getvalue()


def test_renders_go_on_where_namespaces_are_forbidden(pool, source, monkeypatch, tmp_path):
    bwrap = tmp_path / "bwrap"
    bwrap.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    bwrap.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    renderer = pool()
    told = json.loads(ask(renderer, source, reveal()).body)
    assert "No permissions to create new namespace" in renderer.sandbox()["bubblewrap"]
    assert {told[name] for name in (*FORBIDDEN, *HIDDEN)} == {"PermissionError"}


def test_children_die_with_their_master_where_no_namespace_ends_them(pool, source, runtime_dir, no_bubblewrap):
    renderer = pool()
    first = json.loads(ask(renderer, source, clock(0)).body)
    (master,) = masters(runtime_dir)
    (child,) = children(master)
    with ThreadPoolExecutor() as threads:
        job = threads.submit(ask, renderer, source, clock(3000))
        time.sleep(0.3)
        os.kill(master, signal.SIGKILL)
        wait_until(lambda: not alive(child), "the child is gone, its job undone", seconds=2)
        assert json.loads(job.result().body)["pool"] != first["pool"]


def test_nobody_else_can_reach_the_pool(pool, source, runtime_dir):
    ask(pool(), source, reveal())
    (folder,) = runtime_dir.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_platform_without_linuxs_own_calls_renders_with_what_is_left(pool, source, monkeypatch, plugin):
    """What macOS lacks is taken away here: from this process, and by sitecustomize from those of the pool."""
    lacking = ["memfd_create", "sched_setaffinity", "sched_getaffinity"]
    (plugin / "sitecustomize.py").write_text(f"import os\nfor name in {lacking}: delattr(os, name)\n")
    try:
        for name in lacking:
            monkeypatch.delattr(os, name)
        monkeypatch.setattr("imgfn.renderpool.protocol.DESCRIPTORS", "/dev/fd")
        renderer = pool(processes=len(CORES))
        assert ask(renderer, source, parse_path("resize/w_20")[0]).body
    finally:
        (plugin / "sitecustomize.py").unlink()
