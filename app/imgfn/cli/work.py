"""`imgfn work`, and how `imgfn serve` starts one beside the server."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import click

from imgfn import wiring
from imgfn.cli.settings import read_settings
from imgfn.config.settings import Settings
from imgfn.core.faults import Fault
from imgfn.observability import metrics_server
from imgfn.wiring import flows as wiring_flows
from imgfn.wiring import worker as wiring_worker

LOOK_SECONDS = 0.5
STOP_SECONDS = 20.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds before a worker that ended by itself is started again


@click.command()
@click.option(
    "--metrics-port",
    type=click.IntRange(1, 65_535),
    help="Port for /metrics, where no server of this machine has them.",
)
@click.option("--name", help="Name of this worker, the same at each start; by default <host>-<first free number>.")
@click.option("--beside", type=int, hidden=True, help="Keep a worker running until the process of this id is gone.")
def work(name: str | None, metrics_port: int | None, beside: int | None) -> None:
    """Run what flows ask for: derivatives, backfill, reviews and schedules. Any number of workers may run."""
    settings = read_settings()
    if not wiring_flows.installed():
        raise click.ClickException(wiring_flows.EXTRA)
    if beside is not None:
        _keep(beside, name)
        return
    if not wiring_flows.wanted(settings):
        raise click.ClickException("there is nothing to do: IMGFN_FLOWS_FILE names no file of rules (docs/flows.md)")
    from imgfn.flows.lease import Taken
    from imgfn.flows.rules import BadRules

    try:
        worker = wiring_worker.build_worker(settings, name)
    except BadRules as error:
        raise click.ClickException("IMGFN_FLOWS_FILE cannot be used:\n" + "\n".join(error.faults)) from error
    except Fault as fault:
        raise click.ClickException(f"{fault.title}: {fault.detail}") from fault
    except (Taken, ValueError) as error:
        raise click.ClickException(str(error)) from error
    _on_signals(worker.stop)
    if metrics_port is not None:
        metrics_server.start(
            metrics_server.listen(settings.host, metrics_port, "--metrics-port"),
            lambda: wiring_flows.expose(settings).encode(),
        )
    worker.run()


def start_beside(settings: Settings) -> None:
    """Start a worker that ends with this process, if there is work for one and the extra is there."""
    if not wiring_flows.wanted(settings):
        return
    if not wiring_flows.installed():
        click.echo(
            f"Events wait in {wiring.flows_folder(settings)} and nobody works on them: {wiring_flows.EXTRA}", err=True
        )
        return
    command = [sys.executable, "-P", "-m", "imgfn", "work", "--beside", str(os.getpid())]
    subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603  # our own words


def _keep(parent: int, name: str | None) -> None:
    """Have a worker run for as long as the server: start another where one ends by itself."""
    stopping = threading.Event()
    _on_signals(stopping.set)
    command = [sys.executable, "-P", "-m", "imgfn", "work", *(["--name", name] if name else [])]
    pause = FIRST_PAUSE
    while not stopping.is_set() and _is_parent(parent):
        began = time.monotonic()
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as worker:  # noqa: S603  # our own words
            while worker.poll() is None and not stopping.is_set() and _is_parent(parent):
                stopping.wait(LOOK_SECONDS)
            _end(worker)
        if time.monotonic() - began > LONGEST_PAUSE:
            pause = FIRST_PAUSE
        until = time.monotonic() + pause
        while time.monotonic() < until and not stopping.is_set() and _is_parent(parent):
            stopping.wait(LOOK_SECONDS)
        pause = min(2 * pause, LONGEST_PAUSE)


def _end(worker: subprocess.Popen[bytes]) -> None:
    worker.terminate()
    try:
        worker.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        worker.kill()


def _is_parent(process: int) -> bool:
    return os.getppid() == process


def _on_signals(stop: Callable[[], None]) -> None:
    def handle(_: int, __: FrameType | None) -> None:
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
