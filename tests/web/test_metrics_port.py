"""/metrics on a port of its own, and what stands there before anything has happened."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import ROOT, fetch, free_port, serving
from tests.web.test_metrics import draw


def read(port: int) -> dict[str, float]:
    lines = fetch(f"http://127.0.0.1:{port}/metrics").body.decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_the_metrics_are_on_their_port_and_nowhere_else(tmp_path: Path):
    port = free_port()
    with serving(tmp_path, workers="2", metrics_port=str(port)) as server:
        assert server.ask("/metrics").status == 404
        server.ask("/upload/a.png", "PUT", draw())
        for width in range(1, 9):
            assert server.ask(f"/proc/resize/w_{width}/a.png").status == 200
        # Each worker answers in turn, and always for both.
        for _ in range(8):
            metrics = read(port)
            assert metrics['imgfn_requests_total{function="proc",result="made",status="200"}'] == 8
        assert fetch(f"http://127.0.0.1:{port}/proc/a.png").status == 404


def test_a_worker_that_is_replaced_goes_on_answering(tmp_path: Path):
    port = free_port()
    with serving(tmp_path, workers="1", metrics_port=str(port)) as server:
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        os.kill(int(children.read_text().split()[0]), 9)
        server.ask("/upload/a.png", "PUT", draw())
        assert read(port)['imgfn_requests_total{function="upload",result="none",status="201"}'] == 1


def test_what_alerts_ask_for_stands_at_0_before_the_first_request(tmp_path: Path):
    port = free_port()
    with serving(tmp_path, metrics_port=str(port)) as server:
        metrics = read(port)
        assert server.process.poll() is None
    for event in ("renderer_crashed", "renderer_overran", "image_in_quarantine", "result_not_kept"):
        assert metrics[f'imgfn_incidents_total{{event="{event}"}}'] == 0
    for status in (502, 503, 504, 507):
        assert metrics[f'imgfn_requests_total{{function="proc",result="none",status="{status}"}}'] == 0
    for stage in ("fetch", "queue", "render", "store", "keep"):
        assert metrics[f'imgfn_stage_seconds_count{{stage="{stage}"}}'] == 0
    assert metrics["imgfn_store_breakers_open"] == 0


def test_they_tell_version_places_processes_and_disks(tmp_path: Path):
    port = free_port()
    with serving(tmp_path, workers="2", render_processes="1", render_queue="5", metrics_port=str(port)) as server:
        server.ask("/upload/a.png", "PUT", draw())
        assert server.ask("/proc/resize/w_7/a.png").status == 200
        metrics = read(port)
    assert any(name.startswith('imgfn_build_info{libvips="8.') for name in metrics)
    assert (metrics["imgfn_render_places"], metrics["imgfn_queue_places"]) == (1, 5)
    assert metrics['imgfn_processes{role="web"}'] == 3  # the master and its two workers
    assert metrics['imgfn_processes{role="renderer"}'] >= 2
    assert metrics['imgfn_process_resident_memory_bytes{role="web"}'] > 20e6
    assert metrics['imgfn_process_cpu_seconds_total{role="web"}'] > 0
    assert 0 < metrics['imgfn_disk_free_bytes{use="store"}'] <= metrics['imgfn_disk_size_bytes{use="store"}']
    assert metrics['imgfn_stage_seconds_count{stage="queue"}'] == 1
    assert metrics['imgfn_stage_seconds_count{stage="render"}'] == 1
    assert metrics['imgfn_stage_seconds_count{stage="keep"}'] == 1


def test_a_port_that_is_taken_ends_the_start_with_a_sentence(tmp_path: Path):
    port = free_port()
    with serving(tmp_path, metrics_port=str(port)):
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "app"), "IMGFN_PORT": "0"}
        environ |= {"IMGFN_METRICS_PORT": str(port), "IMGFN_RUNTIME_DIR": str(tmp_path / "other")}
        done = subprocess.run(
            [sys.executable, "-P", "-m", "imgfn.server"],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode != 0
    assert f"IMGFN_METRICS_PORT: cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("port", ["0", "65536", "x"])
def test_a_port_that_cannot_be_is_refused_by_name(tmp_path: Path, port: str):
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "app"), "IMGFN_METRICS_PORT": port}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "imgfn.server"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "IMGFN_METRICS_PORT" in done.stderr
