"""The Grafana dashboard: made by its script, and each query asked of a real Prometheus that has scraped a real run."""

import json
import re
import runpy
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from tests.deploy.tools import find
from tests.servers import ROOT, fetch, free_port, serving, wait_until
from tests.web.test_metrics import draw

FOLDER = ROOT / "deploy" / "grafana"
SHIPPED = json.loads((FOLDER / "imgfn.json").read_text())
QUERIES = {panel["title"]: [target["expr"] for target in panel["targets"]] for panel in SHIPPED["panels"]}
# Without S3 no breaker is ever open: the series stands at 0, and that is data.
CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - {{job_name: imgfn, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}
"""


def test_the_file_is_what_the_script_makes():
    made = runpy.run_path(str(FOLDER / "make_dashboard.py"))["dashboard"]()
    assert made == SHIPPED, "run python deploy/grafana/make_dashboard.py"


def test_no_panel_lies_on_another():
    taken: set[tuple[int, int]] = set()
    for panel in SHIPPED["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + 8)}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


@dataclass(frozen=True)
class Prometheus:
    url: str

    def ask(self, query: str) -> list[dict]:
        told = json.loads(fetch(f"{self.url}/api/v1/query?query={quote(fill(query))}").body)
        assert told["status"] == "success", told
        return told["data"]["result"]


def fill(query: str) -> str:
    """As Grafana does, with all jobs and instances chosen."""
    return query.replace("$__rate_interval", "10s").replace("$job", ".*").replace("$instance", ".*")


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """It has scraped a server that has made, kept, refused and failed."""
    folder = tmp_path_factory.mktemp("watched")
    program, metrics, port = find("prometheus", "prometheus"), free_port(), free_port()
    rules = ROOT / "deploy" / "prometheus" / "alerts.yml"
    (folder / "prometheus.yml").write_text(CONFIG.format(rules=rules, port=metrics))
    order = [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]
    order += [f"--web.listen-address=127.0.0.1:{port}"]
    with (
        (folder / "log").open("wb") as log,
        serving(folder, metrics_port=str(metrics), workers="1") as server,
        subprocess.Popen(order, stdout=log, stderr=log) as process,
    ):
        try:
            wait_until(f"http://127.0.0.1:{port}/-/ready", 60)
            server.ask("/upload/a.png", "PUT", draw())
            for number in range(60):
                answer = server.ask(f"/proc/resize/w_{number + 10}/a.png")
                server.ask(f"/proc/resize/w_{number + 10}/a.png", headers={"If-None-Match": answer.headers["ETag"]})
                server.ask(f"/proc/resize/w_{number // 2 + 10}/a.png")
                server.ask("/proc/nothing.png")
                time.sleep(0.1)  # so that several scrapes see it grow
            yield Prometheus(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()


@pytest.mark.real
@pytest.mark.parametrize("title", list(QUERIES))
def test_every_query_of_a_panel_finds_data(prometheus: Prometheus, title: str):
    panel = next(panel for panel in SHIPPED["panels"] if panel["title"] == title)
    for target in panel["targets"]:
        end = time.monotonic() + 20
        while not (found := prometheus.ask(target["expr"])):
            assert time.monotonic() < end, target["expr"]
            time.sleep(0.5)
        named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        assert all(named <= set(series["metric"]) for series in found), (named, found)


@pytest.mark.real
def test_the_recording_rules_find_data_and_the_alerts_are_quiet(prometheus: Prometheus):
    told = json.loads(fetch(f"{prometheus.url}/api/v1/rules").body)["data"]["groups"]
    rules = [rule for group in told for rule in group["rules"]]
    assert len(rules) > 15
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
    assert [rule["name"] for rule in rules if rule.get("state") == "firing"] == []


def test_the_dashboard_asks_for_no_metric_that_does_not_exist():
    source = "".join(path.read_text() for path in (ROOT / "app" / "imgfn" / "observability").glob("*.py"))
    for queries in QUERIES.values():
        for name in re.findall(r"imgfn_\w+", " ".join(queries)):
            family = re.sub(r"_(total|bucket|sum|count)$", "", name)
            assert f'"{family}"' in source, name
