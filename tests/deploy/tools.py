"""Tools that are found, or made once: what is missing skips with the line that installs it."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.servers import need

CACHE = Path.home() / ".cache" / "imgfn" / "bin"


def find_helm() -> str:
    """$HELM_BIN, the PATH, or what `go install` makes once in a cache."""
    if found := os.environ.get("HELM_BIN") or shutil.which("helm"):
        return found
    cached = CACHE / "helm"
    if not cached.exists():
        if not shutil.which("go"):
            need("helm", "https://helm.sh/docs/intro/install, or Go to install it with")
        order = ["go", "install", "helm.sh/helm/v3/cmd/helm@latest"]
        made = subprocess.run(order, env={**os.environ, "GOBIN": str(CACHE)}, capture_output=True, text=True)
        if made.returncode:
            need("helm", f"go install failed: {made.stderr[-500:]}")
    return str(cached)


def find(program: str, package: str) -> str:
    """A program of a Debian package."""
    return shutil.which(program) or need(program, f"apt-get install {package}") or ""
