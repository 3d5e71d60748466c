"""What `imgfn doctor` finds: what is configured, what can be reached, what is unsafe."""

import difflib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from dotenv import dotenv_values

from imgfn import wiring
from imgfn.config.environment import SERVICE_VARIABLE, is_secret, note_service_link
from imgfn.config.settings import PREFIX, Settings
from imgfn.core.faults import Fault
from imgfn.flows.rules import BadRules
from imgfn.imaging import native
from imgfn.imaging.text import fonts
from imgfn.process import cgroups
from imgfn.renderpool.client import ProcessRenderer
from imgfn.renderpool.sandbox.layers import LAYERS, describe_missing
from imgfn.wiring import flows as wiring_flows
from imgfn.wiring import worker as wiring_worker

LOOPBACK = ("127.", "localhost", "::1", "[::1]")
INSTALL_FONT = "Debian: apt-get install fonts-wqy-zenhei"
INSTALL_FRIBIDI = "Debian: apt-get install libfribidi0"
STORE_REMEDIES = {  # by words of the fault
    "SSLError": "TLS fails: set IMGFN_S3_SECURE=false if it speaks plain HTTP, or SSL_CERT_FILE to its own CA's file",
    "InvalidResponseError": "it does not speak S3 like this: set IMGFN_S3_SECURE=true if it speaks HTTPS",
    "NewConnectionError": "nobody listens there: is IMGFN_S3_ENDPOINT right, and the service running?",
    "NameResolutionError": "no machine has that name: is IMGFN_S3_ENDPOINT right?",
    "no answer in time": "is IMGFN_S3_ENDPOINT right, and no firewall in between?",
    "there is no bucket": "make it, or set IMGFN_S3_CREATE_BUCKETS=true; else see the key's rights",
    "InvalidAccessKeyId": "see IMGFN_S3_ACCESS_KEY",
    "SignatureDoesNotMatch": "see IMGFN_S3_SECRET_KEY",
    "AccessDenied": "the key of IMGFN_S3_ACCESS_KEY may not read and write this bucket",
    "RequestTimeTooSkewed": "set this machine's clock",
}
MIN_SECRET_CHARACTERS = 16
START_SECONDS = 20.0  # that renderers may take, on a busy machine
# Variables of ours that are no settings: for tests, or from a server to its workers.
OTHER_VARIABLES = {"IMGFN_REQUIRE_REAL", "IMGFN_CORPUS", "IMGFN_WORKER_SLOT"}


State = Literal["fine", "unsafe", "broken"]


@dataclass(frozen=True)
class Finding:
    """One sentence, and how bad it is."""

    state: State
    words: str


def examine(settings: Settings) -> list[Finding]:
    """Look at everything that a server with these settings would use."""
    return [
        *_examine_versions(),
        *_examine_stores(settings),
        *_examine_rendering(settings),
        *_examine_fonts(settings),
        *_examine_access(settings),
        *_examine_flows(settings),
        *_examine_names(),
    ]


def _examine_versions() -> Iterator[Finding]:
    packages = ("imgfn", "pillow", "pyvips-binary", "pillow-heif", "gunicorn", "minio")
    yield Finding("fine", "versions: " + ", ".join(f"{name} {version(name)}" for name in packages))


def _examine_stores(settings: Settings) -> Iterator[Finding]:
    for area in ("sources", "results"):
        place = wiring.describe_store(settings, area)
        try:
            wiring.build_store(settings, area).check()
        except Fault as fault:
            yield Finding("broken", f"the {area} cannot be reached ({place}): {fault.detail}{find_remedy(fault)}")
        else:
            yield Finding("fine", f"the {area} answer ({place})")
    if settings.store == "minio" and not settings.s3_secure and not settings.s3_address.startswith(LOOPBACK):
        yield Finding("unsafe", f"pictures and keys travel to {settings.s3_address} without TLS (IMGFN_S3_SECURE)")


def find_remedy(fault: Fault) -> str:
    """What to do where a store answers with this fault, to be said behind its own words; "" where nothing is known."""
    return next((f"; {remedy}" for words, remedy in STORE_REMEDIES.items() if words in fault.detail), "")


def _examine_rendering(settings: Settings) -> Iterator[Finding]:
    compiled = (
        "compiled"
        if native.available()
        else "NOT compiled; resize, rotate and PNG are better and faster where cc was at hand"
    )
    yield Finding("fine", f"loops in C: {compiled}")
    if settings.render == "inline":
        yield Finding("unsafe", "renders run in the web workers (IMGFN_RENDER=inline): a hostile picture can stop one")
        return
    yield Finding(
        "fine",
        f"{settings.render_processes} render processes, {settings.render_seconds:g} s and "
        f"{settings.render_memory_bytes // 2**20} MB each; {settings.render_queue} may wait",
    )
    yield from _examine_cgroup(settings)
    yield from _examine_sandbox(settings)


def _examine_cgroup(settings: Settings) -> Iterator[Finding]:
    """Whether the renderers fit into what the container may have."""
    quota, memory = cgroups.cpus(), cgroups.memory_bytes()
    if quota is not None:
        yield Finding(
            "fine" if settings.render_processes <= max(1, math.ceil(quota)) else "unsafe",
            f"{settings.render_processes} render processes share the {quota:g} CPUs of the cgroup's quota",
        )
    if memory is not None:
        most = settings.render_processes * settings.render_memory_bytes
        fits = most <= memory
        yield Finding(
            "fine" if fits else "unsafe",
            f"all renderers together may take {most >> 20} of the {memory >> 20} MB that the cgroup allows"
            + ("" if fits else "; the kernel would kill some (IMGFN_RENDER_PROCESSES, IMGFN_RENDER_MEMORY_BYTES)"),
        )


def _examine_sandbox(settings: Settings) -> Iterator[Finding]:
    """What renderers that are started for this find in force for themselves."""
    renderer = wiring.build_renderer(settings.model_copy(update={"sandbox": "best-effort"}))
    assert isinstance(renderer, ProcessRenderer)  # noqa: S101  # the setting says so
    renderer.start()
    report = renderer.sandbox(START_SECONDS)
    renderer.close()
    if report is None:
        yield Finding("broken", "the renderers do not start (pool.log in IMGFN_RUNTIME_DIR)")
        return
    in_force = ", ".join(name for name, reason in report.items() if not reason)
    yield Finding("fine", f"sandbox layers in force (IMGFN_SANDBOX={settings.sandbox}): {in_force}")
    for layer in LAYERS:
        if report[layer.name]:
            state: State = "broken" if settings.sandbox == "require" and layer.required else "unsafe"
            yield Finding(state, describe_missing(layer, report[layer.name]))


def _examine_fonts(settings: Settings) -> Iterator[Finding]:
    fonts.set_font_dirs(map(Path, settings.font_dirs))
    for folder in settings.font_dirs:
        if not Path(folder).is_dir():
            yield Finding("broken", f"IMGFN_FONT_DIRS names {folder}, which is no folder")
    chosen, others = fonts.find(fonts.DEFAULT), len(fonts.faces()) - 1
    if chosen:
        words = f"{fonts.DEFAULT} ({chosen.path})"
    else:
        words = f"{fonts.stand_in().name}, which comes with imgfn, in place of {fonts.DEFAULT} ({INSTALL_FONT})"
    yield Finding("fine", f"text in watermarks: {words}; {others} other font faces")
    if not fonts.shapes():
        yield Finding(
            "unsafe",
            "text in watermarks: Arabic, Hebrew, Indic letters and some emoji will not join, as Pillow's raqm finds no "
            f"libfribidi ({INSTALL_FRIBIDI})",
        )


def _examine_flows(settings: Settings) -> Iterator[Finding]:
    if not wiring_flows.wanted(settings):
        yield Finding("fine", "flows are off (IMGFN_FLOWS_FILE names a file of rules)")
        return
    if not wiring_flows.installed():
        yield Finding("broken", wiring_flows.EXTRA)
        return
    try:
        wiring_worker.build_rules(settings, wiring_worker.build_flow_files(settings)).load()
    except BadRules as error:
        yield from (Finding("broken", f"IMGFN_FLOWS_FILE: {fault}") for fault in error.faults)
    else:
        yield Finding("fine", f"flows: the rules of {settings.flows_file}")
    try:
        told = wiring_flows.control(settings).call("health")
        yield Finding("fine", f"a worker of flows runs ({told['worker']})")
    except Fault as fault:
        yield Finding("unsafe", f"events wait: {fault.detail}")
    if settings.notice_urls and not settings.public_url:
        yield Finding("unsafe", "links in notices lead nowhere without IMGFN_PUBLIC_URL, https://<this server>")


def _examine_access(settings: Settings) -> Iterator[Finding]:
    if settings.upload_token is not None:
        yield Finding("fine", "uploads need a token or a signed URL")
    elif settings.signing_keys is not None:
        yield Finding("fine", "uploads need a signed URL")
    elif settings.exposed:
        yield Finding("unsafe", f"anybody who reaches {settings.host}:{settings.port} may upload (IMGFN_UPLOAD_TOKEN)")
    else:
        yield Finding("fine", "uploads are open, to this machine only")
    told = {"open": "every plan runs", "styles-only": "styles run", "signed-only": "nothing runs"}
    yield Finding("fine", f"without a signature {told[settings.access]} (IMGFN_ACCESS={settings.access})")
    if settings.access != "open" and settings.signing_keys is None:
        yield Finding("unsafe", f"IMGFN_ACCESS={settings.access}, and no key can sign (IMGFN_SIGNING_KEYS)")
    if settings.admin_token is None:
        yield Finding("fine", "DELETE is off (IMGFN_ADMIN_TOKEN turns it on)")
    if settings.allow_overwrite and settings.upload_token is None and settings.signing_keys is None:
        yield Finding("unsafe", "whoever may upload may replace any picture (IMGFN_ALLOW_OVERWRITE without a token)")
    for name, field in Settings.model_fields.items():
        secret = getattr(settings, name) if is_secret(field) and name.endswith("token") else None
        if secret is not None and len(secret.get_secret_value()) < MIN_SECRET_CHARACTERS:
            yield Finding("unsafe", f"{PREFIX}{name.upper()} has fewer than {MIN_SECRET_CHARACTERS} characters")


def _examine_names() -> Iterator[Finding]:
    if note := note_service_link():
        yield Finding("unsafe", note)
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    known |= {f"{PREFIX}{name.upper()}_FILE" for name, field in Settings.model_fields.items() if is_secret(field)}
    for name in sorted({*os.environ, *dotenv_values(".env")}):
        if SERVICE_VARIABLE.fullmatch(name):
            continue
        if name.upper().startswith(PREFIX) and name.upper() not in known | OTHER_VARIABLES:
            near = difflib.get_close_matches(name.upper(), known, n=1)
            yield Finding("unsafe", f"{name} is no setting" + (f"; is {near[0]} meant?" if near else ""))
