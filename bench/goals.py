"""The goals of this project, and which of them a run met."""

import math
from typing import Any

from bench.report import Goal, Row


def judge(run: dict[str, Any]) -> list[Goal]:
    """Each goal with the figure of this run."""
    rows = {row["cell"]: row for row in run.get("inprocess", [])}
    goals = []
    for name, most in (("JPEG fit 512", 0.70), ("PNG fit 512", 0.85), ("WebP fit 512", 0.85), ("AVIF fit 512", 0.50)):
        if name in rows:
            goals.append(_cpu(rows[name], "libvips", most))
    if "PNG fit 512" in rows:
        goals.append(_most("PNG fit 512, bytes", "libvips", _ratio(rows["PNG fit 512"], "libvips", "bytes"), 0.80))
    if "JPEG 12 MP rotate 10" in rows:
        goals.append(_cpu(rows["JPEG 12 MP rotate 10"], "pillow", 0.45))
    goals += [_quality(row) for row in rows.values() if not math.isnan(row["imgfn"]["score"])]
    for figure in run.get("figures", []):
        verdict = _most if "most" in figure else _least
        goals.append(verdict(figure["name"], figure["against"], figure["got"], figure.get("most", figure.get("least"))))
    return goals


def _ratio(row: Row, against: str, figure: str) -> float:
    return round(row["imgfn"][figure] / row[against][figure], 3)


def _cpu(row: Row, against: str, most: float) -> Goal:
    return _most(f"{row['cell']}, CPU", against, _ratio(row, against, "cpu_ms"), most)


def _quality(row: Row) -> Goal:
    return _least(f"{row['cell']}, SSIMULACRA2", "libvips", row["imgfn"]["score"], row["libvips"]["score"])


def _most(name: str, against: str, got: float | None, most: float) -> Goal:
    return Goal(name, against, f"at most {most:g}", got, None if got is None else got <= most)


def _least(name: str, against: str, got: float | None, least: float) -> Goal:
    return Goal(name, against, f"at least {least:g}", got, None if got is None else got >= least)
