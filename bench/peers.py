"""Install the peers, each by its own documented command, into the cache outside the tree; `python -m bench.peers`."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench.photos import CACHE

PEERS = CACHE / "peers"
REPORT = PEERS / "installed.json"
IMAGOR = "github.com/cshum/imagor@v1.9.2"
IMGPROXY = "github.com/imgproxy/imgproxy"
SHARP_LIBVIPS = "1.3.0"  # libvips 8.18.3 with headers, as sharp is built on it; Debian 12 has 8.14, which is too old


def _run(*command: str | Path, cwd: Path = PEERS, **environ: str) -> None:
    argv = ["nice", "-n", "10", *map(str, command)]
    subprocess.run(argv, cwd=cwd, env=os.environ | environ, check=True, capture_output=True, text=True)


def thumbor() -> str:
    """https://thumbor.readthedocs.io: pip install thumbor."""
    python = PEERS / "thumbor" / "bin" / "python"
    if not python.exists():
        _run(sys.executable, "-m", "venv", PEERS / "thumbor")
    _run(python, "-m", "pip", "install", "--quiet", "thumbor")
    return _said(python, "-c", "import thumbor; print(thumbor.__version__)")


def ipx() -> str:
    """https://github.com/unjs/ipx: npx ipx serve."""
    _run("npm", "install", "--prefix", ".", "ipx", cwd=_folder("ipx"))
    packages = PEERS / "ipx" / "node_modules"
    ours, engine = (json.loads((packages / name / "package.json").read_text())["version"] for name in ("ipx", "sharp"))
    return f"{ours} (sharp {engine})"


def imagor() -> str:
    """https://docs.imagor.net: go install github.com/cshum/imagor/cmd/imagor@latest.

    Built inside a module of its own, since a proxy may know the module and not the path of its command; against sharp's
    libvips, whose few loaders left out of that build are never called.
    """
    libraries = _sharp_libvips()
    folder = _folder("imagor")
    _go_build(
        folder,
        IMAGOR,
        "github.com/cshum/imagor/cmd/imagor",
        "-ldflags=-extldflags=-Wl,--unresolved-symbols=ignore-all",
        PKG_CONFIG_PATH=str(libraries),
        CGO_LDFLAGS_ALLOW="-Wl,.*",
    )
    return _said(folder / "imagor", "-version")


def imgproxy() -> str:
    """https://docs.imgproxy.net/installation: CGO_LDFLAGS_ALLOW="-s|-w" go build, with libvips' headers.

    The newest version that the Go module proxy gives out is built; the report tells which one that was.
    """
    failure: Exception = RuntimeError("no version tried")
    for module in (f"{IMGPROXY}/v4@latest", f"{IMGPROXY}/v3@latest", f"{IMGPROXY}/v2@v2.17.0"):
        try:
            package = module.partition("@")[0]
            _go_build(_folder("imgproxy"), module, package, CGO_LDFLAGS_ALLOW="-s|-w")
            return _said(PEERS / "imgproxy" / "imgproxy", "version")
        except subprocess.CalledProcessError as error:
            failure = error
    raise failure


def oximg() -> str:
    """https://crates.io/crates/oximg: cargo install oximg; with its avif feature where its C libraries are there."""
    folder = _folder("oximg")
    try:
        _run("cargo", "install", "oximg", "--features", "avif", "--root", folder)
        return _said(folder / "bin" / "oximg", "--version") + " with AVIF"
    except subprocess.CalledProcessError:
        _run("cargo", "install", "oximg", "--root", folder)
        return _said(folder / "bin" / "oximg", "--version") + " without AVIF"


INSTALLERS: dict[str, Callable[[], str]] = {
    installer.__name__: installer for installer in (thumbor, ipx, imagor, imgproxy, oximg)
}


def _folder(name: str) -> Path:
    folder = PEERS / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _said(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().splitlines()[0]


def _go_build(folder: Path, module: str, package: str, *flags: str, **environ: str) -> None:
    source = folder / "src"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir()
    _run("go", "mod", "init", f"bench/{folder.name}", cwd=source)
    _run("go", "get", module, cwd=source)
    target = folder / folder.name
    _run("go", "build", "-mod=mod", *flags, "-o", target, package, cwd=source, **environ)


def _sharp_libvips() -> Path:
    """A folder with a vips.pc for the libvips that sharp is built on."""
    folder = _folder("sharp-libvips")
    names = [f"@img/sharp-libvips-{part}@{SHARP_LIBVIPS}" for part in ("dev", "linux-x64")]
    _run("npm", "install", "--prefix", ".", *names, cwd=folder)
    headers, binary = (folder / "node_modules" / name.rpartition("@")[0] for name in names)
    library = next((binary / "lib").glob("libvips-cpp.so.*"))
    include = f"-I{headers}/include -I{headers}/include/glib-2.0 -I{binary}/lib/glib-2.0/include"
    version = library.name.removeprefix("libvips-cpp.so.")
    (folder / "vips.pc").write_text(
        f"Name: vips\nDescription: libvips as sharp ships it\nVersion: {version}\nCflags: {include}\n"
        f"Libs: -L{library.parent} -l:{library.name} -Wl,-rpath,{library.parent}\n"
    )
    return folder


def install() -> dict[str, dict[str, str]]:
    """Install each peer; what is there stays. A peer that cannot be had is listed with the reason."""
    PEERS.mkdir(parents=True, exist_ok=True)
    report = json.loads(REPORT.read_text()) if REPORT.exists() else {}
    for name, installer in INSTALLERS.items():
        if "version" not in report.get(name, {}):
            print(f"installing {name}", flush=True)
            report[name] = _installed(installer)
            REPORT.write_text(json.dumps(report, indent=2))
    return report


def _installed(installer: Callable[[], str]) -> dict[str, str]:
    try:
        return {"version": installer()}
    except FileNotFoundError as error:
        return {"reason": f"{error.filename} is not installed"}
    except subprocess.CalledProcessError as error:
        lines = [line for line in (error.stderr or "").splitlines() if line.strip()]
        return {"reason": f"{' '.join(error.cmd[3:6])}: {lines[-1] if lines else error}"}


if __name__ == "__main__":
    print(json.dumps(install(), indent=2))
