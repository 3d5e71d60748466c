"""The arithmetic of resize and crop: sizes in, sizes out, rounding half up as Alibaba OSS does."""

import math
from dataclasses import dataclass

from imgfn.core.faults import InvalidArgument
from imgfn.core.output import Box, Size

ANCHORS = ("nw", "north", "ne", "west", "center", "east", "sw", "south", "se")


@dataclass(frozen=True)
class Fit:
    """What a resize does: scale to `scaled`, then show `canvas` of it; one of the two may be the larger."""

    scaled: Size
    canvas: Size


def fit(size: Size, mode: str, width: int | None, height: int | None, limit: bool) -> Fit:
    """Where a picture of `size` goes for a wanted width, height or both.

    https://help.aliyun.com/zh/oss/user-guide/resize-images-4. With `limit` nothing is enlarged: the source's size comes
    back where the mode would scale it up. With one side `lfit`, `mfit`, `fill` and `pad` keep the proportions, `fixed`
    gives a square.
    """
    if mode == "fixed":
        wanted = (width or height or 1, height or width or 1)
        return _same(size) if limit and (wanted[0] > size[0] or wanted[1] > size[1]) else _same(wanted)
    if width is None or height is None:
        scaled = _by_side(size, width, height)
        return _same(size) if limit and max(scaled) > max(size) else _same(scaled)
    # The side that is scaled less, or more, decides; compared as whole numbers.
    width_is_tighter = width * size[1] <= height * size[0]
    by_width = width_is_tighter if mode in ("lfit", "pad") else not width_is_tighter
    scaled = _by_side(size, width if by_width else None, None if by_width else height)
    if limit and (width > size[0] if by_width else height > size[1]):
        return _same(size)
    return Fit(scaled, (width, height)) if mode in ("fill", "pad") else _same(scaled)


def by_percent(size: Size, percent: int, limit: bool) -> Fit:
    """Both sides scaled to `percent`."""
    if limit and percent > 100:
        return _same(size)
    return _same((_scaled(size[0], percent, 100), _scaled(size[1], percent, 100)))


def sides(size: Size, longest: int | None, shortest: int | None) -> tuple[int | None, int | None]:
    """Width and height that the source's longer and shorter side are to have."""
    return (longest, shortest) if size[0] >= size[1] else (shortest, longest)


def times(side: int | None, ratio: float) -> int | None:
    """A side that may be unknown, scaled; rounded half up, at least 1."""
    return None if side is None else max(1, math.floor(side * ratio + 0.5))


def anchored(size: Size, inner: Size, anchor: str, x: int = 0, y: int = 0) -> tuple[int, int]:
    """Left and top of `inner` in `size` at one of nine anchors, moved by x and y."""
    column, row = ANCHORS.index(anchor) % 3, ANCHORS.index(anchor) // 3
    return column * (size[0] - inner[0]) // 2 + x, row * (size[1] - inner[1]) // 2 + y


def crop_box(size: Size, wanted: Size, anchor: str, x: int, y: int) -> Box:
    """The box that a crop keeps: at the anchor, moved, clipped at the edge; a side of 0 means all.

    https://help.aliyun.com/zh/oss/user-guide/custom-crop. Raises InvalidArgument where the origin lies outside.
    """
    width, height = min(wanted[0] or size[0], size[0]), min(wanted[1] or size[1], size[1])
    left, top = anchored(size, (width, height), anchor, x, y)
    for key, origin, side in (("x", left, size[0]), ("y", top, size[1])):
        if origin >= side:
            raise InvalidArgument(
                f"crop starts at {key} {origin}, outside the picture of {size[0]}x{size[1]}",
                parameter=key,
                expected=f"an origin below {side}",
            )
    return left, top, min(left + width, size[0]), min(top + height, size[1])


def _same(size: Size) -> Fit:
    return Fit(size, size)


def _by_side(size: Size, width: int | None, height: int | None) -> Size:
    """One side given, the other in proportion."""
    if width is not None:
        return width, _scaled(size[1], width, size[0])
    height = height or 1
    return _scaled(size[0], height, size[1]), height


def _scaled(side: int, numerator: int, denominator: int) -> int:
    """side x numerator / denominator, rounded half up in whole numbers, at least 1."""
    return max(1, (2 * side * numerator + denominator) // (2 * denominator))
