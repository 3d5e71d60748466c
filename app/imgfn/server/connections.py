"""How many connections each web worker has, for all of them to see: made before they fork, known by their seats."""

import mmap
from array import array

SEATS = 256  # more workers than that share them

# Most where there is no worker. A fraction tells when it took the last, so that of two with as many the one is less
# crowded that has waited longer.
_crowds = memoryview(mmap.mmap(-1, 8 * SEATS)).cast("d")
_crowds[:] = memoryview(array("d", [float("inf")]) * SEATS)


def tell(seat: int, connections: int, took: float) -> None:
    """Have so many from now on; `took` is when the last one came, by the monotonic clock."""
    _crowds[seat % SEATS] = connections + took / 1e9


def leave(seat: int) -> None:
    """Want none any more."""
    _crowds[seat % SEATS] = float("inf")


def has_fewest(seat: int) -> bool:
    """Whether no worker has fewer."""
    return _crowds[seat % SEATS] <= min(_crowds)
