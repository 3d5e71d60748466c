"""`make docs`: write the tables of operations and settings into the READMEs, between their markers."""

import re
import sys
from pathlib import Path

import imgfn.ops  # noqa: F401  fills the registry
from imgfn.config import tables

TABLES = {
    "operations": tables.write_markdown(tables.tabulate_operations(), code_columns=2),
    "settings": tables.write_markdown(tables.tabulate_settings(), code_columns=1),
}


def fill(text: str) -> str:
    """`text` with every table between `<!-- name -->` and `<!-- /name -->` as it is now."""
    for name, table in TABLES.items():
        between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = between.sub(lambda found, table=table: found[1] + "\n" + table + "\n" + found[2], text)
    return text


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        path.write_text(fill(path.read_text(encoding="utf-8")), encoding="utf-8")
