"""Spans for OpenTelemetry, made of the log line of a request after its answer, and sent by OTLP over HTTP.

Where they go say OpenTelemetry's own variables: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS,
OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES
(https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). Needs the extra imgfn[traces].
"""

import logging
import os
import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from imgfn.observability.trace_context import Trace, new_span_id

MOST_WAITING = 2000  # requests; more are dropped: traces must not cost memory while their collector is away
BATCH = 200
GATHER_SECONDS = 1.0
SEND_SECONDS = 2.0
_STAGE = "_ms"

Job = tuple[Trace, Mapping[str, Any], int]


class Tracer:
    """Makes and sends spans in a thread of its own. Start it after the fork."""

    def __init__(self, exporter: SpanExporter | None = None) -> None:
        self._exporter = exporter or OTLPSpanExporter(timeout=SEND_SECONDS)
        self._resource = Resource.create({"service.name": _service_name(), "service.version": version("imgfn")})
        self._scope = InstrumentationScope("imgfn", version("imgfn"))
        self._waiting: queue.Queue[Job | None] = queue.Queue(MOST_WAITING)
        self.dropped = 0
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it would write each failed try with its trace
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def export(self, trace: Trace, line: Mapping[str, Any], ended: int) -> None:
        """Take over a request that has its answer: a microsecond; the rest is the thread's work."""
        try:
            self._waiting.put_nowait((trace, line, ended))
        except queue.Full:
            self.dropped += 1

    def close(self, seconds: float = SEND_SECONDS) -> None:
        """Send what waits, for no longer than that."""
        try:
            self._waiting.put(None, timeout=seconds)
        except queue.Full:
            return
        self._thread.join(seconds)

    def _run(self) -> None:
        going = True
        while going:
            jobs, going = self._gather()
            spans = [span for job in jobs for span in self._spans(*job)]
            if spans and self._exporter.export(spans) is not SpanExportResult.SUCCESS:
                self.dropped += len(jobs)
        self._exporter.shutdown()

    def _gather(self) -> tuple[Sequence[Job], bool]:
        """Jobs for one message, and whether more may come."""
        jobs: list[Job] = []
        end = None
        while len(jobs) < BATCH:
            try:
                job = self._waiting.get(timeout=None if end is None else max(0.0, end - time.monotonic()))
            except queue.Empty:
                break
            if job is None:
                return jobs, False
            jobs.append(job)
            end = end or time.monotonic() + GATHER_SECONDS
        return jobs, True

    def _spans(self, trace: Trace, line: Mapping[str, Any], ended: int) -> Iterator[ReadableSpan]:
        context = _context(trace.trace_id, trace.span_id)
        stages = {name: value for name, value in line.items() if name.endswith(_STAGE)}
        failed = line["status"] >= 500
        yield ReadableSpan(
            name=f"{line['method']} /{line['function']}",
            context=context,
            parent=_context(trace.trace_id, trace.parent_id, remote=True) if trace.parent_id else None,
            resource=self._resource,
            attributes=_attributes(line),
            kind=SpanKind.SERVER,
            instrumentation_scope=self._scope,
            status=Status(StatusCode.ERROR) if failed else Status(),
            start_time=trace.began,
            end_time=ended,
        )
        # One stage follows the other, and the last one ends with the answer.
        at = max(trace.began, ended - int(sum(stages.values()) * 1e6))
        for name, milliseconds in stages.items():
            begun, at = at, min(ended, at + int(milliseconds * 1e6))
            yield ReadableSpan(
                name=name.removesuffix(_STAGE),
                context=_context(trace.trace_id, new_span_id()),
                parent=context,
                resource=self._resource,
                kind=SpanKind.INTERNAL,
                instrumentation_scope=self._scope,
                start_time=begun,
                end_time=at,
            )


def _context(trace_id: str, span_id: str, *, remote: bool = False) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), remote, TraceFlags(TraceFlags.SAMPLED))


def _attributes(line: Mapping[str, Any]) -> dict[str, Any]:
    """Names are those of OpenTelemetry's semantic conventions for HTTP where there is one."""
    own = {f"imgfn.{name}": line[name] for name in ("result", "plan", "key") if name in line}
    return {
        "http.request.method": line["method"],
        "http.route": f"/{line['function']}",
        "http.response.status_code": line["status"],
        "http.response.body.size": line["bytes"],
        **own,
    }


def _service_name() -> str:
    return os.environ.get("OTEL_SERVICE_NAME") or "imgfn"
