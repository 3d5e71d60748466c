"""The Grafana dashboard: made by its script, and each query asked of a real Prometheus that has scraped a real run."""

import json
import re
import runpy
import time
from collections.abc import Iterator

import pytest

from tests.deploy.watched import Prometheus, use, watched
from tests.servers import ROOT, fetch

FOLDER = ROOT / "deploy" / "grafana"
SHIPPED = json.loads((FOLDER / "imgfn.json").read_text())
QUERIES = {panel["title"]: [target["expr"] for target in panel["targets"]] for panel in SHIPPED["panels"]}


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


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """It has scraped a server that has made, kept, refused and failed."""
    with watched(tmp_path_factory.mktemp("watched")) as (prometheus, server):
        use(server, seconds=8)
        yield prometheus


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
