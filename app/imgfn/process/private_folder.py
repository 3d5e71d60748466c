"""Private folders for what lives only as long as the machine runs: sockets and locks."""

import os
import stat
import sys
import tempfile
from pathlib import Path

SOCKET_PATH_BYTES = 107 if sys.platform == "linux" else 103  # unix(7): sun_path, less its final zero
NAME_CHARACTERS = 12  # of a folder with sockets
SOCKET_CHARACTERS = len("socket.0000")
SHORT_FOLDERS = ("/tmp", "/var/tmp")  # noqa: S108  # private folders are made in them


def longest_parent_bytes() -> int:
    """How long the path of a folder may be in whose private folders sockets lie."""
    return SOCKET_PATH_BYTES - len(f"/{_name('x' * NAME_CHARACTERS)}/") - SOCKET_CHARACTERS


def temporary_folder() -> Path:
    """The temporary folder, or a usual one whose path is short where TMPDIR is too long for sockets.

    ValueError where there is none.
    """
    chosen = tempfile.gettempdir()
    for folder in (chosen, *SHORT_FOLDERS):
        if len(os.fsencode(folder)) <= longest_parent_bytes() and os.access(folder, os.W_OK | os.X_OK):
            return Path(folder)
    raise ValueError(
        f"the path of the temporary folder {chosen} (TMPDIR) is too long for sockets, and no other can be written to; "
        f"name a folder of at most {longest_parent_bytes()} bytes"
    )


def private_folder(parent: Path | None, name: str) -> Path:
    """A folder `imgfn-<user>-<name>` below `parent` (None: the temporary folder) that only this user can enter.

    RuntimeError where somebody else could have made it.
    """
    folder = (parent or temporary_folder()) / _name(name)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    told = folder.lstat()
    if not stat.S_ISDIR(told.st_mode) or told.st_uid != os.geteuid() or told.st_mode & 0o077:
        raise RuntimeError(f"{folder} must be a folder of this user that nobody else can enter")
    return folder


def _name(name: str) -> str:
    return f"imgfn-{os.geteuid()}-{name}"
