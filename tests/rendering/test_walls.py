"""What a broken decoder could reach if it ran somebody else's code."""

import json
import os
import signal
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imgfn.renderpool.sandbox.layers import sandbox_in_force
from tests.rendering.conftest import alive, ask, children, clock, masters, reveal, wait_until

FORBIDDEN = (
    *("network", "unix", "write", "overwrite", "remove", "program", "fork", "signal"),
    *("rewrite", "stamp", "flag"),  # the source, by its descriptor
)
HIDDEN = ("secret", "processes")


@pytest.fixture
def secret(monkeypatch):
    monkeypatch.setenv("IMGFN_S3_SECRET_KEY", "very-secret-indeed")
    return b"very-secret-indeed"


def test_no_process_of_the_pool_has_our_secrets(secret, pool, source, runtime_dir):
    told = json.loads(ask(pool(processes=2), source, reveal()).body)
    assert "IMGFN_S3_SECRET_KEY" not in told["environment"]
    assert told["folder"] == "/"
    (master,) = masters(runtime_dir)
    wait_until(lambda: len(children(master)) == 2, "both processes are there")
    for pid in (master, *children(master)):
        assert secret not in Path(f"/proc/{pid}/environ").read_bytes()


def test_what_the_doctor_says_is_what_holds(pool, source):
    words = sandbox_in_force()
    told = json.loads(ask(pool(), source, reveal()).body)
    if os.environ.get("IMGFN_REQUIRE_REAL"):
        assert "NO seccomp" not in words
    if "NO seccomp" not in words:
        assert {name: told[name] for name in FORBIDDEN} == dict.fromkeys(FORBIDDEN, "PermissionError")
    if "NO Landlock" not in words or "NO bubblewrap" not in words:
        assert {told[name] for name in HIDDEN} <= {"FileNotFoundError", "PermissionError"}


@pytest.mark.parametrize("kind", ["a file", "memory"])
def test_a_source_is_handed_over_for_reading_only(pool, source, tmp_path, kind):
    path = tmp_path / "source.png"
    path.write_bytes(source.getvalue())
    with path.open("r+b") as file:
        told = json.loads(ask(pool(), source if kind == "memory" else file, reveal()).body)
    assert told["append"] == "OSError"
    assert path.read_bytes() == source.getvalue()


def test_renders_go_on_where_bubblewrap_is_missing(pool, source, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "bwrap is not installed" in sandbox_in_force()
    assert ask(pool(), source, reveal()).body


def test_the_kernel_kills_a_job_by_the_clock_and_by_its_cpu_time(pool, source):
    deadlines = json.loads(ask(pool(seconds=9), source, reveal()).body)["deadlines"]
    for name, most in (("clock", 9), ("cpu", 11)):
        left, default_action = deadlines[name]
        assert most - 3 < left <= most + 0.1  # the kernel rounds up to a tick
        assert default_action


def test_renders_go_on_where_namespaces_are_forbidden(pool, source, monkeypatch, tmp_path):
    bwrap = tmp_path / "bwrap"
    bwrap.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    bwrap.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "No permissions to create new namespace" in sandbox_in_force()
    told = json.loads(ask(pool(), source, reveal()).body)
    if "NO seccomp" not in sandbox_in_force():
        assert {told[name] for name in FORBIDDEN} == {"PermissionError"}
    if "NO Landlock" not in sandbox_in_force():
        assert {told[name] for name in HIDDEN} == {"PermissionError"}


def test_children_die_with_their_master_where_no_namespace_ends_them(pool, source, runtime_dir, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
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
