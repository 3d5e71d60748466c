"""A line of text as a picture: shaped by raqm, with the font changed where the chosen one lacks a character."""

import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from imgfn.core.faults import InvalidArgument, WatermarkError
from imgfn.core.output import Size
from imgfn.imaging.text import fonts
from imgfn.imaging.text.fonts import Face

ZWJ = "\u200d"
EMOJI_STYLE = "\ufe0f"
EMOJI = range(0x1F000, 0x1FB00)
SKIN_TONES = range(0x1F3FB, 0x1F400)
FLAG_LETTERS = range(0x1F1E6, 0x1F200)
NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
NOT_SHAPED = "letters and marks are not joined: the server has no libfribidi0"


@dataclass(frozen=True)
class Run:
    """Neighbouring characters in one font and one direction."""

    text: str
    face: Face
    leftward: bool
    whole: bool  # the only run: raqm then orders mixed directions itself

    @property
    def direction(self) -> str | None:
        return None if self.whole or not fonts.shapes() else "rtl" if self.leftward else "ltr"


@dataclass(frozen=True)
class Line:
    """Runs from left to right, each with the place of its pen, and the box of it all around the baseline's start."""

    runs: tuple[tuple[Run, float], ...]
    left: int
    top: int
    right: int
    bottom: int
    size: int  # of the font, in pixels
    notes: tuple[str, ...] = ()  # on what is not drawn as it was asked for

    @property
    def box(self) -> Size:
        return self.right - self.left, self.bottom - self.top


def set_line(text: str, font_name: str, size: int) -> Line:
    """Lay out `text` in a font of `size` pixels, in the order in which it is read (UAX 9, for whole runs).

    The box is as high as the chosen font's lines, or higher where a glyph is. Another font stands in for one that is
    not installed. Raises InvalidArgument for control characters, WatermarkError where no font has a character.
    """
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise InvalidArgument("the text has a control character", parameter="text", expected="one line of text")
    chosen = fonts.find(font_name) or fonts.stand_in()
    notes = tuple(_notes(text, font_name, chosen))
    ascent, descent = chosen.at(size).getmetrics()
    placed, pen, left, top, right, bottom = [], 0.0, 0.0, -float(ascent), 0.0, float(descent)
    for run in _ordered(_runs(text, chosen), _reads_leftward(text)):
        font, scale = run.face.at(size), _scale(run.face, size)
        ink = font.getbbox(run.text, anchor="ls", direction=run.direction)
        placed.append((run, pen))
        left, right = min(left, pen + ink[0] * scale), max(right, pen + ink[2] * scale)
        top, bottom = min(top, ink[1] * scale), max(bottom, ink[3] * scale)
        pen += font.getlength(run.text, direction=run.direction) * scale
    # A line of spaces is a line all the same.
    right = max(right, pen, left + 1)
    return Line(tuple(placed), int(left // 1), int(top // 1), int(-(-right // 1)), int(-(-bottom // 1)), size, notes)


def draw_line(line: Line, colour: tuple[int, ...]) -> Image.Image:
    """The line in `colour` on nothing, as RGBA; emoji keep their own colours."""
    mask = Image.new("L", line.box)
    emoji = Image.new("RGBA", line.box)
    pencil = ImageDraw.Draw(mask)
    for run, pen in line.runs:
        place = pen - line.left, -line.top
        if run.face.colour:
            _stamp(emoji, run, place, line.size)
        else:
            pencil.text(place, run.text, 255, run.face.at(line.size), anchor="ls", direction=run.direction)
    opacity = colour[3] if len(colour) == 4 else 255
    drawn = Image.new("RGBA", line.box, (*colour[:3], 0))
    drawn.putalpha(mask.point([level * opacity // 255 for level in range(256)]))
    return Image.alpha_composite(drawn, emoji)


def _notes(text: str, font_name: str, chosen: Face) -> Iterator[str]:
    if fonts.find(font_name) is None:
        near = fonts.nearest(font_name)
        meant = f" (is {near} meant?)" if near else ""
        yield f"the font {font_name} is not installed: {chosen.name} stands in for it{meant}"
    if not fonts.shapes() and any(map(_wants_shaping, text)):
        yield NOT_SHAPED


def _stamp(page: Image.Image, run: Run, place: tuple[float, float], size: int) -> None:
    """Draw a run of a colour face at its own size and lay it on `page`, scaled, its baseline's start at `place`."""
    font, scale = run.face.at(size), _scale(run.face, size)
    left, top, right, bottom = map(int, font.getbbox(run.text, anchor="ls"))
    stamp = Image.new("RGBA", (max(1, right - left), max(1, bottom - top)))
    ImageDraw.Draw(stamp).text((-left, -top), run.text, font=font, anchor="ls", embedded_color=True)
    small = stamp.resize((max(1, round(stamp.width * scale)), max(1, round(stamp.height * scale))))
    x, y = max(0, int(place[0] + left * scale)), max(0, int(place[1] + top * scale))
    page.alpha_composite(
        small.crop((0, 0, min(small.width, page.width - x), min(small.height, page.height - y))), (x, y)
    )


def _scale(face: Face, size: int) -> float:
    return size / fonts.BITMAP_SIZE if face.colour else 1.0


def _runs(text: str, chosen: Face) -> list[Run]:
    """`text` cut where the font or the direction changes; in one piece where the chosen font can draw it all."""
    clusters, leftward = list(_clusters(text)), _reads_leftward(text)
    sides = _directions(clusters, leftward)
    orders_itself = fonts.shapes() or not any(sides)
    if orders_itself and not any(map(_wants_emoji, clusters)) and chosen.has(_drawn(text)):
        return [Run(_piece(clusters, leftward), chosen, leftward, whole=True)]
    told = [(cluster, _face_for(cluster, chosen), side) for cluster, side in zip(clusters, sides, strict=True)]
    pieces = [
        ([cluster for cluster, _, _ in group], *key)
        for key, group in itertools.groupby(told, key=lambda entry: entry[1:])
    ]
    return [Run(_piece(piece, side), face, side, whole=len(pieces) == 1) for piece, face, side in pieces]


def _piece(clusters: Sequence[str], leftward: bool) -> str:
    """What Pillow is given of a run. Without raqm it draws each character from left to right, joiners as boxes."""
    if fonts.shapes():
        return "".join(clusters)
    if not leftward:
        return _drawn("".join(clusters))
    return NUMBER.sub(lambda number: number[0][::-1], _drawn("".join(reversed(clusters))))


def _clusters(text: str) -> Iterator[str]:
    """Characters with what belongs to them: marks, joiners, variation selectors, skin tones."""
    cluster = ""
    for character in text:
        joined = cluster and (
            unicodedata.category(character) in ("Mn", "Me", "Mc", "Cf")
            or cluster[-1] == ZWJ
            or ord(character) in SKIN_TONES
        )
        if cluster and not joined:
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


def _face_for(cluster: str, chosen: Face) -> Face:
    """The first face that can draw the cluster: a colour one for emoji, else the chosen one before all others."""
    others = fonts.fallbacks()
    if not _wants_emoji(cluster):
        others = (chosen, *(face for face in others if not face.colour), *(face for face in others if face.colour))
    else:
        others = (*(face for face in others if face.colour), chosen, *others)
    for face in others:
        if face.has(_drawn(cluster)):
            return face
    raise WatermarkError(
        f"no font of the server can draw {cluster!r}",
        parameter="text",
        expected=f"characters that its fonts have; its operator can install {_package_of(cluster)}",
    )


def _package_of(cluster: str) -> str:
    """Debian's package that most likely has a font for the cluster."""
    if _wants_emoji(cluster):
        return "fonts-noto-color-emoji"
    east_asian = unicodedata.east_asian_width(cluster[0]) in ("W", "F")
    return "fonts-noto-cjk" if east_asian else "fonts-noto-core"


def _wants_emoji(cluster: str) -> bool:
    return any(ord(character) in EMOJI or character == EMOJI_STYLE for character in cluster)


def _wants_shaping(character: str) -> bool:
    """Whether it looks or stands otherwise beside others: right-to-left letters, marks, parts of emoji."""
    if 0xFE00 <= ord(character) <= 0xFE0F:
        return False
    return (
        unicodedata.bidirectional(character) in ("R", "AL")
        or unicodedata.category(character).startswith("M")
        or character == ZWJ
        or ord(character) in SKIN_TONES
        or ord(character) in FLAG_LETTERS
    )


def _drawn(text: str) -> str:
    """`text` without what has no glyph of its own: joiners, direction marks, variation selectors."""
    return "".join(c for c in text if unicodedata.category(c) != "Cf" and not 0xFE00 <= ord(c) <= 0xFE0F)


def _directions(clusters: list[str], leftward: bool) -> list[bool]:
    """For each cluster whether it reads from right to left.

    One without a direction of its own goes with its neighbours where they agree, else with the line (UAX 9, N1 and N2).
    """
    strong = [_direction(cluster) for cluster in clusters]
    before = list(_carried(strong, leftward))
    after = list(_carried(strong[::-1], leftward))[::-1]
    return [
        own if own is not None else (one if one == other else leftward)
        for own, one, other in zip(strong, before, after, strict=True)
    ]


def _carried(directions: list[bool | None], start: bool) -> Iterator[bool]:
    """The last known direction at each place."""
    known = start
    for direction in directions:
        known = known if direction is None else direction
        yield known


def _direction(text: str) -> bool | None:
    """Whether the first character with a direction reads from right to left; None where none has."""
    classes = (unicodedata.bidirectional(character) for character in text)
    return next((found != "L" for found in classes if found in ("L", "R", "AL")), None)


def _reads_leftward(text: str) -> bool:
    return _direction(text) or False


def _ordered(runs: list[Run], leftward: bool) -> list[Run]:
    """Runs as they stand from left to right (UAX 9, rule L2): those against the line's direction are turned around."""
    ordered: list[Run] = []
    for against, group in itertools.groupby(runs, key=lambda run: run.leftward != leftward):
        together = list(group)
        ordered += together[::-1] if against else together
    return ordered[::-1] if leftward else ordered
