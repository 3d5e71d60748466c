"""Standard streams that were closed at the start (`imgfn … >&-`): Python has None for them, and other files get their
numbers."""

import os
import sys

CLOSED_AT_START: set[int] = set()


def replace_closed() -> None:
    """Put the null device in the place of each closed one of the descriptors 0 to 2 and remember which these were."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest free number
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
            CLOSED_AT_START.add(number)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))
