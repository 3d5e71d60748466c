"""The IIIF community's own validator (iiif-validator on PyPI), whole at level 2, against the real server."""

import ast
import re
import subprocess
import venv
from pathlib import Path

import pytest
import urllib3
from PIL import Image

from tests.pictures import encoded
from tests.servers import need, serving

NAME = "67352ccc-d1b0-11e1-89ae-279075081939.png"
# The validator looks for 10 x 10 squares of 100 pixels; it prints other lines, too, when it is imported.
COLOURS = "from iiif_validator.validator import ValidationInfo as V; print([c for r in zip(*V().colorInfo) for c in r])"
# It wants 400 for !2000,3000 of a picture of 1000 x 1000. The specification (4.2) wants the picture at its own size.
DIFFERS = {"size_noup"}


@pytest.mark.hard
def test_the_public_validator_is_content(tmp_path: Path):
    home = tmp_path / "venv"
    venv.create(home, with_pip=True)  # apart from our own libraries
    python = str(home / "bin" / "python")
    installed = subprocess.run([python, "-m", "pip", "install", "-q", "iiif-validator"], capture_output=True, text=True)
    if installed.returncode:
        need("iiif-validator", "pip install iiif-validator failed")
    told = subprocess.run([python, "-c", COLOURS], capture_output=True, text=True, check=True).stdout
    squares = Image.new("RGB", (10, 10))
    squares.putdata(ast.literal_eval(told.splitlines()[-1]))
    with serving(tmp_path / "server", workers="1", grammars="iiif") as server:
        body = encoded(squares.resize((1000, 1000), Image.Resampling.NEAREST))
        assert urllib3.request("PUT", f"{server.url}/upload/{NAME}", body=body).status == 201
        host = server.url.removeprefix("http://").rstrip("/")
        asked = ["-s", host, "-p", "iiif/3", "-i", NAME, "--version", "3.0", "--level", "2"]
        command = [python, str(home / "bin" / "iiif-validate.py"), *asked]
        run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    said = run.stdout + run.stderr
    verdicts = dict(re.findall(r"test (\w+) (PASS|FAIL)", said))
    assert len(verdicts) >= 33, said
    assert {name for name, verdict in verdicts.items() if verdict == "FAIL"} == DIFFERS, said
