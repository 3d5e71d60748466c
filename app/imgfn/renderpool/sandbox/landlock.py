"""Which files a render process may open: Landlock, where the kernel has it.

https://docs.kernel.org/userspace-api/landlock.html

It needs no rights and works in containers, where a child could else read the environment of its neighbours in /proc.
"""

import ctypes
import errno
import os
import struct
import sys
from contextlib import suppress
from pathlib import Path

from imgfn.renderpool.sandbox.rules import Rules

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same number on every architecture
PATH_BENEATH = 1
READ_FILE, READ_DIR = 1 << 2, 1 << 3
EVERYTHING = (1 << 13) - 1  # that the first version of Landlock knows: executing, writing, making, removing


def allow_reading(rules: Rules) -> None:
    """Let this process read what lies below `rules.readable`, and do nothing else to any file from now on.

    Raises OSError where the kernel knows no Landlock. A process without rights needs no_new_privs for it.
    """
    if sys.platform != "linux":  # where these numbers are other calls
        raise OSError(errno.ENOSYS, "only Linux has Landlock")
    libc = ctypes.CDLL(None, use_errno=True)
    handled = struct.pack("=Q", EVERYTHING)
    ruleset = _checked(libc.syscall(CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0))
    for path in rules.readable:
        with suppress(FileNotFoundError):
            folder = os.open(path, os.O_PATH)
            rights = READ_FILE | READ_DIR if Path(path).is_dir() else READ_FILE
            _checked(libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", rights, folder), 0))
            os.close(folder)
    _checked(libc.syscall(RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def holds(_rules: Rules) -> bool:
    """Whether this process cannot list the root folder, which everybody may and no rule of ours allows."""
    try:
        os.scandir("/").close()
    except PermissionError:
        return True
    return False


def _checked(answer: int) -> int:
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer
