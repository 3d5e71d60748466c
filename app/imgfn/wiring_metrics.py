"""What this server counts and measures, as one page."""

from imgfn import wiring, wiring_flows
from imgfn.flows.exposition import merge
from imgfn.observability import machine, metrics
from imgfn.process.private_folder import private_folder


def expose() -> bytes:
    """All metrics in Prometheus' text format: web workers added up, workers of flows on this machine side by side."""
    chosen = wiring.settings()
    folders = {"runtime": private_folder(chosen.runtime_dir, "metrics")}
    if "folder" in (chosen.store, chosen.result_store):
        folders["store"] = chosen.folder
    sandbox = wiring.service().renderer.sandbox()
    measured = machine.measure(chosen.render_processes, chosen.render_queue, folders, sandbox)
    page = metrics.expose(measured, places=chosen.render_processes)
    if wiring_flows.wanted(chosen):
        page += merge(wiring_flows.control(chosen).call_all("metrics")).encode()
    return page
