"""The container image: built from the unmodified Dockerfile, run with everything taken away that it does not need."""

import json
import re
import subprocess
import threading
from pathlib import Path

import pytest

from tests.deploy.containers import HARDENED, Container, Engine, await_line, running
from tests.deploy.curl_lines import run_the_four
from tests.servers import fetch

pytestmark = [pytest.mark.hard, pytest.mark.real]

MOST_BYTES = 300_000_000


def test_the_four_lines_work_in_a_hardened_container(container: Container, tmp_path: Path):
    statuses = run_the_four(container.url, tmp_path, "-H", "Authorization: Bearer token")
    assert statuses == [201, 200, 200, 200]


def test_the_image_is_small_and_labelled(engine: Engine, image: str):
    told = engine.inspect("image", image)
    assert told["Size"] <= MOST_BYTES, f"{told['Size'] / 1e6:.0f} MB"
    version = re.search(r'^version = "(.+)"', Path("pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert told["Labels"]["org.opencontainers.image.version"] == version[1]
    assert re.fullmatch(r"[0-9a-f]{7,}", told["Labels"]["org.opencontainers.image.revision"])
    assert told["Config"]["User"] == "10001:10001"
    assert told["Healthcheck"]["Test"][0] == "CMD"


def test_it_runs_without_any_right(container: Container):
    status = container.execute("python3", "-c", "print(open('/proc/1/status').read())")
    assert re.search(r"^Uid:\s+10001\s+10001\s+10001\s+10001$", status, re.MULTILINE)
    assert re.search(r"^CapEff:\s+0000000000000000$", status, re.MULTILINE)
    assert re.search(r"^CapBnd:\s+0000000000000000$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    with pytest.raises(AssertionError, match="Read-only file system"):
        container.execute("python3", "-c", "open('/opt/imgfn/x', 'w')")


def test_the_loops_in_c_and_the_shaping_of_text_are_there(container: Container):
    code = (
        "from imgfn.imaging import native; from PIL.features import check; assert native.available() and check('raqm')"
    )
    container.execute("python3", "-c", code)


def test_the_metrics_are_on_a_port_of_their_own(container: Container):
    assert fetch(f"{container.url}/metrics").status == 404
    answer = fetch(f"http://127.0.0.1:{container.metrics}/metrics")
    assert answer.status == 200
    assert b"imgfn_build_info{" in answer.body


def test_any_user_of_group_0_will_do(engine: Engine, image: str, tmp_path: Path):
    with running(engine, "imgfn-any-user", "--user=123456:0", open="true") as container:
        assert run_the_four(container.url, tmp_path) == [201, 200, 200, 200]


def test_strangers_are_refused_by_default(engine: Engine, image: str):
    order = ("podman", "run", "--rm", "--network=host", *HARDENED, image)
    done = subprocess.run(order, env=dict(engine.environ), capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "IMGFN_UPLOAD_TOKEN" in done.stderr + done.stdout


def test_podman_finds_it_healthy(engine: Engine, container: Container):
    engine.run("podman", "healthcheck", "run", container.name)


def test_a_stop_ends_what_was_begun(engine: Engine, image: str, tmp_path: Path):
    with running(engine, "imgfn-stopped", open="true") as container:
        run_the_four(container.url, tmp_path)
        broken: list[str] = []
        answered = 0
        stopping = threading.Event()

        def ask(number: int) -> None:
            nonlocal answered
            for size in range(20, 400):
                if stopping.is_set():
                    return
                try:
                    answer = fetch(f"{container.url}/proc/resize/w_{size}/rotate/{number}/lena.png")
                except ConnectionRefusedError:
                    return  # it listens no more
                except OSError as error:
                    broken.append(repr(error))
                    return
                answered += 1
                if answer.status != 200:
                    broken.append(str(answer.status))

        clients = [threading.Thread(target=ask, args=(number,)) for number in range(1, 9)]
        for client in clients:
            client.start()
        while answered < 20:
            stopping.wait(0.05)
        status = container.stop()
        stopping.set()
        for client in clients:
            client.join()
        assert (status, broken) == (0, [])
        await_line(container, "Shutting down: Master")


def test_the_bill_of_materials_names_what_is_in_it(engine: Engine, image: str, tmp_path: Path):
    engine.run("deploy/oci/sbom.sh", image, str(tmp_path / "sbom.json"))
    told = json.loads((tmp_path / "sbom.json").read_text())
    assert told["bomFormat"] == "CycloneDX"
    found = {component["name"].lower() for component in told["components"]}
    assert {"pillow", "pyvips-binary", "gunicorn", "imgfn", "libc6", "libseccomp2"} <= found
    assert all(component.get("version") for component in told["components"])
