"""What becomes of memory that was freed, where the C library is glibc: the next picture gets it, but not all of it."""

import ctypes
import functools
from collections.abc import Callable

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of <malloc.h>
KEPT_BYTES = 64 * 1024 * 1024  # at the end of the heap
SCATTERED_BYTES = 128 * 1024 * 1024  # anywhere in the heap, from one picture to the next


def keep_freed() -> None:
    """Let glibc keep some megabytes that were freed instead of asking the kernel for zeroed pages at each picture.

    Half of the time of decoding a large WebP went there (docs/performance.md). Other C libraries have no mallopt.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES // 2)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def give_back(beyond: int = SCATTERED_BYTES) -> None:
    """Give all freed memory to the kernel if it is more than `beyond` bytes.

    By itself glibc gives only what lies at the end of the heap, and a few bytes that live on there can hold hundreds of
    megabytes back.
    """
    tell = _mallinfo2()
    if tell is not None and tell().fordblks > beyond:
        ctypes.CDLL(None).malloc_trim(0)


class _Mallinfo2(ctypes.Structure):
    """`struct mallinfo2` of mallinfo(3), as far as it is read here."""

    _fields_ = (("others", ctypes.c_size_t * 8), ("fordblks", ctypes.c_size_t), ("keepcost", ctypes.c_size_t))


@functools.cache
def _mallinfo2() -> Callable[[], _Mallinfo2] | None:
    """How much of the heap is free; None where the C library is another one or older than glibc 2.33."""
    tell = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if tell is not None:
        tell.restype = _Mallinfo2
    return tell
