"""deploy/compose: the shipped file, with stand-ins for what comes from a registry, run by podman-compose."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from tests.deploy.containers import Engine, build_standins
from tests.deploy.curl_lines import run_the_four
from tests.servers import ROOT, fetch, free_port, wait_until

COMPOSE = ROOT / "deploy" / "compose" / "compose.yaml"


def read() -> dict:
    return yaml.safe_load(COMPOSE.read_text())


@pytest.mark.parametrize("name", ["imgfn", "worker"])
def test_our_services_have_no_right_that_they_do_not_need(name: str):
    service = read()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["networks"] == ["inner"]


def test_every_service_has_a_memory_limit_and_restarts():
    for name, service in read()["services"].items():
        assert "mem_limit" in service, name
        assert service["restart"] == "unless-stopped", name


def test_secrets_are_files_and_stand_in_no_environment():
    told = read()
    assert read()["networks"]["inner"]["internal"] is True
    assert all(set(secret) == {"file"} for secret in told["secrets"].values())
    for name, service in told["services"].items():
        for variable, value in service.get("environment", {}).items():
            if any(word in variable for word in ("PASSWORD", "TOKEN", "SECRET", "ACCESS_KEY")):
                assert variable.endswith("_FILE"), f"{name}: {variable}"
                assert value.removeprefix("/run/secrets/") in service["secrets"]


def test_every_setting_that_is_named_exists():
    from imgfn.config.settings import Settings

    known = {f"IMGFN_{name.upper()}" for name in Settings.model_fields}
    named = set(read()["services"]["imgfn"]["environment"]) - known  # IMGFN_FLOWS_FILE is one itself
    assert {name.removesuffix("_FILE") for name in named} <= known


@dataclass(frozen=True)
class Project:
    engine: Engine
    folder: Path
    http: int
    prometheus: int

    def compose(self, *words: str) -> str:
        files = ("-f", str(self.folder / "compose" / "compose.yaml"), "-f", str(self.folder / "compose.test.yaml"))
        order = [sys.executable, "-m", "podman_compose", "-p", "imgfn-test", *files, *words]
        ports = {"IMGFN_HTTP_PORT": str(self.http), "PROMETHEUS_PORT": str(self.prometheus)}
        done = subprocess.run(order, env={**self.engine.environ, **ports}, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
        return done.stdout

    def query(self, expression: str) -> list[dict]:
        answer = fetch(f"http://127.0.0.1:{self.prometheus}/api/v1/query?query={quote(expression)}")
        return json.loads(answer.body)["data"]["result"]


@pytest.fixture(scope="module")
def project(engine: Engine, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    build_standins(engine)
    folder = tmp_path_factory.mktemp("project")
    for part in ("compose", "nginx", "prometheus"):
        shutil.copytree(ROOT / "deploy" / part, folder / part, ignore=shutil.ignore_patterns("secrets"))
    shutil.copy(Path(__file__).parent / "compose" / "compose.test.yaml", folder)
    subprocess.run([folder / "compose" / "secrets.sh"], check=True)
    project = Project(engine, folder, free_port(), free_port())
    try:
        project.compose("up", "--detach")
        wait_until(f"http://127.0.0.1:{project.http}/healthz", 90)
        yield project
    finally:
        project.compose("down", "--volumes", "--timeout", "5")


@pytest.mark.hard
@pytest.mark.real
def test_the_four_lines_work_through_all_of_it(project: Project, tmp_path: Path):
    token = (project.folder / "compose" / "secrets" / "upload_token").read_text()
    origin = f"http://127.0.0.1:{project.http}"
    assert run_the_four(origin, tmp_path, "-H", f"Authorization: Bearer {token}") == [201, 200, 200, 200]
    again = fetch(f"{origin}/proc/rotate/10/resize/w_200/format/webp/lena.png", Accept="*/*")
    assert (again.status, again.headers["X-Cache"]) == (200, "HIT")
    assert fetch(f"{origin}/metrics").status in (403, 404)


@pytest.mark.hard
@pytest.mark.real
def test_prometheus_finds_server_and_worker(project: Project):
    wait_for_value(project, 'up{job="imgfn"}', "1")
    assert project.query("imgfn_build_info")
    wait_for_value(project, "count(imgfn_journal_oldest_seconds)", "1")
    rules = json.loads(fetch(f"http://127.0.0.1:{project.prometheus}/api/v1/rules").body)["data"]["groups"]
    assert {rule["health"] for group in rules for rule in group["rules"]} <= {"ok", "unknown"}


@pytest.mark.hard
@pytest.mark.real
def test_a_restarted_server_is_found_at_its_new_address(project: Project):
    origin = f"http://127.0.0.1:{project.http}"
    project.engine.run("podman", "restart", "--time", "20", "imgfn-test_imgfn_1")
    wait_until(f"{origin}/healthz", 60)
    assert fetch(f"{origin}/proc/resize/w_33/lena.png").status in (200, 404)


def wait_for_value(project: Project, expression: str, value: str) -> None:
    import time

    end = time.monotonic() + 60
    while not ((found := project.query(expression)) and found[0]["value"][1] == value):
        assert time.monotonic() < end, f"{expression}: {found}"
        time.sleep(1)


def test_the_secrets_are_made_once_and_are_for_their_owner(tmp_path: Path):
    shutil.copy(ROOT / "deploy" / "compose" / "secrets.sh", tmp_path)
    subprocess.run([tmp_path / "secrets.sh"], check=True)
    before = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    subprocess.run([tmp_path / "secrets.sh"], check=True)
    assert before == {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert set(before) == set(read()["secrets"])
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    assert before["postgres_password"] in before["flows_url"]
