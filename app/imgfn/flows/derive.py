"""Derivatives: what becomes of an object that was created, and of its results when it changes or goes."""

from collections.abc import Callable
from typing import Any

from imgfn.core.faults import Fault, NoSuchKey
from imgfn.flows.attempts import PASSING, insist
from imgfn.flows.event import Event
from imgfn.flows.pictures import Pictures
from imgfn.flows.rules import DeriveRule, Filter
from imgfn.flows.run import Run, RunFailed
from imgfn.flows.target import Target

Data = dict[str, Any]


def describe(rule: DeriveRule) -> Data:
    """A rule as a run takes it along, so that a changed file changes no run under way."""
    chosen = rule.filter
    return rule.to_json() | {
        "prefix": chosen.prefix,
        "type": list(chosen.type),
        "min_width": chosen.min_width,
        "min_height": chosen.min_height,
    }


def derive(pictures: Pictures, event: Event, rule: Data) -> Data:
    """Make what a rule asks for, of the version that the event is about; gives what became of each plan.

    The results of older versions go. Where the object has another version now, or is gone, nothing is made: that
    has an event of its own. A plan that fails keeps no other from being made; what fails for now is raised.
    """
    try:
        stat = pictures.stat(event.key, encoded=event.source == "oss")
    except NoSuchKey:
        return {"outcome": "gone"}
    if event.etag and stat.etag.lower() != event.etag.lower():
        return {"outcome": "superseded"}
    chosen = Filter(type=tuple(rule["type"]), min_width=rule["min_width"], min_height=rule["min_height"])
    pictures.forget(stat.key, before=stat.modified)
    if reason := pictures.refuses(stat.key, chosen):
        return {"outcome": "not meant", "reason": reason}
    plans = [f"style/{name}" for name in rule["styles"]] or [rule["plan"]]
    made: Data = {}
    failed: dict[str, str] = {}
    for plan in plans:
        try:
            if rule["saveas"]:
                target = Target(rule["saveas"]).fill(stat.key, rule["prefix"])
                made[plan] = pictures.save(stat.key, plan, target, rule["bucket"])
            else:
                made[plan] = pictures.make(stat.key, plan)
        except Fault as fault:
            if fault.code in PASSING:
                raise
            failed[plan] = f"{fault.code}: {fault.detail}"
    return {"outcome": "failed" if failed else "made", "made": made, "failed": failed}


def derive_program(pictures: Callable[[], Pictures]) -> Any:
    """The program of derive runs: {"event": …, "rule": …}."""

    async def program(run: Run, given: Data) -> Data:
        event = Event.from_json(given["event"])
        told: Data = await insist(run, "make", lambda: derive(pictures(), event, given["rule"]))
        if told["outcome"] == "failed":
            raise RunFailed("; ".join(f"{plan}: {why}" for plan, why in told["failed"].items()), "NotMade")
        return told

    return program


def tidy(pictures: Pictures, event: Event) -> Data:
    """Remove the results of an object that went, or of its older versions; gives how many."""
    try:
        stat = pictures.stat(event.key, encoded=event.source == "oss")
    except NoSuchKey:
        return {"removed": pictures.forget(event.key)}
    return {"removed": pictures.forget(stat.key, before=stat.modified)}


def tidy_program(pictures: Callable[[], Pictures]) -> Any:
    """The program of tidy runs: {"event": …}."""

    async def program(run: Run, given: Data) -> Any:
        return await insist(run, "tidy", lambda: tidy(pictures(), Event.from_json(given["event"])))

    return program
