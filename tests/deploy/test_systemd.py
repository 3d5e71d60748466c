"""The systemd units: rated offline, and run by a real systemd in a container."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.containers import IMAGE, Engine
from tests.deploy.curl_lines import run_the_four
from tests.deploy.tools import find
from tests.servers import ROOT, fetch, free_port, wait_until

UNITS = ROOT / "deploy" / "systemd"
MOST_EXPOSURE = 2.0


@pytest.mark.real
@pytest.mark.parametrize("unit", ["imgfn-server.service", "imgfn-server@.service", "imgfn-worker.service"])
def test_the_exposure_is_low(unit: str, tmp_path: Path):
    folder = tmp_path / "units"
    shutil.copytree(UNITS, folder)
    program = find("systemd-analyze", "systemd")
    name = unit.replace("@.", "@a.")
    told = subprocess.run(
        [program, "security", "--offline=true", "--no-pager", str(folder / name)],
        env={"SYSTEMD_UNIT_PATH": f"{folder}:", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    rated = re.search(r"Overall exposure level for \S+: ([\d.]+)", told.stdout)
    assert rated, told.stdout + told.stderr
    assert float(rated[1]) < MOST_EXPOSURE, told.stdout


def test_the_units_say_what_the_sandbox_needs():
    hardening = (UNITS / "imgfn-.service.d" / "hardening.conf").read_text()
    allowed = re.findall(r"^SystemCallFilter=(?!~)(.+)$", hardening, re.MULTILINE)
    words = " ".join(allowed).split()
    assert {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "seccomp"} <= set(words)
    assert "IMGFN_SANDBOX=require" in hardening


CONTAINERFILE = f"""
FROM {IMAGE}
USER 0:0
RUN apt-get update \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends systemd systemd-sysv dbus \\
 && rm -rf /var/lib/apt/lists/*
COPY units /etc/systemd/system
RUN systemctl enable imgfn-server.service imgfn-worker.service
HEALTHCHECK NONE
ENTRYPOINT ["/sbin/init"]
CMD []
STOPSIGNAL SIGRTMIN+3
"""
SETTINGS = """IMGFN_PORT={port}
IMGFN_METRICS_PORT={metrics}
IMGFN_UPLOAD_TOKEN=token
IMGFN_FLOWS_FILE=/etc/imgfn/flows.toml
IMGFN_RENDER_PROCESSES=2
"""


@pytest.fixture(scope="module")
def machine(engine: Engine, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, str, int]]:
    """A container whose first process is systemd; its name, and where imgfn listens."""
    folder = tmp_path_factory.mktemp("machine")
    shutil.copytree(UNITS, folder / "units", ignore=shutil.ignore_patterns("README.md"))
    (folder / "Containerfile").write_text(CONTAINERFILE)
    order = ("buildah", "bud", "--isolation", "chroot", "--layers", "--format", "docker")
    engine.run(*order, "--tag", "localhost/imgfn-systemd:test", "--file", str(folder / "Containerfile"), str(folder))
    port = free_port()
    settings = folder / "etc"
    settings.mkdir()
    (settings / "imgfn.env").write_text(SETTINGS.format(port=port, metrics=free_port()))
    (settings / "flows.toml").write_text('[[derive]]\nprefix = "in/"\nplan = "resize/w_9"\nsaveas = "out/{name}"\n')
    name = "imgfn-systemd"
    engine.run("podman", "rm", "--force", "--ignore", name)
    engine.run(
        *("podman", "run", "--detach", "--name", name, "--network=host", "--privileged", "--systemd=always"),
        *("--cgroupns=private", f"--volume={settings}:/etc/imgfn:ro", "localhost/imgfn-systemd:test"),
    )
    try:
        wait_until(f"http://127.0.0.1:{port}/healthz", 90)
        yield engine, name, port
    except AssertionError as error:
        log = engine.run("podman", "exec", name, "journalctl", "--no-pager", "-n", "60", check=False)
        raise AssertionError(f"{error}\n{log}") from error
    finally:
        engine.run("podman", "rm", "--force", "--time", "5", name)


@pytest.mark.hard
@pytest.mark.real
def test_the_four_lines_work_through_the_unit(machine: tuple[Engine, str, int], tmp_path: Path):
    _, _, port = machine
    statuses = run_the_four(f"http://127.0.0.1:{port}", tmp_path, "-H", "Authorization: Bearer token")
    assert statuses == [201, 200, 200, 200]


@pytest.mark.hard
@pytest.mark.real
def test_it_runs_confined_and_its_renderers_too(machine: tuple[Engine, str, int]):
    engine, name, _ = machine
    pid = engine.run(
        "podman", "exec", name, "systemctl", "show", "--property=MainPID", "--value", "imgfn-server"
    ).strip()
    status = engine.run("podman", "exec", name, "cat", f"/proc/{pid}/status")
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    assert re.search(r"^Seccomp:\s+2$", status, re.MULTILINE)
    assert re.search(r"^CapEff:\s+0000000000000000$", status, re.MULTILINE)
    assert not re.search(r"^Uid:\s+0\b", status, re.MULTILINE)
    log = engine.run("podman", "exec", name, "journalctl", "--no-pager", "-u", "imgfn-server")
    assert "sandbox_incomplete" not in log
    assert "landlock" in log  # the line that says which layers are in force


@pytest.mark.hard
@pytest.mark.real
def test_the_worker_makes_what_the_rules_want(machine: tuple[Engine, str, int]):
    from tests.web.test_metrics import draw

    _, _, port = machine
    origin = f"http://127.0.0.1:{port}"
    assert fetch(f"{origin}/upload/in/a.png", "PUT", draw(), Authorization="Bearer token").status == 201
    wait_until(f"{origin}/proc/out/a.png", 60)


@pytest.mark.hard
@pytest.mark.real
def test_a_stop_is_clean_and_what_was_stored_is_there_after_a_start(machine: tuple[Engine, str, int], tmp_path: Path):
    engine, name, port = machine
    run_the_four(f"http://127.0.0.1:{port}", tmp_path, "-H", "Authorization: Bearer token")
    engine.run("podman", "exec", name, "systemctl", "stop", "imgfn-server")
    result = engine.run("podman", "exec", name, "systemctl", "show", "--property=Result", "--value", "imgfn-server")
    assert result.strip() == "success"
    engine.run("podman", "exec", name, "systemctl", "start", "imgfn-server")
    wait_until(f"http://127.0.0.1:{port}/proc/lena.png", 60)
