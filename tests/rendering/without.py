"""`python -m tests.rendering.without landlock <command>` runs a command as on a kernel that lacks that."""

import errno
import os
import sys

import pyseccomp

SYSTEM_CALLS = {
    "landlock": ("landlock_create_ruleset", errno.EOPNOTSUPP),  # what a kernel says that was started without it
    "seccomp": ("seccomp", errno.EINVAL),
}


def lack(what: str) -> None:
    """Take it from this process and all that it starts."""
    call, error = SYSTEM_CALLS[what]
    calls = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    calls.add_rule(pyseccomp.ERRNO(error), 444 if what == "landlock" else call)
    if what == "seccomp":
        calls.add_rule(pyseccomp.ERRNO(error), "prctl", pyseccomp.Arg(0, pyseccomp.EQ, 22))  # PR_SET_SECCOMP
    calls.load()


if __name__ == "__main__":
    lack(sys.argv[1])
    os.execvp(sys.argv[2], sys.argv[2:])
