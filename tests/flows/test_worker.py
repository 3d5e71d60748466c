"""Bucket events to derivatives, by a real worker on SQLite."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgfn.core.key import Key
from imgfn.flows.event import Event
from tests.flows.working import Site, Working, make_site, picture, wait_until

pytest.importorskip("dbos", reason="pip install 'imgfn[flows]'")

RULES = """
[[derive]]
prefix = "photos/"
styles = ["thumb", "auto"]
[[derive]]
prefix = "in/"
plan = "resize/w_8/format/webp"
saveas = "web/{stem}.webp"
[[derive]]
prefix = "large/"
min_width = 100
styles = ["thumb"]
"""
STYLES = 'thumb = "resize/w_16/format/webp"\nauto = "resize/w_12/format/auto"'


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = make_site(tmp_path_factory.mktemp("site"), RULES, STYLES)
    with site.working("--name", "test-worker"):
        yield site


def test_styles_are_ready_before_anybody_asks(site: Site) -> None:
    site.put("photos/a.png")
    wait_until(site.idle)
    types = sorted(site.results.stat(key).content_type for key in map(Key, site.kept("photos/a.png")))
    # thumb, and auto as each format that a browser may choose, the source's own among them
    assert types == ["image/avif", "image/png", "image/webp", "image/webp"]


def test_a_result_may_become_a_picture_of_its_own(site: Site) -> None:
    site.put("in/folder/b.png")
    wait_until(site.idle)
    assert site.sources.stat(Key("web/b.webp")).content_type == "image/webp"


def test_the_same_event_twice_is_one_run(site: Site) -> None:
    event = site.put("photos/twice.png")
    site.journal.append([event, event])
    wait_until(site.idle)
    site.journal.append([event])
    wait_until(site.idle)
    assert len([run for run in site.runs(kind="derive") if run["key"] == "photos/twice.png"]) == 1


def test_results_of_older_versions_go(site: Site) -> None:
    site.put("photos/changed.png", picture(20, 20))
    wait_until(site.idle)
    before = site.kept("photos/changed.png")
    site.put("photos/changed.png", picture(30, 30))
    wait_until(site.idle)
    after = site.kept("photos/changed.png")
    assert len(before) == len(after) == 4
    assert not {*before} & {*after}


def test_results_of_a_deleted_source_go(site: Site) -> None:
    site.put("photos/gone.png")
    wait_until(site.idle)
    site.sources.delete(Key("photos/gone.png"))
    site.journal.append([Event("deleted", "imgfn-sources", "photos/gone.png", source="s3", sequencer="F1")])
    wait_until(lambda: not site.kept("photos/gone.png"))


def test_a_late_delete_of_a_key_that_is_there_again_removes_nothing(site: Site) -> None:
    site.put("photos/back.png")
    wait_until(site.idle)
    site.journal.append([Event("deleted", "imgfn-sources", "photos/back.png", source="s3", sequencer="01")])
    wait_until(site.idle)
    assert len(site.kept("photos/back.png")) == 4


def test_an_event_of_a_version_that_is_replaced_renders_nothing(site: Site) -> None:
    old = site.put("photos/old.png", picture(20, 20), tell=False)
    site.put("photos/old.png", picture(30, 30), tell=False)
    site.journal.append([old])
    wait_until(site.idle)
    [run] = [run for run in site.runs(kind="derive") if run["key"] == "photos/old.png"]
    assert run["output"] == {"outcome": "superseded"}
    assert site.kept("photos/old.png") == []


def test_what_a_filter_refuses_is_told(site: Site) -> None:
    site.put("large/small.png", picture(20, 20))
    site.put("large/wide.png", picture(120, 20))
    wait_until(site.idle)
    outcomes = {run["key"]: run["output"] for run in site.runs(kind="derive") if run["key"].startswith("large/")}
    assert outcomes["large/small.png"]["outcome"] == "not meant"
    assert "20 x 20" in outcomes["large/small.png"]["reason"]
    assert outcomes["large/wide.png"]["outcome"] == "made"


def test_a_broken_picture_fails_once_and_is_done_again_when_a_person_says_so(site: Site) -> None:
    site.put("photos/broken.png", picture()[:60])
    [run] = wait_until(lambda: [run for run in site.runs(state="failed") if run["key"] == "photos/broken.png"])
    assert "style/thumb: BadImage" in run["reason"]
    assert run["attempts"] == 1
    redone = site.call("redo", run=run["id"])
    assert redone["state"] == "waiting"
    wait_until(lambda: site.call("run", run=run["id"])["state"] == "failed")
    assert site.command("flows", "redo", "no-such-run").returncode == 1


def test_a_storm_of_one_key_makes_a_handful_of_runs(site: Site) -> None:
    last = site.put("photos/storm.png", tell=False)
    events = [
        Event("created", "imgfn-sources", "photos/storm.png", f"etag-{number}", source="s3", sequencer=f"{number:08X}")
        for number in range(2000)
    ]
    events.append(Event("created", "imgfn-sources", "photos/storm.png", last.etag, source="s3", sequencer="FFFFFFFF"))
    for start in range(0, len(events), 100):
        site.journal.append(events[start : start + 100])
    wait_until(site.idle)
    runs = [run for run in site.runs(kind="derive") if run["key"] == "photos/storm.png"]
    assert 1 <= len(runs) <= 25  # at most one for each file of the journal
    assert sum(run["output"]["outcome"] == "made" for run in runs) == 1
    assert len(site.kept("photos/storm.png")) == 4


def test_an_event_older_than_the_last_of_its_key_is_dropped(site: Site) -> None:
    site.put("photos/order.png", sequencer="0010")
    wait_until(site.idle)
    site.journal.append([Event("created", "imgfn-sources", "photos/order.png", "e0", source="s3", sequencer="000F")])
    wait_until(lambda: not site.journal.entries())
    assert len([run for run in site.runs(kind="derive") if run["key"] == "photos/order.png"]) == 1


def test_events_of_other_buckets_start_nothing(site: Site) -> None:
    before = len(site.runs())
    site.journal.append([Event("created", "elsewhere", "photos/a.png", "e", source="s3")])
    wait_until(lambda: not site.journal.entries())
    assert len(site.runs()) == before
    assert ["s3", "foreign", 1] in site.call("health")["events"]


def test_rules_are_read_again_and_a_wrong_file_changes_nothing(site: Site) -> None:
    path = site.folder / "rules.toml"
    path.write_text(RULES + '[[derive]]\nprefix = "new/"\nstyles = ["nope"]\n')
    faults = wait_until(lambda: site.call("health")["faults"])
    assert "'nope'" in faults[0]
    site.put("photos/still.png")
    wait_until(lambda: site.kept("photos/still.png"))
    path.write_text(RULES + '[[derive]]\nprefix = "new/"\nstyles = ["thumb"]\n')
    wait_until(lambda: not site.call("health")["faults"])
    site.put("new/a.png")
    wait_until(lambda: site.kept("new/a.png"))


def test_a_second_worker_of_the_same_name_is_refused(site: Site) -> None:
    second = site.command("work", "--name", "test-worker")
    assert second.returncode == 1
    assert "runs already" in second.stderr


def test_metrics(site: Site) -> None:
    text = site.call("metrics")
    assert 'imgfn_flow_seconds_count{kind="derive",worker="test-worker"}' in text
    assert 'imgfn_flows_ended_total{kind="derive",outcome="succeeded",worker="test-worker"}' in text


def test_commands(site: Site) -> None:
    site.put("photos/listed.png")
    wait_until(site.idle)
    lines = [json.loads(line) for line in site.command("flows", "list", "--kind", "derive").stdout.splitlines()]
    run = next(line for line in lines if line["key"] == "photos/listed.png")
    shown = json.loads(site.command("flows", "show", run["id"]).stdout)
    assert [step["name"] for step in shown["steps"]] == ["make"]
    assert site.command("flows", "list", "--state", "nope").returncode == 1
    assert site.command("flows", "check").stdout.strip().endswith("nothing is wrong with it")


def test_a_killed_worker_loses_nothing(tmp_path: Path) -> None:
    site = make_site(tmp_path / "site", RULES, STYLES)
    for number in range(30):
        site.put(f"photos/{number}.png")
    worker: Working = site.start().ready()
    wait_until(lambda: site.kept("photos/0.png"))
    worker.kill()
    with site.working():
        wait_until(site.idle)
        assert all(len(site.kept(f"photos/{number}.png")) == 4 for number in range(30))
        assert site.runs(state="failed") == []


def test_without_a_worker_events_wait_and_commands_say_what_to_do(tmp_path: Path) -> None:
    site = make_site(tmp_path / "site", RULES, STYLES)
    site.put("photos/a.png")
    told = site.command("flows", "list")
    assert told.returncode == 1
    assert "imgfn work" in told.stderr
    (site.folder / "rules.toml").write_text("[[derive]]\nstyles = 1\n[[flow]]\n")
    told = site.command("work")
    assert told.returncode == 1
    assert "styles is 1" in told.stderr
    assert "[[flow]]" in told.stderr
    assert len(site.journal.entries()) == 1
