"""What stays of memory that was freed."""

import ctypes
import resource
from pathlib import Path

import pytest

from imgfn.imaging import memory

MIB = 1 << 20


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc 2.33")
def test_what_lies_free_between_living_blocks_goes_back_to_the_kernel() -> None:
    memory.keep_freed()
    blocks = [bytearray(b"x") * MIB for _ in range(200)]
    living, blocks = blocks[::20], []
    kept = resident_bytes()
    memory.give_back()
    assert resident_bytes() < kept - 150 * MIB
    assert all(block[-1] == ord("x") for block in living)
