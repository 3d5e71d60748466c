"""What a worker counts, for Prometheus. Every series carries the worker's name: a page adds them up."""

import time
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from imgfn.flows.runs import STATES, RunInfo

SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600, 86_400)


class Meter:
    """The metrics of one worker."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._registry = CollectorRegistry()
        own = self._registry
        self._runs = Gauge(
            "imgfn_flows", "Runs that have not ended well, by kind and state", ("worker", "kind", "state"), registry=own
        )
        self._oldest = Gauge(
            "imgfn_flows_oldest_waiting_seconds", "Age of the oldest run that waits to start", ("worker",), registry=own
        )
        self._seconds = Histogram(
            "imgfn_flow_seconds",
            "Time from a run's start to its end",
            ("worker", "kind"),
            buckets=SECONDS,
            registry=own,
        )
        self._ended = Counter(
            "imgfn_flows_ended",
            "Runs that ended, by their kind and outcome",
            ("worker", "kind", "outcome"),
            registry=own,
        )
        self._events = Counter(
            "imgfn_events", "Events by who told and what became of them", ("worker", "source", "outcome"), registry=own
        )
        self._objects = Counter(
            "imgfn_backfill_objects", "Objects of backfills by outcome", ("worker", "outcome"), registry=own
        )
        self._recovered = Counter(
            "imgfn_flows_recovered", "Runs taken over from workers that died", ("worker",), registry=own
        )
        self._journal = Gauge(
            "imgfn_journal_oldest_seconds",
            "Age of the oldest event that waits in the journal",
            ("worker",),
            registry=own,
        )
        self._seen: dict[tuple[str, str], int] = {}
        self._recovered_seen = 0
        self._recovered.labels(worker)

    def run_ended(self, kind: str, seconds: float, outcome: str) -> None:
        """Count a run that ended here."""
        self._seconds.labels(self._worker, kind).observe(seconds)
        self._ended.labels(self._worker, kind, outcome).inc()

    def objects(self, told: Mapping[str, int]) -> None:
        """Count what became of a batch."""
        for outcome, number in told.items():
            self._objects.labels(self._worker, outcome).inc(number)

    def events(self, outcomes: Mapping[tuple[str, str], int]) -> None:
        """Count up to what a dispatcher has counted so far."""
        for (source, outcome), number in outcomes.items():
            more = number - self._seen.get((source, outcome), 0)
            self._seen[source, outcome] = number
            self._events.labels(self._worker, source, outcome).inc(more)

    def gauges(
        self, counts: Mapping[tuple[str, str], int], waiting: list[RunInfo], journal: float, recovered: int
    ) -> None:
        """Take over what was looked up: runs by kind and the engine's state, the oldest that wait, ages in seconds."""
        self._runs.clear()
        for (kind, status), number in counts.items():
            self._runs.labels(self._worker, kind, STATES[status]).inc(number)
        now = time.time()
        self._oldest.labels(self._worker).set(max((now - run.created for run in waiting), default=0.0))
        self._journal.labels(self._worker).set(journal)
        self._recovered.labels(self._worker).inc(recovered - self._recovered_seen)
        self._recovered_seen = recovered

    def expose(self) -> str:
        """Prometheus' text format."""
        return generate_latest(self._registry).decode()
