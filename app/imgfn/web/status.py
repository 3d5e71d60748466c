"""Endpoints for programs: liveness, readiness, metrics, operations."""

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST

from imgfn import wiring
from imgfn.core.faults import Fault, NotFound, NotReady
from imgfn.http.openapi import operations_document
from imgfn.renderpool.client import ProcessRenderer
from imgfn.wiring import metrics as wiring_metrics

status = Blueprint("status", __name__)


@status.get("/healthz")
def tell_alive() -> Response:
    """200 as long as this process answers at all; stores do not matter here."""
    return _text("alive\n")


@status.get("/readyz")
def tell_ready() -> Response:
    """200 when this process can answer: it has its settings, its service and its renderers.

    Stores do not matter: an orchestrator would take every instance out at once, though kept pictures could go on.
    """
    renderer = wiring.service().renderer
    if isinstance(renderer, ProcessRenderer) and not renderer.runs():
        try:
            renderer.start()
        except OSError as error:
            raise NotReady(f"the renderers do not start: {error.strerror}") from error
    return _text("ready\n")


@status.get("/healthz/stores")
def tell_stores() -> Response:
    """200 when both stores answer; 503 says which one does not."""
    service = wiring.service()
    for name, store in (("sources", service.sources), ("results", service.results)):
        try:
            store.check()
        except Fault as fault:
            raise NotReady(f"the store of the {name} does not answer: {fault.detail}") from fault
    return _text("the stores answer\n")


@status.get("/metrics")
def tell_metrics() -> Response:
    """Prometheus' text format, all workers added up; not here where it has a port of its own."""
    if wiring.settings().metrics_port is not None:
        raise NotFound("the metrics have a port of their own: IMGFN_METRICS_PORT")
    return Response(wiring_metrics.expose(), content_type=CONTENT_TYPE_LATEST)


@status.get("/operations.json")
def tell_operations() -> Response:
    """Every operation with its parameters: what forms are drawn from."""
    return jsonify(operations_document())


@status.get("/robots.txt")
def tell_robots() -> Response:
    """Robots would ask for every plan that they can spell."""
    return _text("User-agent: *\nDisallow: /\n")


@status.get("/favicon.ico")
def tell_no_icon() -> Response:
    """Browsers ask without being told to; there is none."""
    return Response(status=204)


def _text(text: str) -> Response:
    response = Response(text, content_type="text/plain; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    return response
