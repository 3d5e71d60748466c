"""Prometheus' text format of several processes as one text."""

from collections.abc import Iterable


def merge(texts: Iterable[str]) -> str:
    """Each family once, with the samples of all: the format allows one TYPE line for a name."""
    families: dict[str, list[str]] = {}
    for text in texts:
        name = ""
        for line in text.splitlines():
            if line.startswith("# "):
                name = line.split(" ", 3)[2]
                family = families.setdefault(name, [])
                if line not in family:
                    family.insert(sum(old.startswith("# ") for old in family), line)
            elif line:
                families.setdefault(name, []).append(line)
    return "".join(f"{line}\n" for family in families.values() for line in family)
