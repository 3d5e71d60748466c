from pathlib import Path

import pytest

import imgfn.ops  # noqa: F401  fills the registry
from tests.conformance.rows import ROWS, Row

DOCUMENT = Path(__file__).parents[2] / "docs" / "oss-conformance.md"
HEAD = """# Conformance with the image actions of Alibaba OSS

Every row is a test (`tests/conformance/rows.py`); this page is written by `pytest tests/conformance --write-docs`.

| action | parameter | documented | here |
|---|---|---|---|
"""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.action} {row.parameter} {row.promise}")
def test_the_promise_or_the_named_difference_holds(row: Row) -> None:
    assert row.check()


def test_the_table_is_current(request: pytest.FixtureRequest) -> None:
    lines = (f"| {row.action} | {row.parameter} | {row.promise} | {row.difference or 'pass'} |\n" for row in ROWS)
    table = HEAD + "".join(lines)
    if request.config.getoption("--write-docs"):
        DOCUMENT.write_text(table, encoding="utf-8")
    assert DOCUMENT.read_text(encoding="utf-8") == table
