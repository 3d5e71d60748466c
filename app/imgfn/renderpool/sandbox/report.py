"""What renderers found of their sandbox, in one file of the pool: each writes its own record, and clients read all.

A renderer gets the file as a descriptor, and closes it before its first job: what a decoder runs cannot change it.
"""

import json
import os
from contextlib import suppress
from pathlib import Path

from imgfn.renderpool.sandbox.layers import Report

RECORD_BYTES = 4096
REASON_CHARACTERS = 100  # so that ten layers have room in a record


def write_report(file: int, slot: int, report: Report) -> None:
    """Write the record of the renderer in that slot."""
    text = json.dumps({name: why[:REASON_CHARACTERS] for name, why in report.items()}, ensure_ascii=False).encode()
    with suppress(OSError):  # of more renderers than the file has room for, the last ones are not heard
        os.pwrite(file, text.ljust(RECORD_BYTES), slot * RECORD_BYTES)


def forget_report(file: int, slot: int) -> None:
    """Forget the record of the predecessor in that slot."""
    with suppress(OSError):
        os.pwrite(file, bytes(RECORD_BYTES), slot * RECORD_BYTES)


def read_reports(path: Path) -> list[Report]:
    """The records of all renderers that have written one."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    records = (content[at : at + RECORD_BYTES].strip(b"\0 ") for at in range(0, len(content), RECORD_BYTES))
    return [json.loads(record) for record in records if record.endswith(b"}")]
