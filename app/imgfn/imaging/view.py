"""Lazy geometry: what part of a picture is wanted, at which size and turned how. Arithmetic only, no pixel."""

from dataclasses import dataclass, replace

from imgfn.core.output import Box, Size


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways to lay a rectangle: mirrored left to right or not, then so many quarter turns clockwise."""

    quarters: int = 0
    mirrored: bool = False

    def then(self, later: "Orientation") -> "Orientation":
        """This turn followed by `later`, as one."""
        # A mirror swaps the sense of the quarter turns that it is moved past.
        own = -self.quarters if later.mirrored else self.quarters
        return Orientation((later.quarters + own) % 4, self.mirrored != later.mirrored)

    @property
    def inverse(self) -> "Orientation":
        return self if self.mirrored else Orientation(-self.quarters % 4)

    def size(self, size: Size) -> Size:
        """What becomes of a rectangle of `size`."""
        return (size[1], size[0]) if self.quarters % 2 else size

    def box(self, box: Box, size: Size) -> Box:
        """Where `box` in a rectangle of `size` comes to lie."""
        left, top, right, bottom = box
        width, height = size
        if self.mirrored:
            left, right = width - right, width - left
        for _ in range(self.quarters):
            left, top, right, bottom = height - bottom, left, height - top, right
            width, height = height, width
        return left, top, right, bottom


STRAIGHT = Orientation()
MIRROR, FLIP = Orientation(0, True), Orientation(2, True)
# EXIF 2.32, tag 0x0112: how the stored picture is laid to stand upright.
ORIENTATIONS = {
    1: STRAIGHT,
    2: MIRROR,
    3: Orientation(2),
    4: FLIP,
    5: Orientation(3, True),
    6: Orientation(1),
    7: Orientation(1, True),
    8: Orientation(3),
}


def size_of(box: Box) -> Size:
    """Width and height of `box`."""
    return box[2] - box[0], box[3] - box[1]


def whole(size: Size) -> Box:
    """The box that covers `size`."""
    return 0, 0, size[0], size[1]


@dataclass(frozen=True)
class View:
    """A pending crop, resize, crop and turn of a picture, in this order and in its stored coordinates.

    Sizes are those of the true source, never of a decode that was shrunk. Boxes and sizes that methods take are what
    the user sees: after the turn.
    """

    before: Box  # of the source
    target: Size  # what `before` is scaled to
    after: Box  # of the target
    turn: Orientation = STRAIGHT

    @classmethod
    def of(cls, size: Size, turn: Orientation = STRAIGHT) -> "View":
        """All of a picture of `size`, turned."""
        return cls(whole(size), size, whole(size), turn)

    @property
    def size(self) -> Size:
        """Width and height of what the user sees."""
        return self.turn.size(size_of(self.after))

    @property
    def scaled(self) -> bool:
        return self.target != size_of(self.before)

    def crop(self, box: Box) -> "View":
        """Only `box` of what is seen."""
        inner = self.turn.inverse.box(box, self.size)
        if self.scaled:
            return replace(self, after=_shifted(inner, self.after))
        before = _shifted(inner, self.before)
        return replace(View.of(size_of(before), self.turn), before=before)

    def resize(self, size: Size) -> "View | None":
        """All of what is seen, scaled to `size`; None where a resize is already pending: two are not one."""
        if size == self.size:
            return self
        if self.scaled:
            return None
        target = self.turn.inverse.size(size)
        return replace(self, target=target, after=whole(target))

    def turned(self, turn: Orientation) -> "View":
        """What is seen, turned further."""
        return replace(self, turn=self.turn.then(turn))


def _shifted(box: Box, by: Box) -> Box:
    return box[0] + by[0], box[1] + by[1], box[2] + by[0], box[3] + by[1]
