"""The alert rules: checked and tried by promtool, and each with a line in the runbook."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.tools import find
from tests.servers import ROOT

FOLDER = ROOT / "deploy" / "prometheus"
RULES = [rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
ALERTS = sorted({rule["alert"] for rule in RULES if "alert" in rule})


def promtool(*words: str) -> str:
    order = [find("promtool", "prometheus"), *words]
    done = subprocess.run(order, cwd=FOLDER, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.real
def test_promtool_takes_the_rules_and_their_trial_holds():
    promtool("check", "rules", "alerts.yml")
    promtool("test", "rules", "alerts_test.yml")


@pytest.mark.real
def test_a_rule_that_is_broken_fails_the_trial(tmp_path: Path):
    rules = (FOLDER / "alerts.yml").read_text()
    (tmp_path / "alerts.yml").write_text(rules.replace("> 14.4 * 0.001", "> 14.4"))
    (tmp_path / "alerts_test.yml").write_text((FOLDER / "alerts_test.yml").read_text())
    done = subprocess.run([find("promtool", "prometheus"), "test", "rules", "alerts_test.yml"], cwd=tmp_path)
    assert done.returncode != 0


def test_every_alert_is_tried():
    tried = set(re.findall(r"alertname: (\w+)", (FOLDER / "alerts_test.yml").read_text()))
    assert tried == set(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_the_runbook_says_what_to_do(alert: str):
    assert re.search(rf"^\| `{alert}` \| .+ \| .+ \|$", (ROOT / "docs" / "operating.md").read_text(), re.MULTILINE)
