"""Function Compute: what the release script would run, and that nothing but the alias serves the public."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.servers import ROOT

CLOUD = ROOT / "deploy" / "fc"
RESOURCES = yaml.safe_load((CLOUD / "s.yaml").read_text())["resources"]


def release(*words: str, fails: bool = False, **environ: str) -> str:
    told = {"PATH": os.environ["PATH"], "DRY": "1"} | environ
    done = subprocess.run([CLOUD / "release.sh", *words], env=told, capture_output=True, text=True)
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return done.stderr if fails else done.stdout


@pytest.mark.parametrize("name", list(RESOURCES))
def test_the_public_sees_the_alias_and_never_the_latest_code(name: str):
    triggers = RESOURCES[name]["props"]["triggers"]
    assert [trigger["triggerName"] for trigger in triggers if trigger["qualifier"] == "prod"] in (["http"], ["oss"])
    for trigger in triggers:
        if trigger["qualifier"] != "prod":
            assert (trigger["qualifier"], trigger["triggerConfig"]["authType"]) == ("LATEST", "function")


def test_one_request_in_ten():
    assert '--vw \\{\\"7\\":0.10\\} ' in release("gray", "6", "7", "10")
    assert '--vw \\{\\"7\\":0.05\\} ' in release("gray", "6", "7", "5")


def test_rollback_and_promotion_name_one_version_and_the_alias():
    assert release("rollback", "6") == "+ s server alias publish --alias-name prod --version-id 6 -t s.yaml\n"
    lines = release("promote", "7").splitlines()
    assert lines[0] == "+ s server alias publish --alias-name prod --version-id 7 -t s.yaml"
    assert lines[1] == "+ s server provision put --qualifier prod --target 1 -t s.yaml"


def test_what_is_printed_is_what_runs(tmp_path: Path):
    (tmp_path / "s").write_text('#!/bin/sh\nfor word in "$@"; do echo "$word"; done > "$SEEN"\n')
    (tmp_path / "s").chmod(0o755)
    seen = tmp_path / "seen"
    path = f"{tmp_path}:{os.environ['PATH']}"
    release("gray", "6", "7", "10", DRY="", PATH=path, SEEN=str(seen))
    words = seen.read_text().split()
    assert words == [
        "server",
        "alias",
        "publish",
        *["--alias-name", "prod", "--version-id", "6", "--vw"],
        '{"7":0.10}',
        "-t",
        "s.yaml",
    ]
    assert json.loads(words[8]) == {"7": 0.1}


@pytest.mark.parametrize(
    "words", [(), ("gray", "6", "7"), ("gray", "6", "7", "0"), ("gray", "6", "7", "100"), ("promote", "x")]
)
def test_what_makes_no_sense_is_refused(words: tuple[str, ...]):
    release(*words, fails=True)


def test_the_alarms_are_complete():
    for rule in json.loads((CLOUD / "alarms.json").read_text()):
        assert rule["Namespace"] == "acs_fc"
        levels = {name.split(".")[1] for name in rule if name.startswith("Escalations.")}
        for level in levels:
            assert {
                f"Escalations.{level}.{part}" for part in ("Statistics", "ComparisonOperator", "Threshold", "Times")
            } <= set(rule)
        json.loads(rule["Resources"])
