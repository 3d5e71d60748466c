"""Settings to the parts of flows that a web server needs; it never loads the engine (`imgfn.wiring.worker`)."""

import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from imgfn import wiring
from imgfn.flows.answers import AnswerBox
from imgfn.flows.control import Worker as Control
from imgfn.flows.exposition import merge
from imgfn.flows.tokens import keep_secret
from imgfn.process.private_folder import private_folder

if TYPE_CHECKING:
    from imgfn.config.settings import Settings

EXTRA = "flows need the extra: pip install 'imgfn[flows]'"


def installed() -> bool:
    """Whether the extra is there, without importing it."""
    from importlib.util import find_spec

    return all(find_spec(name) is not None for name in ("dbos", "croniter", "yaml"))


def wanted(chosen: "Settings") -> bool:
    """Whether there is anything for a worker to do: a file of rules is named."""
    return chosen.flows_file is not None


def control(chosen: "Settings") -> Control:
    """The workers of this machine."""
    return Control(sockets(chosen))


def sockets(chosen: "Settings") -> Path:
    """Where workers listen; each store has its own."""
    place = hashlib.sha256(str(wiring.flows_folder(chosen).resolve()).encode()).hexdigest()[:12]
    return private_folder(chosen.runtime_dir, f"flows-{place}")


def expose(chosen: "Settings") -> str:
    """The metrics of the workers of this machine, in Prometheus' text format."""
    return merge(control(chosen).call_all("metrics"))


@functools.cache
def answer_box(folder: Path) -> AnswerBox:
    """Where answers wait while no worker runs."""
    return AnswerBox(folder)


def secret(chosen: "Settings") -> bytes:
    """What signs answer tokens: IMGFN_FLOW_SECRET, else one of this machine."""
    if chosen.flow_secret is not None:
        return chosen.flow_secret.get_secret_value().encode()
    return keep_secret(wiring.flows_folder(chosen) / "secret")


def database(chosen: "Settings") -> str:
    """The engine's database."""
    if chosen.flows_url is not None:
        url = chosen.flows_url.get_secret_value()
        return url.replace("postgres://", "postgresql://", 1)
    return f"sqlite:///{(wiring.flows_folder(chosen) / 'flows.sqlite').resolve()}"
