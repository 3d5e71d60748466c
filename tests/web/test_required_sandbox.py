"""IMGFN_SANDBOX on a whole server: what it says of its renderers, and when it does not start."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imgfn.renderpool.sandbox.layers import LAYERS
from tests.servers import ROOT, Server, runtime_folder, serving

WITHOUT_LANDLOCK = (sys.executable, "-m", "tests.rendering.without", "landlock")
SERVER = (sys.executable, "-P", "-m", "imgfn.server")


def layers_in_metrics(server: Server) -> dict[str, int]:
    lines = server.ask("/metrics").body.decode().splitlines()
    samples = (line.split() for line in lines if line.startswith("imgfn_sandbox_layer{"))
    return {name.split('"')[1]: int(float(value)) for name, value in samples}


def told_at_the_start(server: Server) -> dict[str, object]:
    latest = time.monotonic() + 30
    while time.monotonic() < latest:
        lines = [json.loads(line) for line in server.log.splitlines()]
        if found := [line for line in lines if line["event"] == "sandbox"]:
            assert len(found) == 1
            return found[0]
        time.sleep(0.05)
    raise AssertionError(server.log)


def test_the_log_and_the_metrics_say_which_layers_hold(tmp_path: Path):
    with serving(tmp_path, sandbox="require") as server:
        told = told_at_the_start(server)
        in_force = set(told["in_force"])
        assert in_force | set(told["missing"]) == {layer.name for layer in LAYERS}
        assert {layer.name for layer in LAYERS if layer.required} <= in_force
        assert layers_in_metrics(server) == {layer.name: int(layer.name in in_force) for layer in LAYERS}


def test_a_missing_layer_is_told_and_the_server_serves(tmp_path: Path):
    with serving(tmp_path, command=(*WITHOUT_LANDLOCK, *SERVER)) as server:
        told = told_at_the_start(server)
        assert told["level"] == "warning"
        assert "landlock" in told["missing"]
        assert layers_in_metrics(server)["landlock"] == 0
        assert layers_in_metrics(server)["seccomp"] == 1
        assert server.ask("/readyz").status == 200


def run(folder: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    own = {"folder": str(folder / "data"), "runtime_dir": runtime_folder(folder), "port": "0"} | settings
    environ = {name: value for name, value in os.environ.items() if not name.startswith("IMGFN_")}
    environ |= {f"IMGFN_{name.upper()}": value for name, value in own.items()}
    return subprocess.run(
        command, cwd=folder, env=environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120
    )


def test_a_server_that_requires_a_missing_layer_does_not_start_and_names_the_remedy(tmp_path: Path):
    ended = run(tmp_path, *WITHOUT_LANDLOCK, *SERVER, sandbox="require")
    assert ended.returncode != 0
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    refusals = [line["detail"] for line in lines if line["event"] == "sandbox_incomplete"]
    assert refusals
    assert "sandbox layer landlock is missing" in refusals[0]
    assert "remedy: a Linux kernel from 5.13 on" in refusals[0]


@pytest.mark.parametrize(("mode", "status"), [("best-effort", 0), ("require", 1)])
def test_the_doctor_says_what_is_missing_and_what_helps(tmp_path: Path, mode: str, status: int):
    doctor = (sys.executable, "-c", "from imgfn.cli.main import main; main()", "doctor")
    told = run(tmp_path, *WITHOUT_LANDLOCK, *doctor, sandbox=mode)
    (line,) = [line for line in told.stdout.splitlines() if "sandbox layer landlock" in line]
    assert line.startswith("FAIL" if status else "!!")
    assert "remedy: " in line
    assert told.returncode == status


def test_inline_renders_and_a_required_sandbox_exclude_each_other(tmp_path: Path):
    ended = run(tmp_path, *SERVER, sandbox="require", render="inline")
    assert ended.returncode == 2
    assert "IMGFN_SANDBOX: IMGFN_RENDER=inline renders in the caller" in ended.stderr


def test_a_runtime_folder_too_long_for_sockets_is_a_settings_error(tmp_path: Path):
    long = tmp_path / ("x" * 80)
    ended = run(tmp_path, *SERVER, runtime_dir=str(long))
    assert ended.returncode == 2
    assert f"IMGFN_RUNTIME_DIR: its path has {len(str(long))} bytes; expected at most " in ended.stderr
    assert not long.exists()
