"""`imgfn work`: one process that runs what flows ask for, until it is told to stop."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgfn.flows.actions import Actions
from imgfn.flows.answers import AnswerBox
from imgfn.flows.backfill import AT_ONCE, RATED, backfill_program, batch_program
from imgfn.flows.backfill import QUEUE as BACKFILL
from imgfn.flows.control import Server
from imgfn.flows.definitions import FlowFiles
from imgfn.flows.derive import derive_program, tidy_program
from imgfn.flows.desk import Desk
from imgfn.flows.dispatch import DERIVE, FLOWS, Dispatcher
from imgfn.flows.engine import Engine, Queue
from imgfn.flows.engine_run import Surroundings
from imgfn.flows.expire import expire_program
from imgfn.flows.housekeeping import Clock, apply_schedules, drain, sweep
from imgfn.flows.journal import Journal
from imgfn.flows.lease import Leases, Watch
from imgfn.flows.meter import Meter
from imgfn.flows.pictures import Pictures
from imgfn.flows.review import CONTROL, answer_program, claim_timeout, flow_program
from imgfn.flows.ruleset import RuleFile
from imgfn.flows.runs import ACTIVE
from imgfn.observability.log import log

# Above the renders at once: some runs wait for the store while others render.
QUEUES = {
    DERIVE: Queue(16),
    BACKFILL: Queue(4, 0.5),
    RATED: Queue(AT_ONCE, 0.5, everywhere=AT_ONCE),
    FLOWS: Queue(None, 0.2),
    CONTROL: Queue(16),
}
LOOK_SECONDS = 0.05  # between looks into the journal
SWEEP_SECONDS, COUNT_SECONDS = 3600.0, 15.0


@dataclass(frozen=True)
class Parts:
    """What a worker is made of; `wiring_flows` makes it from Settings."""

    url: str  # of the engine's database
    name: str
    leases: Leases
    journal: Journal
    box: AnswerBox
    rules: RuleFile
    flows: FlowFiles
    pictures: Callable[[], Pictures]
    actions: Actions
    secret: bytes
    sockets: Path
    keep_days: float


class Worker:
    """Runs until `stop`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stopping = threading.Event()
        self._meter = Meter(parts.name)
        pictures, rules = parts.pictures, parts.rules.rules
        around = Surroundings(
            parts.actions.act, parts.secret, lambda run, topic: claim_timeout(self._engine, run, topic)
        )
        programs = {
            "derive": derive_program(pictures),
            "tidy": tidy_program(pictures),
            "batch": batch_program(pictures, rules, self._is_cancelled, self._meter.objects),
            "backfill": backfill_program(pictures, self._count_batches),
            "flow": flow_program(pictures, parts.flows.find),
            "answer": answer_program(lambda: self._engine),
            "expire": expire_program(pictures),
        }
        self._engine = Engine(parts.url, parts.name, programs, around, ended=self._meter.run_ended)
        self._dispatcher = Dispatcher(self._engine.start, pictures().bucket, parts.flows)
        self._desk = Desk(self._engine, parts.flows, pictures, rules, self._health, self._meter.expose)
        self._engine.on_schedule(Clock(lambda: self._engine, rules, lambda: self._desk, parts.keep_days))
        self._watch = Watch(parts.name, parts.leases, self._engine.executors_with_work, self._engine.take_over)

    def run(self) -> None:
        """Work; back after `stop`."""
        self._engine.launch(QUEUES)
        self._watch.start()
        control = Server(self._parts.sockets, self._parts.name, self._desk)
        threading.Thread(target=self._keep_house, name="housekeeping", daemon=True).start()
        log.info("worker_started", worker=self._parts.name)
        try:
            self._drain()
        finally:
            control.close()
            self._watch.stop()
            self._engine.close()
            log.info("worker_stopped", worker=self._parts.name)

    def stop(self) -> None:
        """End soon: runs under way get some seconds, the others go on elsewhere or at the next start."""
        self._stopping.set()

    def _drain(self) -> None:
        parts = self._parts
        while not self._stopping.is_set():
            with parts.journal.draining() as ours:
                while ours and not self._stopping.is_set():
                    try:
                        if not drain(parts.journal, parts.box, self._dispatcher, parts.rules.rules(), self._engine):
                            self._stopping.wait(LOOK_SECONDS)
                    except Exception as error:  # the files stay, and are handed over later
                        log.warning("journal_not_drained", problem=f"{type(error).__name__}: {error}"[:300])
                        self._stopping.wait(1.0)
            self._stopping.wait(1.0)

    def _keep_house(self) -> None:
        swept = float("-inf")
        version = None
        while not self._stopping.is_set():
            try:
                rules = self._parts.rules.rules()
                if version != self._parts.rules.version:
                    apply_schedules(self._engine, rules.schedules)
                    version = self._parts.rules.version
                if time.monotonic() - swept > SWEEP_SECONDS:
                    swept = time.monotonic()
                    sweep(self._engine, self._parts.keep_days)
                self._count()
            except Exception as error:
                log.warning("housekeeping_failed", problem=f"{type(error).__name__}: {error}"[:300])
            self._stopping.wait(COUNT_SECONDS if version == self._parts.rules.version else 1.0)

    def _count(self) -> None:
        oldest = self._engine.runs(states=("ENQUEUED",), limit=1, sort_desc=False)
        self._meter.gauges(self._engine.count(), oldest, self._parts.journal.oldest_seconds(), self._watch.recovered)
        self._meter.events(self._dispatcher.outcomes)

    def _health(self) -> dict[str, Any]:
        return {
            "worker": self._parts.name,
            "faults": self._parts.rules.faults,
            "journal_seconds": round(self._parts.journal.oldest_seconds(), 3),
            "events": [[*names, number] for names, number in self._dispatcher.outcomes.items()],
            "recovered": self._watch.recovered,
        }

    def _is_cancelled(self, run: str) -> bool:
        info = None
        with suppress(Exception):
            info = self._engine.look_up(run)
        return info is not None and info.state == "cancelled"

    def _count_batches(self, parent: str) -> int:
        return len(self._engine.runs(kinds=("batch",), states=ACTIVE, prefix=f"{parent}.", limit=100_000))
