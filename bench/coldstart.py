"""What a cloud function pays: the import, a kept result and a 304 through the handler, without a server."""

import json
import os
import re
import subprocess
import sys
import tempfile
from typing import Any

from bench.photos import Sources
from bench.serving import most, told

ALONE = "import PIL.Image, pyvips, minio, werkzeug.wrappers"
OURS = "import functions.proc"
ROUNDS = 9

# Runs in a fresh interpreter: CPU time of one call of the handler, the median of many.
HANDLER = """
import io, json, statistics, sys, time
from pathlib import Path
from werkzeug.test import EnvironBuilder, run_wsgi_app
from imgfn import wiring
from imgfn.core.key import Key
from functions import proc

source = Path(sys.argv[1])
wiring.service()  # opens the stores
store = wiring.build_store(wiring.settings(), "sources")
body = source.read_bytes()
store.put(Key("photo.jpg"), io.BytesIO(body), len(body), "image/jpeg")

def ask(**headers):
    environ = EnvironBuilder("/resize/w_512,h_512/photo.jpg", headers=headers).get_environ()
    start = time.process_time()
    body, status, sent = run_wsgi_app(proc.handler, environ)
    b"".join(body)
    return (time.process_time() - start) * 1000, status, sent

_, status, sent = ask()
assert status.startswith("200"), status
time.sleep(1)
hits = [ask() for _ in range(300)]
assert {sent["X-Imgfn-Result"] for _, _, sent in hits} == {"kept"}
unchanged = [ask(**{"If-None-Match": sent["ETag"]}) for _ in range(300)]
assert {status[:3] for _, status, _ in unchanged} == {"304"}
print(json.dumps([statistics.median(row[0] for row in rows) for rows in (hits, unchanged)]))
"""


def imports() -> list[dict[str, Any]]:
    """Import time beside that of the libraries alone, in turn; the least of each."""
    rounds = [(_import_ms(OURS), _import_ms(ALONE)) for _ in range(ROUNDS)]
    ours, alone = (min(column) for column in zip(*rounds, strict=True))
    told({"import ms": ours, "libraries alone": alone})
    return [most("import of functions.proc, ratio", ALONE.removeprefix("import "), ours / alone, 1.2)]


def _import_ms(statement: str) -> float:
    code = f"import time; start = time.process_time(); {statement}; print((time.process_time() - start) * 1000)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def culprits(count: int = 15) -> list[tuple[float, str]]:
    """The slowest imports of functions.proc by their own time, in milliseconds (-X importtime)."""
    argv = [sys.executable, "-X", "importtime", "-c", OURS]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stderr
    found = re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", said)
    return sorted(((int(own) / 1000, name) for own, name in found), reverse=True)[:count]


def handler(sources: Sources) -> list[dict[str, Any]]:
    """CPU time of a kept result and of a 304 on the folder store."""
    with tempfile.TemporaryDirectory(prefix="imgfn-bench-") as scratch:
        said = subprocess.run(
            [sys.executable, "-c", HANDLER, str(sources.of("jpg")[0])],
            env=os.environ | {"IMGFN_FOLDER": scratch, "IMGFN_RENDER": "inline", "IMGFN_LOG_LEVEL": "error"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    hit, unchanged = json.loads(said.splitlines()[-1])
    return [
        most("a kept result, CPU ms", "folder store", hit, 3),
        most("a 304, CPU ms", "folder store", unchanged, 1.5),
    ]
