"""What each renderer tells the master and its neighbours of itself, by its slot, in memory that they share.

To be imported before the renderers fork.
"""

import mmap
from dataclasses import dataclass, field
from time import monotonic

SLOTS = 4096
OVERTIME_SECONDS = 1.0  # past its deadline, which the kernel keeps unless it is stopped or in a call that hangs
IDLE_SILENCE_SECONDS = 5.0  # an idle renderer is heard twice a second
START_SILENCE_SECONDS = 30.0
LONGEST_STEP_SECONDS = 2.0  # of the master's clock: whoever freezes us all and thaws us makes nobody silent

_busy = mmap.mmap(-1, SLOTS)
_beats = memoryview(mmap.mmap(-1, 8 * SLOTS)).cast("Q")


def beat(slot: int, *, busy: bool) -> None:
    """Move, and say whether a job is under way."""
    _busy[slot % SLOTS] = busy
    _beats[slot % SLOTS] += 1


def is_busy(slot: int) -> bool:
    """Whether a job is under way there."""
    return bool(_busy[slot % SLOTS])


def start(slot: int) -> None:
    """Have a new renderer there, which was not heard of yet."""
    _busy[slot % SLOTS] = _beats[slot % SLOTS] = 0


def read(slot: int) -> tuple[int, bool]:
    """How often the renderer was heard of, and whether it is busy."""
    return _beats[slot % SLOTS], is_busy(slot)


@dataclass
class Silence:
    """How long a renderer has not moved, as its master sees it."""

    seen: int = 0
    seconds: float = 0.0
    looked: float = field(default_factory=monotonic)

    def lasts(self, told: tuple[int, bool], job_seconds: float) -> bool:
        """Look again; True where it lasts too long. `told` is what `read` gives."""
        beats, busy = told
        now = monotonic()
        self.seconds += min(now - self.looked, LONGEST_STEP_SECONDS)
        self.looked = now
        if beats != self.seen:
            self.seen, self.seconds = beats, 0.0
        if not beats:
            return self.seconds > START_SILENCE_SECONDS
        return self.seconds > (job_seconds + OVERTIME_SECONDS if busy else IDLE_SILENCE_SECONDS)
