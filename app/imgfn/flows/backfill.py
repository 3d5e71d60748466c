"""Backfill: a plan, or all that the rules ask for, over objects that are there already.

A parent lists and starts batches of 100 objects; after 1,000 batches the next parent goes on behind the last key, so
no run has too many steps. Batches are runs of a queue, so all workers on all machines share them.
"""

import time
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from imgfn.core.faults import Fault, NoSuchKey
from imgfn.flows.attempts import PASSING, insist
from imgfn.flows.derive import derive, describe
from imgfn.flows.event import Event
from imgfn.flows.pictures import Pictures
from imgfn.flows.rules import Rules
from imgfn.flows.run import Run
from imgfn.flows.target import Target

BATCH, BATCHES, PAGE = 100, 1000, 1000  # objects, batches of a parent, objects of one list request
QUEUE, RATED = "backfill", "backfill-rated"
AT_ONCE = 2  # batches with a rate, over all workers: each does half of it
POLL_SECONDS = 2.0
LOOK_SECONDS = 1.0  # between looks whether the run was cancelled

Data = dict[str, Any]


def part(name: str, number: int) -> str:
    """The run of a backfill's parent; the first is number 0."""
    return f"backfill-{name}.{number:04}"


def batch_run(parent: str, number: int) -> str:
    """The run of a parent's batch."""
    return f"{parent}.{number:06}"


def backfill_program(pictures: Callable[[], Pictures], active: Callable[[str], int]) -> Any:
    """The program of parents: {"name", "prefix", "after", "rate", …}. `active` counts a parent's batches under way."""

    async def program(run: Run, given: Data) -> Data:
        after, number, listed = given.get("after", ""), 0, given.get("listed", 0)
        rate = given.get("rate") or 0
        while number < BATCHES:
            keys = await insist(run, "page", lambda last=after: page(pictures(), given["prefix"], last))
            if not keys:
                break
            for start in range(0, len(keys), BATCH):
                work = {"parent": run.id, "keys": keys[start : start + BATCH], "work": given["work"]}
                if not given.get("dry_run"):
                    queue = RATED if rate else QUEUE
                    await run.start("batch", batch_run(run.id, number), work | {"rate": rate / AT_ONCE}, queue)
                number += 1
            after, listed = keys[-1], listed + len(keys)
            await run.tell({"listed": listed, "last": after})
        more = number >= BATCHES
        await run.tell({"listed": listed, "last": after, "all": not more})
        pause = 0.2
        while await run.step("wait", active, run.id):
            await run.sleep(pause)
            pause = min(pause * 1.5, POLL_SECONDS)
        if more:
            following = given | {"after": after, "listed": listed, "part": given["part"] + 1}
            await run.start("backfill", part(given["name"], following["part"]), following, QUEUE)
        return {"listed": listed, "last": after, "all": not more}

    program.waits = True  # type: ignore[attr-defined]
    return program


def page(pictures: Pictures, prefix: str, after: str) -> list[str]:
    """The next keys, as many as S3 gives at once."""
    return [stat.key for stat in islice(pictures.list(prefix, after), PAGE)]


def batch_program(
    pictures: Callable[[], Pictures],
    rules: Callable[[], Rules],
    cancelled: Callable[[str], bool],
    count: Callable[[Mapping[str, int]], None] = lambda _: None,
) -> Any:
    """The program of batches: {"keys", "work", "rate"}; gives {"made", "kept", "failed": [[key, reason]]}."""

    async def program(run: Run, given: Data) -> Data:
        keys = given["keys"]
        total: Data = {"made": 0, "kept": 0, "skipped": 0, "failed": []}
        at = 0
        while at < len(keys):
            # Cancelled, it stops within a second; resumed, it goes on with what is left of it.
            told = await insist(
                run,
                "work",
                work_off,
                pictures(),
                rules(),
                keys[at:],
                given["work"],
                given["rate"],
                lambda: cancelled(run.id),
            )
            at += told.pop("done")
            for name, value in told.items():
                total[name] += value
        count({name: len(value) if isinstance(value, list) else value for name, value in total.items()})
        return total

    return program


def work_off(
    pictures: Pictures, rules: Rules, keys: list[str], work: Data, rate: float, cancelled: Callable[[], bool]
) -> Data:
    """Do one object after the other until all are done, or cancelled, or the store is away."""
    told: Data = {"made": 0, "kept": 0, "skipped": 0, "failed": []}
    began = looked = time.monotonic()
    for done, key in enumerate(keys):
        if time.monotonic() - looked > LOOK_SECONDS:
            looked = time.monotonic()
            if cancelled():
                return told | {"done": done}
        try:
            outcome = do(pictures, rules, key, work)
        except (Fault, ValueError) as fault:
            code = getattr(fault, "code", "InvalidArgument")
            if code in PASSING:
                if done:
                    return told | {"done": done}
                raise
            told["failed"].append([key, f"{code}: {fault}"])
        else:
            told[outcome] += 1
        if rate:
            time.sleep(max(0.0, began + (done + 1) / rate - time.monotonic()))
    return told | {"done": len(keys)}


def do(pictures: Pictures, rules: Rules, key: str, work: Data) -> str:
    """One object: made, kept or skipped. Raises Fault and ValueError."""
    try:
        if work.get("missing"):
            return _do_rules(pictures, rules, key)
        if work.get("saveas"):
            target = Target(work["saveas"]).fill(key, work.get("prefix", ""))
            pictures.save(key, work["plan"], target)
            return "made"
        return "made" if "made" in pictures.make(key, work["plan"]).values() else "kept"
    except NoSuchKey:
        return "skipped"  # deleted meanwhile


def _do_rules(pictures: Pictures, rules: Rules, key: str) -> str:
    """What the derive rules ask for; a picture of its own is made again where its source is newer."""
    event = Event("created", pictures.bucket, key)
    outcome = "skipped"
    for rule in rules.derive_for(event):
        told: Mapping[str, Any] = {}
        if rule.saveas and _is_saved(pictures, key, describe(rule)):
            outcome = "kept" if outcome == "skipped" else outcome
            continue
        told = derive(pictures, event, describe(rule))
        if told["outcome"] == "failed":
            raise ValueError("; ".join(f"{plan}: {why}" for plan, why in told["failed"].items()))
        if told["outcome"] == "made":
            fresh = rule.saveas or any("made" in made.values() for made in told["made"].values())
            outcome = "made" if fresh else "kept" if outcome == "skipped" else outcome
    return outcome


def _is_saved(pictures: Pictures, key: str, rule: Data) -> bool:
    try:
        target = pictures.stat_saved(Target(rule["saveas"]).fill(key, rule["prefix"]), rule["bucket"])
        return target.modified >= pictures.stat(key).modified
    except NoSuchKey:
        return False
