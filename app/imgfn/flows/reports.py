"""What became of a backfill: progress for a terminal, and a CSV file of what failed."""

import csv
import io
import time
from collections.abc import Iterable
from typing import Any

from imgfn.flows.runs import RunInfo

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def summarize(
    parents: Iterable[RunInfo], batches: Iterable[RunInfo], states: dict[str, Any], now: float | None = None
) -> dict[str, Any]:
    """Counts, rate (objects a second) and seconds left of a backfill, from its runs; `states`: its last parent's."""
    told: dict[str, Any] = {"made": 0, "kept": 0, "skipped": 0, "failed": 0}
    parents, batches = list(parents), list(batches)
    ended = []
    for batch in batches:
        if isinstance(batch.output, dict):
            told |= {name: told[name] + batch.output[name] for name in ("made", "kept", "skipped")}
            told["failed"] += len(batch.output["failed"])
            ended.append(batch.ended or 0.0)
    done = sum(told.values())
    states_seen = {run.state for run in (*parents, *batches)}
    told["batches"], told["listed"] = len(batches), states.get("listed", 0)
    told["all_listed"] = bool(states.get("all"))
    told["state"] = _state(states_seen)
    began = min((run.created for run in parents), default=0.0)
    until = (now or time.time()) if told["state"] == "running" else max(ended, default=began)
    told["seconds"] = round(max(0.0, until - began), 1)
    told["rate"] = round(done / told["seconds"], 1) if told["seconds"] else 0.0
    left = told["listed"] - done
    told["seconds_left"] = round(left / told["rate"]) if told["rate"] and told["all_listed"] else None
    return told


def failures_csv(batches: Iterable[RunInfo]) -> str:
    """key,reason: a line for each object that failed."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(("key", "reason"))
    for batch in sorted(batches, key=lambda run: run.id):
        failed = batch.output["failed"] if isinstance(batch.output, dict) else []
        # A key is a stranger's text, and spreadsheets run what begins like a formula.
        writer.writerows([f"'{cell}" if cell.startswith(FORMULA) else cell for cell in row] for row in failed)
    return file.getvalue()


def _state(states: set[str]) -> str:
    if "failed" in states:
        return "failed"
    if "cancelled" in states:
        return "paused"
    return "running" if states & {"waiting", "running"} else "succeeded"
