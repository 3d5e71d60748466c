"""`imgfn backfill` with a real worker on SQLite."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgfn.flows.reports import failures_csv, summarize
from imgfn.flows.runs import RunInfo
from tests.flows.working import Site, make_site, picture, wait_until

pytest.importorskip("dbos", reason="pip install 'imgfn[flows]'")

RULES = """
[[derive]]
prefix = "ruled/"
styles = ["thumb"]
[[derive]]
prefix = "ruled/"
plan = "resize/w_8/format/webp"
saveas = "web/{path}.webp"
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = make_site(tmp_path_factory.mktemp("site"), RULES)
    for number in range(250):
        site.put(f"many/{number:04}.png", picture(4, 3) if number % 50 else b"\x89PNG\r\n\x1a\nbroken", tell=False)
    with site.working():
        yield site


def ended(site: Site, name: str) -> dict[str, object]:
    return wait_until(lambda: (told := site.call("backfill", name=name))["state"] != "running" and told)


def test_all_are_made_and_the_broken_ones_named(site: Site) -> None:
    site.call("start_backfill", name="first", prefix="many/", plan="style/thumb")
    told = ended(site, "first")
    assert (told["made"], told["failed"], told["listed"], told["batches"]) == (245, 5, 250, 3)
    rows = [*csv.reader(io.StringIO(site.call("failures", name="first")))]
    assert rows[0] == ["key", "reason"]
    assert [row[0] for row in rows[1:]] == [f"many/{number:04}.png" for number in range(0, 250, 50)]
    assert all("BadImage" in row[1] or "Unsupported" in row[1] for row in rows[1:])
    site.call("start_backfill", name="second", prefix="many/", plan="style/thumb")
    told = ended(site, "second")
    assert (told["made"], told["kept"], told["failed"]) == (0, 245, 5)


def test_a_dry_run_lists_only(site: Site) -> None:
    site.call("start_backfill", name="dry", prefix="many/", plan="resize/w_3", dry_run=True)
    told = ended(site, "dry")
    assert (told["listed"], told["batches"], told["made"]) == (250, 0, 0)


def test_missing_finds_what_events_missed(site: Site) -> None:
    for name in ("ruled/a/1.png", "ruled/2.png"):
        site.put(name, tell=False)
    site.call("start_backfill", name="missing", missing=True)
    assert ended(site, "missing")["made"] == 2
    assert len(site.kept("ruled/2.png")) == 2
    assert [stat.key for stat in site.sources.list("web/")] == ["web/2.webp", "web/a/1.webp"]
    site.call("start_backfill", name="missing-again", missing=True)
    told = ended(site, "missing-again")
    assert (told["made"], told["kept"]) == (0, 2)


def test_pause_resume_and_rate(site: Site) -> None:
    site.call("start_backfill", name="slow", prefix="many/", plan="resize/w_2/format/png", rate=40)
    wait_until(lambda: site.call("backfill", name="slow")["batches"] == 3)
    wait_until(lambda: site.kept("many/0001.png") and any(run["state"] == "running" for run in site.runs(kind="batch")))
    site.call("change_backfill", name="slow", to="pause")
    wait_until(lambda: site.call("backfill", name="slow")["state"] == "paused")
    wait_until(lambda: not list(site.runs(kind="batch", state="running")))
    site.call("change_backfill", name="slow", to="resume")
    told = ended(site, "slow")
    # What a batch had made when it was stopped is found ready when it goes on.
    assert (told["state"], told["made"] + told["kept"], told["failed"]) == ("succeeded", 245, 5)
    assert float(str(told["seconds"])) >= 250 / 40 - 1


def test_saveas_goes_on_behind_a_key(site: Site) -> None:
    how = {"plan": "resize/w_2/format/png", "saveas": "copies/{name}", "after": "many/0247.png"}
    site.call("start_backfill", name="copies", prefix="many/", **how)
    assert ended(site, "copies")["made"] == 2
    assert [stat.key for stat in site.sources.list("copies/")] == ["copies/0248.png", "copies/0249.png"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["style/nope", "--name", "x"], "no style is called"),
        (["rotate/x"], "rotate"),
        (["style/thumb", "--missing"], "expected: a plan or style"),
        ([], "expected: a plan or style"),
        (["style/thumb", "--name", "first"], "a backfill is called 'first'"),
        (["style/thumb", "--name", "a b"], "A-Z a-z"),
        (["resize/w_9", "--saveas", "{nope}"], "{stem}"),
    ],
)
def test_what_cannot_start_is_told(site: Site, arguments: list[str], words: str) -> None:
    told = site.command("backfill", "start", *arguments)
    assert told.returncode == 1, told
    assert words in told.stderr


def test_commands(site: Site, tmp_path: Path) -> None:
    told = site.command("backfill", "start", "style/thumb", "--prefix", "many/", "--name", "told", "--wait")
    assert json.loads(told.stdout.splitlines()[-1])["kept"] == 245
    told = site.command("backfill", "status", "told", "--csv", str(tmp_path / "failed.csv"))
    assert json.loads(told.stdout)["state"] == "succeeded"
    assert len((tmp_path / "failed.csv").read_text().splitlines()) == 6
    assert site.command("backfill", "status", "nope").returncode == 1


def batch(number: int, failed: list[list[str]]) -> RunInfo:
    output = {"made": 100 - len(failed), "kept": 0, "skipped": 0, "failed": failed}
    return RunInfo(f"b.{number:06}", "batch", "SUCCESS", 0.0, ended=number + 1.0, output=output)


def test_time_left_is_told_once_all_is_listed() -> None:
    parent = RunInfo("b", "backfill", "PENDING", created=0.0)
    batches = [batch(number, []) for number in range(5)]
    told = summarize([parent], batches, {"listed": 1000, "all": False}, now=10.0)
    assert (told["rate"], told["seconds_left"], told["state"]) == (50.0, None, "running")
    assert summarize([parent], batches, {"listed": 1000, "all": True}, now=10.0)["seconds_left"] == 10


def test_no_spreadsheet_runs_a_key() -> None:
    text = failures_csv([batch(0, [["=cmd|' /C calc'!A0", "BadImage: x"]])])
    assert [*csv.reader(io.StringIO(text))][1] == ["'=cmd|' /C calc'!A0", "BadImage: x"]
