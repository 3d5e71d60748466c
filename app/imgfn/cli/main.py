"""The command `imgfn`."""

import os
import shutil
import sys
import time
from pathlib import Path
from urllib.parse import quote

import click

from imgfn import wiring
from imgfn.cli.doctor import examine, find_remedy
from imgfn.cli.flows import backfill, events, flows
from imgfn.cli.proc import proc
from imgfn.cli.settings import read_settings
from imgfn.cli.work import start_beside, work
from imgfn.config import tables
from imgfn.config.settings import Settings
from imgfn.core.faults import Fault
from imgfn.http import signing
from imgfn.http.urls import SAFE
from imgfn.ops import load_operations
from imgfn.process.streams import replace_closed
from imgfn.web.sample import SAMPLE, SAMPLE_KEY

TUTORIALS_FILE = Path("lena.png")
LOCAL = "127.0.0.1"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="imgfn")
def main() -> None:
    """A self-hosted image service: upload a picture, GET any transformation of it by URL."""
    replace_closed()


for _command in (proc, work, flows, backfill, events):
    main.add_command(_command)


@main.command()
@click.option("--sample", is_flag=True, help="Put a picture into an empty store and print what to try.")
@click.option(
    "--work/--no-work", default=True, help="Run a worker of flows beside the server, where rules are configured."
)
def serve(*, sample: bool, work: bool) -> None:
    """Start the server under gunicorn."""
    settings = read_settings()
    if sample and not settings.exposed:  # an exposed server will refuse to start, and say why
        _offer_sample(settings)
    if work and not settings.exposed:
        start_beside(settings)
    # In this process's place, so that signals reach gunicorn and nothing is loaded before it forks.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "imgfn.server"])  # noqa: S606  # no shell is the point


@main.command()
@click.argument("target")
@click.option("--seconds", default=3600, show_default=True, type=click.IntRange(min=1), help="How long it is good.")
@click.option("--key-id", help="Which of IMGFN_SIGNING_KEYS signs; the first one by default.")
def sign(target: str, seconds: int, key_id: str | None) -> None:
    """Sign a URL's path and query: imgfn sign "/proc/rotate/10/lena.png"

    For an upload grant: imgfn sign "/upload/a.png?max-bytes=1000000&type=image/png"
    """
    keys = read_settings().signing_key_secrets
    if not target.startswith(("/proc/", "/upload/")):
        raise click.ClickException("what is signed begins with /proc/ or /upload/, without scheme and host")
    if not keys:
        raise click.ClickException("IMGFN_SIGNING_KEYS names no key")
    key_id = key_id or next(iter(keys))
    if key_id not in keys:
        raise click.ClickException(f"there is no key {key_id!r}, only {', '.join(keys)}")
    sent = quote(target, safe=f"{SAFE}+%?&=")  # as a browser will send it; what is encoded already stays
    click.echo(signing.sign(sent, key_id, keys[key_id], int(time.time()) + seconds))


@main.command()
def operations() -> None:
    """List the operations, those of other distributions among them."""
    load_operations()
    click.echo(tables.write_paragraphs(tables.tabulate_operations()), nl=False)


@main.command()
@click.option("--dry-run", is_flag=True, help="Remove nothing, say only what would be.")
def clean(*, dry_run: bool) -> None:
    """Remove results of sources that are gone, not asked for in IMGFN_RESULT_DAYS, or over IMGFN_RESULT_BYTES.

    To be run now and then, as by cron, beside the server or without it.
    """
    from imgfn.service import cleaning

    settings = read_settings()
    try:
        told = cleaning.clean(
            wiring.build_store(settings, "sources"),
            wiring.build_store(settings, "results"),
            days=settings.result_days,
            max_bytes=settings.result_bytes,
            dry_run=dry_run,
        )
    except Fault as fault:
        raise click.ClickException(f"{fault.title}: {fault.detail}") from fault
    reasons = ", ".join(f"{count} {reason}" for reason, count in told.removed.items()) or "nothing to remove"
    removed = "would be removed" if dry_run else "removed"
    click.echo(f"{told.removed.total()} results of {told.removed_bytes} bytes {removed} ({reasons})")
    click.echo(f"{told.kept} results of {told.kept_bytes} bytes stay")


@main.command()
def doctor() -> None:
    """Say what is configured, what can be reached and what is unsafe; exit 1 where something is broken."""
    findings = examine(read_settings())
    labels = {"fine": click.style("ok  ", fg="green"), "unsafe": click.style("!!  ", fg="yellow")}
    for finding in findings:
        click.echo(labels.get(finding.state, click.style("FAIL", fg="red")) + f"  {finding.words}")
    if any(finding.state == "broken" for finding in findings):
        sys.exit(1)


def _offer_sample(settings: Settings) -> None:
    try:
        store = wiring.build_store(settings, "sources")
        if next(iter(store.list()), None) is None:
            with SAMPLE.open("rb") as file:
                store.put(SAMPLE_KEY, file, SAMPLE.stat().st_size, "image/png", overwrite=False)
    except Fault as fault:
        place = wiring.describe_store(settings, "sources")
        raise click.ClickException(f"{fault.title} ({place}): {fault.detail}{find_remedy(fault)}") from fault
    if not TUTORIALS_FILE.exists():
        shutil.copyfile(SAMPLE, TUTORIALS_FILE)
    host = {"": LOCAL, "0.0.0.0": LOCAL, "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104  compared only
    origin = f"http://{host}:{settings.port}"
    click.echo(f"""Try, in this folder ({TUTORIALS_FILE} lies here; {SAMPLE_KEY} lies in a new store):
  curl {origin}/2016-08-15/proxy/pydemo/upload/ -F "lena.png=@lena.png" -v
  curl {origin}/2016-08-15/proxy/pydemo/proc/rotate/10/lena.png > 1.png
  curl {origin}/upload/ -F "lena.png=@lena.png"
  curl {origin}/proc/rotate/10/resize/w_200/format/webp/lena.png > 2.webp
  {sys.argv[0]} proc rotate/10 lena.png 3.png
or open {origin}/ in a browser.""")
