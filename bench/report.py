"""The table as JSON and Markdown, ratios first, and the plot."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

Row = dict[str, Any]


@dataclass(frozen=True)
class Goal:
    """One goal and what this run gave; `got` None where it could not be measured."""

    name: str
    against: str
    wanted: str
    got: float | None
    met: bool | None
    remark: str = ""


def write(folder: Path, run: dict[str, Any], goals: list[Goal]) -> None:
    """`bench.json`, `bench.md` and `bench.png` in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    full = run | {"goals": [asdict(goal) for goal in goals]}
    (folder / "bench.json").write_text(json.dumps(full, indent=2) + "\n")
    (folder / "bench.md").write_text(_markdown(run, goals))
    _plot(folder / "bench.png", run)


def _markdown(run: dict[str, Any], goals: list[Goal]) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in run["machine"].items())
    parts = [f"Machine: {machine}", _table(["goal", "against", "wanted", "got", ""], [_goal(goal) for goal in goals])]
    if run.get("inprocess"):
        parts += ["## One render, in-process", _inprocess(run["inprocess"])]
    if run.get("core"):
        parts += ["## The serving core", _dictionaries(run["core"])]
    for title, rows in run.get("http", {}).items():
        parts += [f"## {title}", _dictionaries(rows)]
    if run.get("peers"):
        told = [[name, facts.get("version", ""), facts.get("reason", "")] for name, facts in run["peers"].items()]
        parts += ["## Peers", _table(["peer", "version", "why not"], told)]
    return "\n\n".join(parts) + "\n"


def _goal(goal: Goal) -> list[str]:
    verdict = {True: "met", False: "**missed**", None: "not measured"}[goal.met]
    got = "" if goal.got is None else f"{goal.got:g}"
    return [goal.name, goal.against, goal.wanted, got, " ".join(part for part in (verdict, goal.remark) if part)]


def _inprocess(rows: list[Row]) -> str:
    heads = ["cell", "CPU / libvips", "CPU / Pillow", "bytes / libvips", "score - libvips"]
    heads += ["CPU ms: imgfn", "libvips", "Pillow", "KB: imgfn", "libvips", "Pillow"]
    heads += ["SSIMULACRA2: imgfn", "libvips", "Pillow", "peak MB: imgfn", "libvips", "Pillow"]
    lines = []
    for row in rows:
        ours, vips, pillow = row["imgfn"], row["libvips"], row["pillow"]
        three = (ours, vips, pillow)
        line = [row["cell"]]
        line += [f"**{ours['cpu_ms'] / other['cpu_ms']:.2f}**" for other in (vips, pillow)]
        line += [f"{ours['bytes'] / vips['bytes']:.2f}", f"{ours['score'] - vips['score']:+.1f}"]
        line += [f"{each['cpu_ms']:.1f}" for each in three]
        line += [f"{each['bytes'] / 1000:.1f}" for each in three]
        line += [f"{each['score']:.1f}" for each in three]
        line += [f"{each['peak_mb']:.0f}" for each in three]
        lines.append(line)
    return _table(heads, lines)


def _dictionaries(rows: list[Row]) -> str:
    heads = list(dict.fromkeys(name for row in rows for name in row))
    return _table(heads, [[_cell(row.get(head, "")) for head in heads] for row in rows])


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _table(heads: list[str], lines: list[list[str]]) -> str:
    watermarks = ["---" if index == 0 else "---:" for index in range(len(heads))]
    return "\n".join("| " + " | ".join(line) + " |" for line in [heads, watermarks, *lines])


def _plot(path: Path, run: dict[str, Any]) -> None:
    """CPU of one render beside the contenders', and requests a second beside the peers'."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(15, 6), layout="constrained")
    rows = run.get("inprocess", [])
    for offset, name in enumerate(("imgfn", "libvips", "pillow")):
        left.barh(
            [index + offset * 0.27 for index in range(len(rows))],
            [row[name]["cpu_ms"] / row["libvips"]["cpu_ms"] for row in rows],
            height=0.25,
            label=name,
        )
    left.set_yticks([index + 0.27 for index in range(len(rows))], [row["cell"] for row in rows])
    left.invert_yaxis()
    left.axvline(1, color="black", linewidth=0.8)
    left.set_xlabel("CPU time of one render, libvips = 1 (less is better)")
    left.legend()
    served = [row for title, cells in run.get("http", {}).items() if "distinct" in title for row in cells]
    pairs = list(dict.fromkeys(row["cell"] for row in served))
    servers = list(dict.fromkeys(row["server"] for row in served))
    for offset, server in enumerate(servers):
        rates = {row["cell"]: row["requests/s"] for row in served if row["server"] == server and row["clients"] == 2}
        right.bar(
            [index + offset * 0.13 for index in range(len(pairs))],
            [rates.get(pair, 0) for pair in pairs],
            width=0.12,
            label=server,
        )
    right.set_xticks([index + 0.3 for index in range(len(pairs))], pairs)
    right.set_ylabel("requests/s, fit 512, distinct URLs, 2 clients (more is better)")
    if servers:
        right.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)
