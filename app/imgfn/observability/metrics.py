"""The Prometheus metrics, added up over all workers of this server."""

import functools
import os
import struct
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY

from imgfn.observability.events import METRICS_FOLDER
from imgfn.process.slots import own_slot

if METRICS_FOLDER in os.environ:
    # A worker counts under its slot, not its pid: who comes after it goes on with its file, so there are as many files
    # as workers however often they are replaced.
    _SLOT = own_slot()
    _InFile: Any = values.MultiProcessValue(lambda: _SLOT)  # type: ignore[no-untyped-call]  # untyped there
    _counting = threading.Lock()
    _pack = struct.Struct("dd").pack

    class _Value(_InFile):  # type: ignore[misc]  # as said
        """The library's, told where it lies in its file: at each count that looks for a fork, and for the place.

        A new result makes fourteen counts, and they were a tenth of what it costs beside its render.
        """

        def __init__(self, *about: Any, **more: Any) -> None:
            super().__init__(*about, **more)
            self._place = slice(at := self._file._positions[self._key], at + 16)

        def inc(self, amount: float) -> None:
            with _counting:
                self._value += amount
                self._file._m[self._place] = _pack(self._value, 0.0)  # the library's layout: value, time

    values.ValueClass = _Value

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

_REQUESTS = Counter("imgfn_requests", "Requests answered", ("function", "status", "result"))
_REQUEST_SECONDS = Histogram("imgfn_request_seconds", "Time to an answer", ("function",), buckets=_SECONDS)
_STAGE_SECONDS = Histogram(
    "imgfn_stage_seconds",
    "Time in fetch, queue, decode, steps, encode (together: render), store (read a result), keep (write one)",
    ("stage",),
    buckets=_SECONDS,
)
_SENT_BYTES = Counter("imgfn_sent_bytes", "Bytes of answers", ("function",))
_RECEIVED_BYTES = Counter("imgfn_received_bytes", "Bytes of pictures taken in")
_RENDERS = Gauge("imgfn_renders", "Renders under way, the waiting ones too", multiprocess_mode="livesum")
_BREAKERS = Gauge("imgfn_store_breakers_open", "Circuit breakers that are open now", multiprocess_mode="livesum")
_PURGES = Counter("imgfn_purges", "Changes that caches in front were told of", ("target", "outcome"))
_INCIDENTS = Counter(
    "imgfn_incidents",
    "What went wrong behind an answer, by its event in the log",
    ("event",),
)

# `rate` and `increase` miss the first event of a series that is born at 1, so what is known to come starts at 0.
_STAGES = ("fetch", "queue", "decode", "steps", "encode", "render", "store", "keep")
_EVENTS = ("renderer_crashed", "renderer_overran", "image_in_quarantine", "result_not_kept", "result_not_read")
_RENDER = ("decode", "steps", "encode")
_REFUSALS = (400, 403, 404, 413, 415, 422, 429, 500, 502, 503, 504, 507)
_OUTCOMES = {
    "proc": (
        (200, "made"),
        (200, "kept"),
        (206, "kept"),
        (304, "unchanged"),
        *((status, "none") for status in _REFUSALS),
    ),
    "upload": tuple((status, "none") for status in (200, 201, 204, 409, *_REFUSALS)),
    "web": tuple((status, "none") for status in (200, 404, 500, 503)),
}


def start_at_zero() -> None:
    """Make the series that alerts and graphs ask for."""
    for function, outcomes in _OUTCOMES.items():
        for status, result in outcomes:
            _of(function, status, result)
    for stage in _STAGES:
        _stage(stage)
    for event in _EVENTS:
        _INCIDENTS.labels(event)


def count_request(line: Mapping[str, Any]) -> None:
    """Count what the log line of a request says."""
    requests, seconds, sent_bytes = _of(line["function"], line["status"], line.get("result", "none"))
    requests.inc()
    seconds.observe(line["ms"] / 1000)
    sent_bytes.inc(line["bytes"])
    if "received_bytes" in line:
        _RECEIVED_BYTES.inc(line["received_bytes"])
    if "result" in line:  # nothing else has stages
        for name, milliseconds in line.items():
            if name.endswith("_ms"):
                count_stage(name.removesuffix("_ms"), milliseconds)
        if "steps_ms" in line:
            count_stage("render", sum(line.get(f"{stage}_ms", 0) for stage in _RENDER))


def count_stage(name: str, milliseconds: float) -> None:
    """Count the time that one stage of a request took."""
    _stage(name).observe(milliseconds / 1000)


@functools.cache
def _of(function: str, status: int, result: str) -> tuple[Counter, Histogram, Counter]:
    return _REQUESTS.labels(function, status, result), _REQUEST_SECONDS.labels(function), _SENT_BYTES.labels(function)


@functools.cache
def _stage(name: str) -> Histogram:
    return _STAGE_SECONDS.labels(name)


def count_incident(event: str) -> None:
    """Count one that has this name in the log."""
    _INCIDENTS.labels(event).inc()


def count_renders(more: int) -> None:
    """That many more renders are under way, or fewer."""
    _RENDERS.inc(more)


def count_purge(target: str, outcome: str) -> None:
    """Count a change that a cache was told of, or not."""
    _PURGES.labels(target, outcome).inc()


def count_breakers(more: int) -> None:
    """That many more circuit breakers are open, or fewer."""
    _BREAKERS.inc(more)


def expose(machine: Iterable[Metric] = (), *, places: int) -> bytes:
    """All metrics in Prometheus' text format; `places` is how many renders run at once, the others wait.

    `machine` are metrics of this very moment, as `imgfn.observability.machine` reads them.
    """
    registry = CollectorRegistry()
    if METRICS_FOLDER in os.environ:
        Path(os.environ[METRICS_FOLDER]).mkdir(mode=0o700, parents=True, exist_ok=True)  # swept by a tmp cleaner
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library leaves it untyped
    else:
        registry = REGISTRY
    under_way = registry.get_sample_value("imgfn_renders") or 0
    waiting = GaugeMetricFamily("imgfn_queue_depth", "Renders that wait for a renderer", max(0.0, under_way - places))
    return generate_latest(registry) + generate_latest(_Now([waiting, *machine]))


class _Now(CollectorRegistry):
    """Metrics that are asked for once."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        super().__init__()
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics
