"""What people look up, as tables: the operations and the settings. The README and the command line show the same."""

import textwrap

from imgfn.config.environment import describe_default, describe_format
from imgfn.config.settings import PREFIX, Settings
from imgfn.core.plan import DEFAULTS
from imgfn.core.registry import REGISTRY, Operation

COLUMNS = 100
INDENT = "    "
Table = list[tuple[str, ...]]  # the first row is the head


def tabulate_operations() -> Table:
    """Each operation: how it is written, with the keys of its parameters, and what it does."""
    rows = [(_usage(operation), _example(operation), operation.summary.partition("\n")[0]) for operation in REGISTRY]
    return [("operation", "example", "what it does"), *rows]


def _usage(operation: Operation) -> str:
    keys = ",".join(param.key if param.required else f"[{param.key}]" for param in operation.params)
    return f"{operation.name}/{keys}" if operation.params else operation.name


def _example(operation: Operation) -> str:
    return f"{operation.name}/{operation.example or DEFAULTS}" if operation.params else operation.name


def tabulate_settings() -> Table:
    """Each variable, what it takes, its default, and what it is for."""
    rows = [
        (PREFIX + name.upper(), describe_format(field), describe_default(field), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    return [("variable", "takes", "default", "what it is for"), *rows]


def write_markdown(table: Table, code_columns: int) -> str:
    """The table as Markdown, its first `code_columns` as code."""
    head, *rows = [tuple(cell.replace("|", "\\|") for cell in row) for row in table]
    rows = [(*(f"`{cell}`" for cell in row[:code_columns]), *row[code_columns:]) for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ("---",) * len(head), *rows))


def write_text(table: Table) -> str:
    """The table for a terminal: columns that line up."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table)
    return "\n".join(lines) + "\n"


def write_paragraphs(table: Table) -> str:
    """The table for a terminal of COLUMNS: each row is its first cell, and below it the others, indented."""
    return "\n".join(_paragraph(*row) for row in table[1:])


def _paragraph(first: str, *others: str) -> str:
    lines = textwrap.wrap(first.replace(",", ", "), COLUMNS, subsequent_indent=INDENT, break_on_hyphens=False)
    lines = [line.replace(", ", ",") for line in lines]
    for other in others:
        lines += textwrap.wrap(other, COLUMNS, initial_indent=INDENT, subsequent_indent=INDENT, break_on_hyphens=False)
    return "\n".join(lines) + "\n"
