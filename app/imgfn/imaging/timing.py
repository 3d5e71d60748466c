"""How often and how fast an animation runs, as each format can say it."""

from dataclasses import replace

from imgfn.imaging.pixels import Pixels

# Browsers play frames of 10 ms and less for 100 ms, whatever the format; other programs do so with GIF only.
HURRIED, INSTEAD = 10, 100
GIF_UNIT = 10  # milliseconds
MOST_MILLISECONDS = {"gif": 655_350, "webp": 0xFFFFFF, "png": 65_535_000}
MOST_RUNS = {"gif": 65_536, "webp": 65_535, "png": 0x7FFFFFFF}


def timed(pixels: Pixels, source: str, target: str) -> Pixels:
    """The delays and the number of runs as they are written in the format `target`.

    In the source's own format a delay stays as it is, elsewhere it becomes what browsers make of it. What GIF's
    hundredths of a second cannot say is made up for by the next frames.
    """
    delays = [
        INSTEAD if delay <= HURRIED and source != target else min(delay, MOST_MILLISECONDS[target])
        for delay in pixels.durations
    ]
    if target == "gif":
        delays = _in_hundredths(delays)
    return replace(pixels, durations=tuple(delays), loop=min(pixels.loop, MOST_RUNS[target]))


def _in_hundredths(delays: list[int]) -> list[int]:
    told, behind = [], 0
    for delay in delays:
        if delay <= HURRIED:
            told.append(delay)
            continue
        hundredths = max(HURRIED // GIF_UNIT + 1, (delay + behind + GIF_UNIT // 2) // GIF_UNIT)
        behind += delay - hundredths * GIF_UNIT
        told.append(hundredths * GIF_UNIT)
    return told
