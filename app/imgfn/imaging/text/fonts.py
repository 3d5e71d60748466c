"""The fonts of this machine and those that come with imgfn: found by name, and by the characters that they have."""

import difflib
import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import ImageFont, features

from imgfn.imaging.codecs.decode import guarded

SYSTEM = tuple(map(Path, ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "/System/Library/Fonts")))
SUFFIXES = (".ttf", ".ttc", ".otf", ".otc")
DEFAULT = "wqy-zenhei"  # OSS's own; Debian's package is fonts-wqy-zenhei
# Cut out of Noto's by tools/cut_font.py: GB 2312, Latin, kana and punctuation; more Latin, Greek and Cyrillic.
PACKAGED = (Path(__file__).with_name("imgfn-sans.otf"), Path(__file__).with_name("imgfn-sans-latin.ttf"))
# https://help.aliyun.com/zh/oss/user-guide/add-watermarks: OSS's names for fonts that call themselves otherwise.
OSS_NAMES = {
    "wqy-zenhei": "WenQuanYi Zen Hei",
    "wqy-microhei": "WenQuanYi Micro Hei",
    "fangzhengshusong": "FZShuSong-Z01",
    "fangzhengkaiti": "FZKai-Z03",
    "fangzhengheiti": "FZHei-B01",
    "fangzhengfangsong": "FZFangSong-Z02",
    "droidsansfallback": "Droid Sans Fallback",
}
BITMAP_SIZE = 109  # of the one set of pictures in a CBDT font
NEAR = 0.6  # how alike two names are, of 1, where one may be meant as the other

_folders: tuple[Path, ...] = SYSTEM


@dataclass(frozen=True)
class Face:
    """One face of a font file."""

    path: Path
    index: int  # in a collection
    name: str  # family and style: DejaVu Sans Bold
    regular: bool
    colour: bool  # pictures of one size, as emoji have them

    def at(self, size: int) -> ImageFont.FreeTypeFont:
        """Ready to draw `size` pixels high; a colour face at its own size."""
        return _opened(self, BITMAP_SIZE if self.colour else size)

    def has(self, text: str) -> bool:
        """Whether there is a glyph for each character."""
        return _characters(self.path, self.index).issuperset(map(ord, text))


def set_font_dirs(folders: Iterable[Path]) -> None:
    """Have this process find fonts in these folders first, then in the system's."""
    global _folders  # fonts are the machine's, as modules are: set once, at the start
    _folders = (*folders, *SYSTEM)
    _files.cache_clear()
    faces.cache_clear()


@functools.cache
def shapes() -> bool:
    """Whether raqm can join letters and order directions here: Pillow's own needs libfribidi0 of the system."""
    return bool(features.check("raqm"))


@functools.cache
def _files() -> tuple[Path, ...]:
    found = (path for folder in _folders for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES)
    return (*found, *PACKAGED)


@functools.cache
def faces() -> tuple[Face, ...]:
    """Every readable face: those of the named folders, the system's, the packaged ones; regular ones before others."""
    found = [face for path in _files() for face in _faces_of(path)]
    # Sorting keeps the order of equals.
    return tuple(sorted(found, key=lambda face: (_rank(face.path), not face.regular)))


def find(name: str) -> Face | None:
    """The face of a file name without its suffix, of a family or of a family and style; case, spaces, - and _ are one.

    OSS's names stand for their fonts. None where the font is not installed.
    """
    # Most names are of files: then the others need not be opened.
    for path in _files():
        if _normalize(path.stem) == _normalize(name) and (own := next(_faces_of(path), None)):
            return own
    for wanted in (name, OSS_NAMES.get(name.lower(), name)):
        for face in faces():
            if _normalize(wanted) in (_normalize(face.path.stem), _normalize(face.name)):
                return face
    return None


def stand_in() -> Face:
    """What is drawn with where the font that was asked for is not installed: OSS's default one, else the packaged."""
    return find(DEFAULT) or next(_faces_of(PACKAGED[0]))


def nearest(name: str) -> str | None:
    """The name of an installed font that may have been meant by one that is not."""
    known = {face.name for face in faces()} | {known for known in OSS_NAMES if find(known)}
    near = difflib.get_close_matches(name, known, n=1, cutoff=NEAR)
    return None if name.lower() in OSS_NAMES or not near else near[0]


def fallbacks() -> tuple[Face, ...]:
    """One regular face of each file, in the order in which they are asked for characters: colour ones first."""
    first = {face.path: face for face in reversed(faces()) if face.regular}
    return tuple(sorted(first.values(), key=lambda face: (not face.colour, faces().index(face))))


def _rank(path: Path) -> int:
    return 2 if path in PACKAGED else 1 if any(path.is_relative_to(folder) for folder in SYSTEM) else 0


def _normalize(name: str) -> str:
    plain = re.sub(r"[\s_-]", "", name.lower())
    return plain.removesuffix("regular")


def _faces_of(path: Path) -> Iterator[Face]:
    # Late: only text needs it, and it is slow to import.
    from fontTools.ttLib import TTCollection, TTFont, TTLibError

    try:
        collection = path.suffix.lower() in (".ttc", ".otc")
        fonts = TTCollection(path, lazy=True).fonts if collection else [TTFont(path, lazy=True)]
        for index, font in enumerate(fonts):
            names = font["name"]
            family, style = names.getBestFamilyName() or path.stem, names.getBestSubFamilyName() or "Regular"
            regular = style in ("Regular", "Book", "Roman")
            yield Face(path, index, family if regular else f"{family} {style}", regular, "CBDT" in font)
    except (TTLibError, OSError, KeyError, AssertionError):
        return  # a broken file in a folder of fonts is as good as none


@functools.lru_cache(maxsize=64)
def _characters(path: Path, index: int) -> frozenset[int]:
    from fontTools.ttLib import TTFont

    with TTFont(path, fontNumber=index, lazy=True) as font:
        return frozenset(font.getBestCmap() or ())


@functools.lru_cache(maxsize=64)
def _opened(face: Face, size: int) -> ImageFont.FreeTypeFont:
    engine = ImageFont.Layout.RAQM if shapes() else ImageFont.Layout.BASIC
    return guarded(lambda: ImageFont.truetype(face.path, size, face.index, layout_engine=engine))
