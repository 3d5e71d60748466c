"""What a worker does beside its runs: drain the journal, keep the schedules, forget old runs, count."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from imgfn.flows.answers import AnswerBox
from imgfn.flows.dispatch import FLOWS, Dispatcher
from imgfn.flows.engine import Engine
from imgfn.flows.journal import Journal
from imgfn.flows.review import give_answer
from imgfn.flows.rules import Rules, Schedule
from imgfn.observability.log import log

AT_ONCE = 500  # files of the journal
SWEEP_BATCH = 500
FORGOTTEN = ("SUCCESS", "CANCELLED")  # failed runs stay until a person acts


def drain(journal: Journal, box: AnswerBox, dispatcher: Dispatcher, rules: Rules, engine: Engine) -> int:
    """Hand over what waits; gives how many files that were. Raises what the engine raises: then they stay."""
    for path, told in box.waiting():
        outcome, _ = give_answer(engine, told["run"], told["topic"], told["answer"])
        log.info("kept_answer_handed_in", run=told["run"], outcome=outcome)
        path.unlink(missing_ok=True)
    entries = [*journal.read(journal.entries()[:AT_ONCE])]
    if entries:
        dispatcher.dispatch([event for _, events in entries for event in events], rules)
        for path, _ in entries:
            journal.forget(path)
    return len(entries)


def sweep(engine: Engine, keep_days: float) -> int:
    """Forget runs that succeeded or were cancelled before so many days; gives how many."""
    before = (datetime.now(UTC) - timedelta(days=keep_days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    gone = 0
    while True:
        old = engine.runs(states=FORGOTTEN, completed_before=before, limit=SWEEP_BATCH)
        if not old:
            return gone
        engine.delete([run.id for run in old])
        gone += len(old)


def apply_schedules(engine: Engine, schedules: tuple[Schedule, ...]) -> None:
    """Have exactly these in the engine."""
    entries = [{"name": one.name, "cron": one.cron, "timezone": one.timezone} for one in schedules]
    contexts = {one.name: {"name": one.name, "run": one.run, "options": dict(one.options)} for one in schedules}
    engine.schedule(entries, contexts)


class Clock:
    """Does what a schedule asks for, when it is due. Twice for one moment is once."""

    def __init__(
        self, engine: Callable[[], Engine], rules: Callable[[], Rules], desk: Callable[[], Any], keep_days: float
    ) -> None:
        self._engine, self._rules, self._desk, self._keep_days = engine, rules, desk, keep_days

    def __call__(self, moment: str, context: dict[str, Any]) -> None:
        """`moment` is the scheduled time; `context` as `apply_schedules` wrote it."""
        stamp = "".join(filter(str.isdigit, moment))[:14]
        name, options = f"{context['name']}-{stamp}", context["options"]
        log.info("schedule_due", name=context["name"], run=context["run"], moment=moment)
        if context["run"] == "retention":
            sweep(self._engine(), self._keep_days)
        elif context["run"] == "expire-results":
            given = {"days": options["days"], "prefix": options.get("prefix", "")}
            self._engine().start("expire", f"expire-{name}", given, FLOWS)
        elif context["run"] == "flow":
            self._desk().start_flow(options["start"], options.get("input", {}), f"flow-{name}")
        else:
            self._reconcile(name, options)

    def _reconcile(self, name: str, options: dict[str, Any]) -> None:
        prefixes = (
            [options["prefix"]] if "prefix" in options else sorted({r.filter.prefix for r in self._rules().derive})
        )
        # A prefix that begins with another one is done with it.
        kept = [p for p in prefixes if not any(p != other and p.startswith(other) for other in prefixes)]
        for number, prefix in enumerate(kept):
            work = {"plan": "", "missing": True, "saveas": "", "prefix": prefix}
            given = {
                "name": f"{name}-{number}",
                "prefix": prefix,
                "work": work,
                "part": 0,
                "rate": options.get("rate", 0),
            }
            self._engine().start("backfill", f"backfill-{name}-{number}.0000", given, FLOWS)
