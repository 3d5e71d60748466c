"""Traces: W3C Trace Context in and out, and spans that arrive at an OTLP receiver."""

import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from imgfn.observability import trace_context
from imgfn.observability.trace_context import begin
from tests.servers import Minio, Server, free_port, serving
from tests.web.test_metrics import draw

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list:
    exported: list = []
    monkeypatch.setattr(trace_context, "_export", lambda *about: exported.append(about))
    monkeypatch.setattr(trace_context, "_share", 0.0)
    return exported


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        (PARENT, True),
        (f"01-{TRACE}-{SPAN}-01-more", True),  # a later version
        (f"01-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-01-more", False),
        (f"ff-{TRACE}-{SPAN}-01", False),
        (f"00-{'0' * 32}-{SPAN}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (PARENT.upper(), False),
        (PARENT[:-1], False),
        ("", False),
    ],
)
def test_only_a_valid_parent_is_believed(traced: list, offered: str, taken: bool):
    trace = begin({"HTTP_TRACEPARENT": offered})
    assert (trace is not None) is taken
    if trace:
        assert (trace.trace_id, trace.parent_id, trace.sampled) == (TRACE, SPAN, True)
        assert trace.span_id not in (SPAN, "0" * 16)
        assert trace.headers["traceparent"] == f"00-{TRACE}-{trace.span_id}-01"


def test_a_parent_that_is_not_sampled_is_passed_on_and_makes_no_span(traced: list):
    trace = begin({"HTTP_TRACEPARENT": PARENT[:-1] + "0", "HTTP_TRACESTATE": "vendor=1"})
    assert trace
    assert trace_context.outgoing_headers() == {"traceparent": PARENT[:-1] + "0", "tracestate": "vendor=1"}
    trace_context.end(trace, {})
    assert traced == []
    assert trace_context.outgoing_headers() == {}


def test_about_the_share_that_is_asked_for_is_traced(traced: list, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trace_context, "_share", 0.25)
    made = [begin({}) for _ in range(4000)]
    traces = {trace.trace_id for trace in made if trace}
    assert 800 < len(traces) < 1200
    assert all(len(trace_id) == 32 for trace_id in traces)


@contextmanager
def receiving() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """An OTLP receiver: its endpoint, and what it was sent."""
    got: list[ExportTraceServiceRequest] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
            got.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def spans_of(got: list[ExportTraceServiceRequest], trace_id: str) -> dict[str, object]:
    resources = [resource for message in got for resource in message.resource_spans]
    spans = [span for resource in resources for scope in resource.scope_spans for span in scope.spans]
    return {span.name: span for span in spans if span.trace_id.hex() == trace_id}


def await_span(got: list[ExportTraceServiceRequest], name: str) -> dict[str, object]:
    end = time.monotonic() + 20
    while name not in (spans := spans_of(got, TRACE)):
        assert time.monotonic() < end, [list(spans), len(got)]
        time.sleep(0.05)
    return spans


def line_of(server: Server, function: str) -> dict:
    lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    return next(line for line in lines if line.get("event") == "request" and line["function"] == function)


def test_a_render_becomes_a_span_for_each_of_its_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with receiving() as (endpoint, got):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "pictures")
        with serving(tmp_path, trace_sample="0.000001", workers="1") as server:
            server.ask("/upload/a.png", "PUT", draw())
            answer = server.ask("/proc/resize/w_20/a.png", headers={"traceparent": PARENT})
            assert answer.status == 200
            spans = await_span(got, "GET /proc")
            line = line_of(server, "proc")
    root = spans["GET /proc"]
    stages = ("queue", "fetch", "decode", "steps", "encode")
    assert set(spans) == {"GET /proc", *stages}
    assert root.parent_span_id.hex() == SPAN
    assert all(spans[name].parent_span_id == root.span_id for name in stages)
    begun = [spans[name].start_time_unix_nano for name in stages]
    assert begun == sorted(begun)
    assert all(root.start_time_unix_nano <= at <= root.end_time_unix_nano for at in begun)
    for name in stages:
        lasted = (spans[name].end_time_unix_nano - spans[name].start_time_unix_nano) / 1e6
        assert lasted == pytest.approx(line[f"{name}_ms"], abs=0.02)
    attributes = {pair.key: pair.value for pair in root.attributes}
    assert attributes["http.response.status_code"].int_value == 200
    assert attributes["imgfn.plan"].string_value == "resize/w_20"
    assert line["trace_id"] == TRACE
    resource = {pair.key: pair.value.string_value for pair in got[0].resource_spans[0].resource.attributes}
    assert resource["service.name"] == "pictures"


def test_what_waits_is_sent_when_the_server_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with receiving() as (endpoint, got):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        with serving(tmp_path, trace_sample="1", workers="1") as server:
            server.ask("/proc/nothing.png", headers={"traceparent": PARENT})
            assert server.stop() == 0
        assert "GET /proc" in spans_of(got, TRACE)


def test_a_collector_that_is_away_costs_no_request_and_no_log_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    with serving(tmp_path, trace_sample="1", workers="1") as server:
        server.ask("/upload/a.png", "PUT", draw())
        assert {server.ask("/proc/resize/w_9/a.png").status for _ in range(30)} == {200}
        assert server.stop() == 0
        assert "Traceback" not in server.log
        assert "opentelemetry" not in server.log


def test_nothing_of_opentelemetry_is_loaded_where_it_is_off(tmp_path: Path):
    with serving(tmp_path, workers="1") as server:
        server.ask("/proc/nothing.png", headers={"traceparent": PARENT})
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        assert "protobuf" not in Path(f"/proc/{children[0]}/maps").read_text()
        assert "trace_id" not in line_of(server, "proc")


@pytest.mark.real
def test_requests_to_the_store_carry_the_trace(minio_server: Minio):
    """MinIO accepts the header, which no signature covers."""
    from tests.servers import open_bucket

    trace_context.trace_with(0, lambda *_: None)
    try:
        trace = begin({"HTTP_TRACEPARENT": PARENT})
        assert trace
        seen = []
        store = open_bucket(minio_server)
        import urllib3

        original = urllib3.connectionpool.HTTPConnectionPool.urlopen

        def watch(self, method, url, body=None, headers=None, *rest, **more):
            seen.append((headers or {}).get("traceparent"))
            return original(self, method, url, body, headers, *rest, **more)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(urllib3.connectionpool.HTTPConnectionPool, "urlopen", watch)
            store.check()
        trace_context.end(trace, {})
        assert seen
        assert set(seen) == {f"00-{TRACE}-{trace.span_id}-01"}
    finally:
        trace_context.trace_with(0, None)
