"""`imgfn flows`, `imgfn backfill` and `imgfn events`: they talk to a worker of this machine."""

import json
import secrets
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from imgfn.cli.settings import read_settings
from imgfn.config import tables
from imgfn.core.faults import Fault
from imgfn.flows.control import Worker
from imgfn.wiring import flows as wiring_flows
from imgfn.wiring import worker as wiring_worker

LOOK_SECONDS = 1.0


def explained(command: Callable[..., None]) -> Callable[..., None]:
    """Faults as sentences, with what was expected."""

    @wraps(command)
    def run(*given: Any, **named: Any) -> None:
        try:
            command(*given, **named)
        except Fault as fault:
            expected = f" (expected: {fault.expected})" if fault.expected else ""
            raise click.ClickException(fault.detail + expected) from fault

    return run


def _worker() -> Worker:
    return wiring_flows.control(read_settings())


def _print(told: Any) -> None:
    click.echo(json.dumps(told, indent=2 if sys.stdout.isatty() else None, ensure_ascii=False))


@click.group()
def flows() -> None:
    """Look at runs, do them again, answer them; check files of rules and flows."""


@flows.command("list")
@click.option("--state", help="waiting, running, succeeded, failed or cancelled")
@click.option("--kind", help="derive, tidy, flow, backfill, batch or expire")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@explained
def list_runs(state: str | None, kind: str | None, limit: int) -> None:
    """List runs, newest first: a table on a terminal, a JSON line each elsewhere."""
    found = _worker().call("runs", state=state or "", kind=kind or "", limit=limit)
    if not sys.stdout.isatty():
        for run in found:
            click.echo(json.dumps(run, ensure_ascii=False))
        return
    rows = [(run["id"], run["kind"], run["state"], _time(run["created"]), run["key"], run["reason"]) for run in found]
    click.echo(tables.write_text([("run", "kind", "state", "created", "about", "reason"), *rows]), nl=False)


@flows.command()
@click.argument("run")
@explained
def show(run: str) -> None:
    """Show one run with its steps."""
    _print(_worker().call("run", run=run))


@flows.command()
@click.argument("runs", nargs=-1, required=True)
@explained
def cancel(runs: tuple[str, ...]) -> None:
    """Stop runs at their next step."""
    for run in runs:
        _print(_worker().call("cancel", run=run))


@flows.command()
@click.argument("runs", nargs=-1)
@click.option("--failed", is_flag=True, help="All that failed, up to 1000.")
@explained
def redo(runs: tuple[str, ...], failed: bool) -> None:
    """Do failed or cancelled runs again."""
    worker = _worker()
    if failed:
        runs += tuple(run["id"] for run in worker.call("runs", state="failed", limit=1000))
    for run in runs:
        _print(worker.call("redo", run=run))


@flows.command()
@click.argument("run")
@click.argument("decision")
@click.option("--reason", default="", help="Why; a flow may pass it on.")
@explained
def answer(run: str, decision: str, reason: str) -> None:
    """Answer what a run waits for: imgfn flows answer RUN approve"""
    worker = _worker()
    topic = worker.call("run", run=run)["at"].get("topic")
    if not topic:
        raise click.ClickException("it waits for no answer")
    output = {"decision": decision, "reason": reason, "by": "command line"}
    told, counts = worker.call("answer", run=run, topic=topic, answer={"output": output})
    _print({"outcome": told, "answer": counts})
    if told != "accepted":
        sys.exit(1)


@flows.command()
@click.argument("name")
@click.option("--input", "given", default="{}", help="The flow's input as a JSON object.")
@click.option("--run", help="A name for the run.")
@explained
def start(name: str, given: str, run: str | None) -> None:
    """Start a flow by hand: imgfn flows start review --input '{"key": "a.png"}'"""
    try:
        told = json.loads(given)
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint="--input") from error
    if not isinstance(told, dict):
        raise click.BadParameter("expected a JSON object", param_hint="--input")
    _print(_worker().call("start_flow", name=name, given=told, run=run or f"flow-{name}-{secrets.token_hex(6)}"))


@flows.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
def check(file: Path | None) -> None:
    """Say everything that is wrong with a file of rules (.toml) or a flow (.yml); by default with IMGFN_FLOWS_FILE."""
    from imgfn.flows.fdl.definition import BadDefinition
    from imgfn.flows.rules import BadRules

    settings = read_settings()
    if not wiring_flows.installed():
        raise click.ClickException(wiring_flows.EXTRA)
    chosen = file or settings.flows_file
    if chosen is None:
        raise click.UsageError("name a FILE, or set IMGFN_FLOWS_FILE")
    try:
        if chosen.suffix == ".toml":
            own = settings.model_copy(update={"flows_file": chosen})
            wiring_worker.build_rules(own, wiring_worker.build_flow_files(own)).load()
        else:
            wiring_worker.build_flow_files(settings).read(chosen)
    except (BadRules, BadDefinition) as error:
        for fault in error.faults:
            click.echo(f"{chosen}: {fault}", err=True)
        sys.exit(1)
    click.echo(f"{chosen}: nothing is wrong with it")


@click.group()
def backfill() -> None:
    """Derivatives for what is in the store already."""


@backfill.command("start")
@click.argument("plan", required=False)
@click.option("--prefix", default="", help="Only keys that begin so.")
@click.option("--missing", is_flag=True, help="No PLAN: all that the rules ask for and is not there.")
@click.option("--saveas", default="", help="Store each result as a picture of its own: web/{stem}.webp")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Objects a second, at most.")
@click.option("--after", default="", help="Go on behind this key.")
@click.option("--dry-run", is_flag=True, help="Only list and count.")
@click.option("--name", help="A name for it; by default the time.")
@click.option("--wait/--no-wait", default=None, help="Show its progress until it ends; by default on a terminal.")
@explained
def start_backfill(plan: str | None, name: str | None, wait: bool | None, rate: float | None, **how: Any) -> None:
    """Start one: imgfn backfill start style/thumb --prefix photos/ --rate 50"""
    name = name or time.strftime("%Y%m%d-%H%M%S")
    worker = _worker()
    told = worker.call("start_backfill", name=name, plan=plan or "", rate=rate or 0, **how)
    if wait if wait is not None else sys.stdout.isatty():
        _follow(worker, name)
    else:
        _print(told)


@backfill.command()
@click.argument("name")
@click.option("--wait", is_flag=True, help="Show its progress until it ends.")
@click.option("--csv", "csv_file", type=click.File("w", encoding="utf-8"), help="Write key and reason of what failed.")
@explained
def status(name: str, wait: bool, csv_file: Any) -> None:
    """Say how far one is."""
    worker = _worker()
    if wait:
        _follow(worker, name)
    else:
        _print(worker.call("backfill", name=name))
    if csv_file:
        csv_file.write(worker.call("failures", name=name))


def _change(to: str, words: str) -> None:
    @backfill.command(to, help=words)
    @click.argument("name")
    @explained
    def change(name: str) -> None:
        _print(_worker().call("change_backfill", name=name, to=to))


_change("pause", "Stop within a second; resume goes on with what is left.")
_change("resume", "Go on with a paused one.")
_change("cancel", "Stop for good; what was made stays.")


def _follow(worker: Worker, name: str) -> None:
    """Progress until the end: one line that changes on a terminal, JSON lines elsewhere."""
    while True:
        told = worker.call("backfill", name=name)
        line = json.dumps(told)
        if sys.stdout.isatty():
            left = "" if told["seconds_left"] is None else f", {told['seconds_left']} s left"
            counts = ", ".join(f"{told[word]} {word}" for word in ("made", "kept", "skipped", "failed"))
            listed = f"{told['listed']}{'' if told['all_listed'] else '+'}"
            line = f"{told['state']}: {counts} of {listed}; {told['rate']}/s{left}"
            click.echo(f"\r\x1b[K{line}", nl=False)
        else:
            click.echo(line)
        if told["state"] != "running":
            if sys.stdout.isatty():
                click.echo()
            break
        time.sleep(LOOK_SECONDS)


@click.group()
def events() -> None:
    """What buckets send when an object changes."""


@events.command("test")
@click.argument("file", type=click.File("rb"))
def test_events(file: Any) -> None:
    """Read a notification as POST /events/s3 would, and say what it would start. FILE may be - for the input."""
    from imgfn.flows.notifications import parse_notification

    settings = read_settings()
    told = parse_notification(file.read())
    for sentence in told.refused:
        click.echo(f"refused: {sentence}", err=True)
    rules = None
    if settings.flows_file is not None and wiring_flows.installed():
        rules = wiring_worker.build_rules(settings, wiring_worker.build_flow_files(settings)).load()
    for event in told.events:
        line: dict[str, Any] = event.to_json() | {"foreign": event.bucket != settings.s3_source_bucket}
        if rules is not None:
            line["starts"] = [r.saveas or ",".join(r.styles) or r.plan for r in rules.derive_for(event)]
            line["starts"] += [f"flow {rule.start}" for rule in rules.flows_for(event)]
        click.echo(json.dumps(line, ensure_ascii=False))
    if told.refused:
        sys.exit(1)


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
