"""A real nginx with the shipped configuration; only addresses, ports and folders are others."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import ROOT, free_port, need, wait_for

TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@contextmanager
def running_nginx(
    folder: Path,
    behind: int,
    *,
    limits: bool = True,
    extra: dict[str, str] | None = None,
    port: int | None = None,
    wait: bool = True,
) -> Iterator[int]:
    """nginx in front of the server at the port `behind`: its own port. Without `limits` a client may ask as often as it
    likes, and nothing is cached."""
    program = shutil.which("nginx") or need("nginx", "apt-get install nginx-light")
    port, inner = port or free_port(), free_port()
    folder.mkdir(exist_ok=True)
    changes = {
        "listen 8080": f"listen 127.0.0.1:{port}",
        "127.0.0.1:8001": f"127.0.0.1:{inner}",
        "127.0.0.1:8000": f"127.0.0.1:{behind}",
        "http {\n": "http {\n" + "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in TEMPORARY),
        **(extra or {}),
    }
    if not limits:
        changes |= {"limit_req zone=renders burst=200 nodelay;": "", "proxy_cache pictures;": ""}
    for name in ("nginx.conf", "imgfn-proxy.conf", "imgfn-cache.conf", "imgfn-upstream.conf"):
        text = (ROOT / "deploy" / "nginx" / name).read_text()
        for shipped, ours in changes.items():
            text = text.replace(shipped, ours)
        (folder / name).write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""  # the test's folder is the caller's own
    order = [program, "-p", str(folder), "-c", "nginx.conf", "-g", f"{user} daemon off; pid {folder}/pid;"]
    checked = subprocess.run([*order, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    with (folder / "log").open("wb") as log, subprocess.Popen(order, stderr=log) as process:
        try:
            if wait:
                wait_for(f"http://127.0.0.1:{port}/healthz", process)
            yield port
        finally:
            process.terminate()
