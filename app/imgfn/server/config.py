"""How gunicorn runs the server: its configuration is this module's variables and hooks."""

import gc
import os
import resource
import shutil
import socket
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from imgfn import wiring
from imgfn.config.environment import note_service_link
from imgfn.config.settings import BadSettings, Settings, load_settings
from imgfn.core.faults import Fault
from imgfn.observability import metrics_server
from imgfn.observability.events import METRICS_FOLDER, capture_logging, configure_logging
from imgfn.observability.log import log
from imgfn.process.private_folder import private_folder
from imgfn.process.slots import SLOT, assign_slot
from imgfn.purge.setup import build_targets
from imgfn.renderpool.sandbox.layers import SandboxIncomplete
from imgfn.server import metrics_folder
from imgfn.server.worker import Worker
from imgfn.wiring import metrics as wiring_metrics

OWN_DESCRIPTORS = 30  # of a worker that does nothing
DESCRIPTORS_EACH = 6
SANDBOX_SECONDS = 20.0  # that the renderers may take to start, on a busy machine
BOOT_ERROR = 3  # gunicorn's status of a worker with which another try is in vain: it ends the server


def _read_settings() -> Settings:
    try:
        settings = load_settings()
        if settings.purge:
            build_targets(settings)
    except BadSettings as error:
        complaint = f"These settings cannot be used:\n{error}"
    else:
        if not settings.exposed:
            return settings
        complaint = (
            f"IMGFN_HOST: strangers can reach {settings.host}, and nothing keeps them from uploading and rendering; "
            "set IMGFN_UPLOAD_TOKEN or IMGFN_SIGNING_KEYS, or IMGFN_OPEN=true if that is meant"
        )
    sys.stderr.write(f"{complaint}\n")
    raise SystemExit(2)


_settings = _read_settings()
configure_logging(_settings.log_level)

bind = [f"{_settings.host}:{_settings.port}"]
worker_class = Worker
workers = _settings.workers

# A connection needs descriptors for itself, its files and its render; without one left gunicorn drops it unanswered.
_descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
worker_connections = max(1, min(1000, (_descriptors - OWN_DESCRIPTORS) // DESCRIPTORS_EACH))
threads = max(1, min(_settings.threads, worker_connections // 2))
wsgi_app = "imgfn.web.app:create_app()"

# Replaced now and then, not all at once: what a library leaks is bounded.
max_requests = 50_000
max_requests_jitter = 10_000

# A stopping worker finishes what it has begun: the longest is a wait, a fetch, a render and a write to the store.
graceful_timeout = (
    int(_settings.render_wait_seconds + _settings.render_seconds + 2 * _settings.store_deadline_seconds) + 5
)
keepalive = 75  # seconds; longer than a proxy in front keeps its idle connections (nginx: 60), so we never close first
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  # a heartbeat must not wait for a disk

# Our own check answers a URL that is a little too long in our own words; this one only bounds what is read.
limit_request_line = 8190
limit_request_fields = 64
limit_request_field_size = 8190

# Nothing here depends on the scheme, and a header must not change the path that was signed: no peer is believed, and
# none's address has to be looked up in a list for each request.
forwarded_allow_ips = "*"
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""

# No preload: it would run code before the fork that is only safe after it. The one log line of a request is ours.
preload_app = False
accesslog = None
errorlog = None  # gunicorn's own handler; ours comes next
capture_logging(_settings.log_level, "gunicorn.error")
loglevel = _settings.log_level
control_socket_disable = True  # signals do, and a second server of this user would fight for its path

_metrics_listener: socket.socket | None = None
_metrics_folder = private_folder(_settings.runtime_dir, "metrics") / str(os.getpid())
os.environ[METRICS_FOLDER] = str(_metrics_folder)


def on_starting(_server: Any) -> None:
    """Say what was set aside, make the folder of the metrics, and listen where they are asked for."""
    if note := note_service_link():
        log.warning("setting_left_aside", note=note)
    metrics_folder.sweep(_metrics_folder.parent, own=_metrics_folder)
    _reserve(range(workers))
    if _settings.metrics_port is not None:
        global _metrics_listener
        # Here, so that a port that is taken ends the start, and all workers inherit the one listener.
        _metrics_listener = metrics_server.listen(_settings.host, _settings.metrics_port)


def pre_fork(server: Any, worker: Any) -> None:
    """Give a worker its slot, and its metrics their place, which somebody may have removed."""
    assign_slot(server, worker)
    _reserve([worker.slot])


def _reserve(slots: Iterable[int]) -> None:
    try:
        metrics_folder.reserve(_metrics_folder, slots)
    except OSError as error:
        sys.stderr.write(
            f"the runtime folder {_metrics_folder.parent} cannot be used: {error.strerror}; "
            "make room there, or set IMGFN_RUNTIME_DIR to a folder on another disk\n"
        )
        raise SystemExit(BOOT_ERROR) from error


def post_fork(_server: Any, worker: Any) -> None:
    """Tell the worker its slot: its counts lie there."""
    os.environ[SLOT] = str(worker.slot)


def post_worker_init(worker: Any) -> None:
    """Have the stores open and the render processes running before the first request."""
    try:
        wiring.open_service(None)
    except Fault as fault:
        # A store that is out of reach now can be there for the first request.
        log.warning("not_ready", code=fault.code, detail=fault.detail)
    except SandboxIncomplete as error:
        log.error("sandbox_incomplete", setting="IMGFN_SANDBOX=require", detail=str(error))
        sys.exit(BOOT_ERROR)
    if worker.slot == 0:
        threading.Thread(target=_tell_sandbox, daemon=True).start()  # renderers are still starting
    if _metrics_listener is not None:
        metrics_server.start(_metrics_listener, wiring_metrics.expose)
    if _settings.trace_sample:
        wiring_metrics.start_tracing()
    # What is there now stays. To look through it for garbage, of which requests leave none, takes 50 ms.
    gc.collect()
    gc.freeze()


def _tell_sandbox() -> None:
    """Say which layers of the sandbox the renderers have found in force."""
    report = wiring.service().renderer.sandbox(SANDBOX_SECONDS)
    if report is None:
        log.error("sandbox_unknown", detail="no renderer has started yet")
        return
    in_force = [name for name, reason in report.items() if not reason]
    missing = {name: reason for name, reason in report.items() if reason}
    (log.warning if missing else log.info)("sandbox", in_force=in_force, missing=missing)


def worker_exit(_server: Any, _worker: Any) -> None:
    """Send the traces and purges that wait."""
    wiring.stop_purges()
    wiring_metrics.stop_tracing()


def child_exit(_server: Any, worker: Any) -> None:
    """Forget the renders that the worker was waiting for."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.slot)  # type: ignore[no-untyped-call]  # the library leaves it untyped


def on_exit(_server: Any) -> None:
    """Leave nothing behind."""
    shutil.rmtree(_metrics_folder, ignore_errors=True)
