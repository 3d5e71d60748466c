import io
import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from PIL import Image

from imgfn.server import metrics_folder
from tests.rendering.conftest import children, masters, wait_until
from tests.servers import Server, serving


def draw() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((64, 48), 80).save(out, "PNG")
    return out.getvalue()


def read_metrics(server: Server) -> dict[str, float]:
    answer = server.ask("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    lines = [line for line in answer.body.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def count(metrics: dict[str, float], function: str, status: int, result: str) -> float:
    return metrics.get(f'imgfn_requests_total{{function="{function}",result="{result}",status="{status}"}}', 0)


def find_workers(server: Server) -> set[int]:
    told = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return {int(pid) for pid in told.split()}


def test_requests_of_all_workers_add_up_by_function_status_and_result(tmp_path: Path):
    with serving(tmp_path, workers="2", threads="2") as server:
        server.ask("/upload/a.png", "PUT", draw())
        results = Counter(server.ask("/proc/resize/w_20/a.png").headers["X-Imgfn-Result"] for _ in range(40))
        etag = server.ask("/proc/resize/w_20/a.png").headers["ETag"]
        server.ask("/proc/resize/w_20/a.png", headers={"If-None-Match": etag})
        for _ in range(3):
            server.ask("/proc/nothing.png")
        metrics = read_metrics(server)
        assert count(metrics, "upload", 201, "none") == 1
        assert count(metrics, "proc", 200, "made") == results["made"]
        assert count(metrics, "proc", 200, "kept") == results["kept"] + 1
        assert count(metrics, "proc", 304, "unchanged") == 1
        assert count(metrics, "proc", 404, "none") == 3
        for stage in ("fetch", "decode", "steps", "encode"):
            assert metrics[f'imgfn_stage_seconds_count{{stage="{stage}"}}'] == results["made"]
        # Whoever waited for another worker's render got the result from the flight, not by a read of its own.
        assert metrics['imgfn_stage_seconds_count{stage="store"}'] >= results["kept"]
        assert metrics["imgfn_received_bytes_total"] == len(draw())
        assert metrics['imgfn_sent_bytes_total{function="proc"}'] > 0
        assert metrics["imgfn_renders"] == metrics["imgfn_queue_depth"] == 0


def test_counts_outlive_their_worker_and_files_do_not_pile_up(tmp_path: Path):
    with serving(tmp_path, workers="2") as server:
        for _ in range(20):
            server.ask("/healthz")
        before = read_metrics(server)
        folder = next((tmp_path / "runtime").glob("imgfn-*-metrics")) / str(server.process.pid)
        old = find_workers(server)
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        while len(find_workers(server) - old) < 2:
            time.sleep(0.05)
        for _ in range(20):
            server.ask("/healthz")
        after = read_metrics(server)
        # 20, and the request for the metrics themselves
        assert count(after, "web", 200, "none") == count(before, "web", 200, "none") + 21
        # One set of files for each of two slots, whoever sits there, and however few of them were asked.
        slots = {file.stem.rpartition("_")[2] for file in folder.glob("*.db")}
        assert slots <= {"0", "1"}


def test_a_result_that_is_not_kept_is_counted_and_told_with_the_requests_id(tmp_path: Path):
    with serving(tmp_path, workers="1") as server:
        server.ask("/upload/a.png", "PUT", draw())
        results = tmp_path / "data" / "results"
        results.rmdir()
        results.write_text("no folder")
        answer = server.ask("/proc/resize/w_20/a.png", headers={"X-Request-Id": "unlucky"})
        assert (answer.status, answer.headers["X-Imgfn-Result"]) == (200, "made")
        while 'imgfn_incidents_total{event="result_not_kept"}' not in read_metrics(server):
            time.sleep(0.05)
        told = next(line for line in server.log.splitlines() if "result_not_kept" in line)
        assert '"request_id": "unlucky"' in told


def test_a_renderer_that_is_killed_is_counted(tmp_path: Path):
    out = io.BytesIO()
    Image.effect_noise((2500, 2500), 80).save(out, "PNG")
    with (
        serving(tmp_path, render_processes="1", max_upload_bytes="50000000", max_source_bytes="50000000") as server,
        ThreadPoolExecutor(1) as threads,
    ):
        assert server.ask("/upload/a.png", "PUT", out.getvalue()).status == 201
        (renderer,) = children(*masters((tmp_path / "runtime").resolve()))
        made = threads.submit(server.ask, "/proc/rotate/33/blur/r_50,s_50/format/webp/a.png")
        wait_until(lambda: works(renderer), "the renderer works")
        os.kill(renderer, signal.SIGKILL)
        assert made.result().status == 503
        assert read_metrics(server)['imgfn_incidents_total{event="renderer_killed"}'] == 1


def works(pid: int) -> bool:
    """Whether a process has used the processor for more than a tenth of a second since it was asked first."""
    used = sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return used - _began.setdefault(pid, used) > os.sysconf("SC_CLK_TCK") // 10


_began: dict[int, int] = {}


def test_servers_that_start_at_once_sweep_the_same_folder(tmp_path: Path):
    together = Barrier(4)

    def sweep(number: int) -> None:
        together.wait()
        metrics_folder.sweep(tmp_path, tmp_path / str(number))

    for _ in range(20):
        for pid in range(4_000_000_000, 4_000_000_020):  # no process has such a number
            (tmp_path / str(pid)).mkdir()
            (tmp_path / str(pid) / "counter_0.db").touch()
        (tmp_path / "not a number").touch()
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(sweep, range(4)))
        assert [path.name for path in tmp_path.iterdir()] == ["not a number"]
