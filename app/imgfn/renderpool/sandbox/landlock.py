"""Which files a render process may open: Landlock, where the kernel has it.

https://docs.kernel.org/userspace-api/landlock.html

It needs no rights and works in containers, where a child could else read the environment of its neighbours in /proc.
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same number on every architecture
PATH_BENEATH = 1
READ_FILE, READ_DIR = 1 << 2, 1 << 3
EVERYTHING = (1 << 13) - 1  # that the first version of Landlock knows: executing, writing, making, removing
PR_SET_NO_NEW_PRIVS = 38


def allow_reading(paths: Iterable[str]) -> None:
    """Let this process read what lies below `paths`, and do nothing else to any file from now on.

    Raises OSError where the kernel knows no Landlock.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    handled = struct.pack("=Q", EVERYTHING)
    rules = _checked(libc.syscall(CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0))
    for path in paths:
        with suppress(FileNotFoundError):
            folder = os.open(path, os.O_PATH)
            rights = READ_FILE | READ_DIR if Path(path).is_dir() else READ_FILE
            _checked(libc.syscall(ADD_RULE, rules, PATH_BENEATH, struct.pack("=Qi", rights, folder), 0))
            os.close(folder)
    _checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(libc.syscall(RESTRICT_SELF, rules, 0))
    os.close(rules)


def _checked(answer: int) -> int:
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer
