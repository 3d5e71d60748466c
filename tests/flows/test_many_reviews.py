"""300 reviews at once: answers, second answers, time-outs, and a worker that is killed in between."""

from pathlib import Path
from typing import Any

import pytest

from tests.flows.test_review import SHORT
from tests.flows.working import Site, make_site, wait_until

pytest.importorskip("dbos", reason="pip install 'imgfn[flows]'")
pytestmark = pytest.mark.hard

REVIEWS = 300


def asked(site: Site) -> int:
    runs = site.runs(kind="flow", state="running")
    return sum(bool(run.get("at", {}).get("waiting")) for run in runs)


def answer(site: Site, number: int, decision: str) -> str:
    told: Any = {"output": {"decision": decision}}
    return str(site.call("answer", run=f"review-{number}", topic="ask#1", answer=told)[0])


def test_each_review_ends_as_it_must(tmp_path: Path) -> None:
    site = make_site(tmp_path / "s", "")
    (site.folder / "flows" / "short.yml").write_text(SHORT.replace("timeoutSeconds: 2", "timeoutSeconds: 90"))
    with site.working("--name", "one") as worker:
        for number in range(REVIEWS):
            site.call("start_flow", name="short", given={"key": "a"}, run=f"review-{number}")
        wait_until(lambda: asked(site) == REVIEWS, 80)
        assert {answer(site, number, "approve") for number in range(0, 100)} == {"accepted"}
        worker.kill()
    with site.working("--name", "one"):
        assert {answer(site, number, "reject") for number in range(0, 50)} == {"answered"}
        assert {answer(site, number, "reject") for number in range(100, 200)} == {"accepted"}
        wait_until(lambda: not site.runs(kind="flow", state="running") and not site.runs(state="waiting"), 240)
        runs = {run["id"]: run["output"]["output"]["decision"] for run in site.runs(kind="flow")}
        expected = ["approve"] * 100 + ["reject"] * 100 + ["none"] * 100
        assert [runs[f"review-{number}"] for number in range(REVIEWS)] == expected
        assert {answer(site, number, "approve") for number in range(200, 300)} == {"timed out"}
