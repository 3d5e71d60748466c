"""Private folders for what lives only as long as the machine runs: sockets and locks."""

import os
import stat
import tempfile
from pathlib import Path


def private_folder(parent: Path | None, name: str) -> Path:
    """A folder `imgfn-<user>-<name>` below `parent` (None: the temporary folder) that only this user can enter.

    RuntimeError where somebody else could have made it.
    """
    folder = (parent or Path(tempfile.gettempdir())) / f"imgfn-{os.geteuid()}-{name}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    told = folder.lstat()
    if not stat.S_ISDIR(told.st_mode) or told.st_uid != os.geteuid() or told.st_mode & 0o077:
        raise RuntimeError(f"{folder} must be a folder of this user that nobody else can enter")
    return folder
