"""A real Prometheus that scrapes a real server."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from tests.deploy.tools import find
from tests.servers import ROOT, Server, fetch, free_port, serving, wait_until
from tests.web.test_metrics import draw

CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - {{job_name: imgfn, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}
"""


@dataclass(frozen=True)
class Prometheus:
    url: str

    def ask(self, query: str) -> list[dict]:
        """The vector that `query` gives now."""
        return self._ask("query", query=fill(query))

    def ask_range(self, query: str, start: float, end: float) -> list[dict]:
        """The matrix that `query` gives, second by second."""
        return self._ask("query_range", query=fill(query), start=start, end=end, step=1)

    def _ask(self, what: str, **parameters: object) -> list[dict]:
        told = json.loads(fetch(f"{self.url}/api/v1/{what}?{urlencode(parameters)}").body)
        assert told["status"] == "success", told
        return told["data"]["result"]


def fill(query: str) -> str:
    """As Grafana does, with all jobs and instances chosen."""
    return query.replace("$__rate_interval", "10s").replace("$job", ".*").replace("$instance", ".*")


@contextmanager
def watched(folder: Path, **settings: str) -> Iterator[tuple[Prometheus, Server]]:
    """Both running; Prometheus has the shipped alerts."""
    program, metrics, port = find("prometheus", "prometheus"), free_port(), free_port()
    rules = ROOT / "deploy" / "prometheus" / "alerts.yml"
    (folder / "prometheus.yml").write_text(CONFIG.format(rules=rules, port=metrics))
    order = [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]
    order += [f"--web.listen-address=127.0.0.1:{port}"]
    with (
        (folder / "prometheus.log").open("wb") as log,
        serving(folder, metrics_port=str(metrics), workers="1", **settings) as server,
        subprocess.Popen(order, stdout=log, stderr=log) as process,
    ):
        try:
            wait_until(f"http://127.0.0.1:{port}/-/ready", 60)
            yield Prometheus(f"http://127.0.0.1:{port}"), server
        finally:
            process.terminate()


def use(server: Server, seconds: float) -> None:
    """Have pictures made, kept, unchanged and refused, so that several scrapes see the counts grow."""
    server.ask("/upload/a.png", "PUT", draw())
    number, end = 0, time.monotonic() + seconds
    while time.monotonic() < end or number < 40:
        number += 1
        target = f"/proc/resize/w_{number % 3000 + 10}/a.png"
        etag = server.ask(target).headers["ETag"]
        server.ask(target, headers={"If-None-Match": etag})
        server.ask(f"/proc/resize/w_{number % 20 + 10}/a.png")
        server.ask("/proc/nothing.png")
        time.sleep(0.05)
