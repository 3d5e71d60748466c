"""Cuts the fonts that imgfn brings along out of Noto's: python tools/cut_font.py [OUTPUT_FOLDER]

Their sources are Debian 12's packages fonts-noto-cjk (1:20220127+repack1-1) and fonts-noto-core (20201225-1), under the
SIL OFL 1.1. The same sources and the fontTools of constraints.txt give the same bytes. The names are others, since the
fonts are: those of the originals would promise all of their characters.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTCollection, TTFont

FONTS = Path(os.environ.get("FONTS", "/usr/share/fonts"))
OUTPUT = Path(__file__).parents[1] / "app" / "imgfn" / "imaging" / "text"
COPYRIGHT, LICENCE, LICENCE_URL = 0, 13, 14  # name IDs that the licence wants kept
# What shapers do unasked. locl would bring the Japanese and Korean forms of every character along.
FEATURES = ("calt", "ccmp", "clig", "kern", "liga", "mark", "mkmk")
ROWS = range(0xA1, 0xFF)  # of GB 2312 in its EUC-CN form, and the cells of each

ALPHABETS = (
    range(0x0020, 0x0250),  # Latin
    range(0x0300, 0x0370),  # marks over and under letters
    range(0x0370, 0x0530),  # Greek, Cyrillic
    range(0x1E00, 0x1F00),  # more Latin: Vietnamese
    range(0x2000, 0x2150),  # punctuation, currencies, letters as signs
)
EAST_ASIAN = (
    range(0x2150, 0x27C0),  # fractions, arrows, operators, circled numbers, lines, shapes
    range(0x3000, 0x3130),  # punctuation, kana, bopomofo
    range(0x31F0, 0x3400),  # small kana, circled and squared letters
    range(0xFE30, 0xFE70),  # punctuation for columns
    range(0xFF00, 0xFFF0),  # full-width Latin, half-width kana
)


def gb2312() -> Iterator[int]:
    """The characters of GB/T 2312-1980 as code points."""
    for row in ROWS:
        for cell in ROWS:
            yield from map(ord, bytes((row, cell)).decode("gb2312", "ignore"))


@dataclass(frozen=True)
class Cut:
    """One font to make."""

    source: str  # in FONTS
    face: str
    family: str
    points: frozenset[int]

    @property
    def file_name(self) -> str:
        return self.family.lower().replace(" ", "-") + Path(self.source).suffix.replace("ttc", "otf")

    def make(self) -> TTFont:
        """The face with only what is wanted of its characters, under its new name."""
        font = _open(FONTS / self.source, self.face)
        options = subset.Options(layout_features=list(FEATURES), glyph_names=False, notdef_outline=True)
        options.name_IDs = [COPYRIGHT, LICENCE, LICENCE_URL]
        options.drop_tables += ["BASE", "VORG", "vhea", "vmtx"]  # for columns
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=self.points)
        cutter.subset(font)
        version = f"Version {font['head'].fontRevision:.3f}; cut from {self.face}"
        postscript = self.family.replace(" ", "") + "-Regular"
        for name_id, text in enumerate((self.family, "Regular", postscript, self.family, version, postscript), 1):
            font["name"].setName(text, name_id, 3, 1, 0x409)
        if "CFF " in font:
            outlines = font["CFF "].cff
            outlines.fontNames = [postscript]
            outlines.topDictIndex[0].rawDict |= {"FullName": self.family, "FamilyName": self.family}
        return font


CUTS = (
    Cut(
        "opentype/noto/NotoSansCJK-Regular.ttc",
        "Noto Sans CJK SC",
        "imgfn Sans",
        frozenset(chain(gb2312(), *ALPHABETS, *EAST_ASIAN)),
    ),
    # Most of what the other one has not got of these: letters with carons, ogoneks, strokes, Greek accents, Vietnamese.
    Cut("truetype/noto/NotoSans-Regular.ttf", "Noto Sans", "imgfn Sans Latin", frozenset(chain(*ALPHABETS))),
)


def _open(path: Path, family: str) -> TTFont:
    fonts: Iterable[TTFont] = (
        TTCollection(path, lazy=True).fonts if path.suffix == ".ttc" else [TTFont(path, lazy=True)]
    )
    font = next(font for font in fonts if font["name"].getBestFamilyName() == family)
    font.recalcTimestamp = False
    return font


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if sys.argv[1:] else OUTPUT
    for cut in CUTS:
        cut.make().save(folder / cut.file_name)
        print(f"{folder / cut.file_name}: {(folder / cut.file_name).stat().st_size:,} bytes")
