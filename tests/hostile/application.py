"""The whole server, its stores witnessed: what gunicorn runs for the tests of this folder."""

import os
from pathlib import Path
from typing import Any

from imgfn import wiring
from imgfn.web.app import create_app
from tests.hostile.recording import record_stores


def create() -> Any:
    """The application of `imgfn serve`; every call of a store is a line of the file `calls` beside the data."""
    calls = os.open(Path(os.environ["IMGFN_FOLDER"]).parent / "calls", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    wiring.build_store = record_stores(lambda call: os.write(calls, f"{call}\n".encode()))
    return create_app()
