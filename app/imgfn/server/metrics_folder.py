"""Where the workers of one server count: a folder of files, which the server makes before they fork."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

KINDS = ("counter", "histogram", "gauge_livesum")  # as prometheus_client names its files: counter_0.db
FILE_BYTES = 1 << 18  # of a worker's file: 1,700 values, and no server of ours has as many


def sweep(folder: Path, own: Path) -> None:
    """Remove what servers that were killed have left in `folder`. Others may do the same meanwhile."""
    for old in folder.iterdir():
        if old == own or (old.name.isdigit() and not _lives(int(old.name))):
            shutil.rmtree(old, ignore_errors=True)


def reserve(folder: Path, slots: Iterable[int]) -> None:
    """Make the folder and the files of these workers. Raises OSError, on a full disk for one.

    The files are mapped into memory: a disk that is full when one of their pages is first written kills the worker
    (SIGBUS). So their pages are there before.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for slot in slots:
        for kind in KINDS:
            path = folder / f"{kind}_{slot}.db"
            if not path.exists():
                try:
                    path.write_bytes(bytes(FILE_BYTES))
                except OSError:
                    path.unlink(missing_ok=True)
                    raise


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # there is no such process, or no such number
        return False
    except PermissionError:
        pass  # somebody else's
    return True
