"""What this server counts and measures as one page, and where its traces go."""

import functools
from typing import TYPE_CHECKING

from imgfn import wiring
from imgfn.observability import trace_context
from imgfn.process.private_folder import private_folder
from imgfn.wiring import flows as wiring_flows

if TYPE_CHECKING:
    from imgfn.observability.traces import Tracer


def expose() -> bytes:
    """All metrics in Prometheus' text format: web workers added up, workers of flows on this machine side by side."""
    from imgfn.observability import machine, metrics  # only when a worker counts: they look where, once

    chosen = wiring.settings()
    folders = {"runtime": private_folder(chosen.runtime_dir, "metrics")}
    if "folder" in (chosen.store, chosen.result_store):
        folders["store"] = chosen.folder
    sandbox = wiring.service().renderer.sandbox()
    measured = machine.measure(chosen.render_processes, chosen.render_queue, folders, sandbox)
    page = metrics.expose(measured, places=chosen.render_processes)
    if wiring_flows.wanted(chosen):
        page += wiring_flows.expose(chosen).encode()
    return page


@functools.cache
def _tracer() -> "Tracer":
    from imgfn.observability.traces import Tracer

    return Tracer()


def start_tracing() -> None:
    """Trace the share of requests that the settings name. To be called after the fork: there are threads in it."""
    trace_context.trace_with(wiring.settings().trace_sample, _tracer().export)


def stop_tracing() -> None:
    """Send what waits, if anything was ever traced."""
    if _tracer.cache_info().currsize:
        _tracer().close()
