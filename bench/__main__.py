"""`python -m bench`: measure, and write bench/out/."""

import argparse
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyvips

from bench import coldstart, core, goals, inprocess, peers, report, serving
from bench.photos import Sources

OUT = Path(__file__).parent / "out"
PARTS = ("cold", "hot", "uploads", "memory", "overload", "http", "core", "inprocess", "distinct")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", help="what to measure; all when none is named")
    parser.add_argument("--images", type=Path, help="a folder of at least 24 photographs (*.jpg)")
    parser.add_argument("--cells", default="", help="only the in-process cells whose name has this in it")
    parser.add_argument("--against", type=Path, action="append", default=[], help="core: another checkout's imgfn")
    parser.add_argument("--no-peers", action="store_true", help="install and measure no other server")
    asked = parser.parse_args()
    parts = asked.parts or PARTS
    sources = Sources(asked.images)
    run: dict[str, Any] = {"machine": machine(), "sources": len(sources.photographs)}
    run["peers"] = peers.install() if "distinct" in parts and not asked.no_peers else {}
    figures = {
        "cold": lambda: coldstart.imports() + coldstart.handler(sources),
        "hot": lambda: serving.hot_path(sources),
        "uploads": lambda: serving.uploads(sources),
        "memory": lambda: serving.memory(sources),
        "overload": lambda: serving.overload(sources),
        "http": lambda: serving.against_inprocess(sources),
    }
    for part in parts:
        print(f"--- {part}", flush=True)
        if part == "inprocess":
            run["inprocess"] = inprocess.measure(sources, asked.cells)
        elif part == "core":
            run["core"] = core.measure(sources, asked.against)
        elif part == "distinct":
            run["http"] = {"Fit 512 over HTTP, distinct URLs": serving.distinct(sources, not asked.no_peers)}
        else:
            run["figures"] = [*run.get("figures", []), *figures[part]()]
        report.write(OUT, run, goals.judge(run))  # after each part: the next one may fail
    print((OUT / "bench.md").read_text())


def machine() -> dict[str, str]:
    """What the figures depend on."""
    model = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "cpu": model.partition(":")[2].strip(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "pillow": version("pillow"),
        "libvips": ".".join(str(pyvips.version(part)) for part in range(3)),
        "commit": commit.stdout.strip(),
    }


if __name__ == "__main__":
    main()
