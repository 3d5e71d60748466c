"""The fonts of this machine: found by name, and by the characters that they have."""

import difflib
import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import ImageFont

from imgfn.core.faults import InvalidArgument, WatermarkError
from imgfn.imaging.codecs.decode import guarded

SYSTEM = tuple(map(Path, ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "/System/Library/Fonts")))
SUFFIXES = (".ttf", ".ttc", ".otf", ".otc")
DEFAULT = "wqy-zenhei"  # OSS's own; Debian's package is fonts-wqy-zenhei
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
def _files() -> tuple[Path, ...]:
    return tuple(path for folder in _folders for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES)


@functools.cache
def faces() -> tuple[Face, ...]:
    """Every readable face: those of the named folders first, regular ones before others."""
    found = [face for path in _files() for face in _faces_of(path)]
    # Sorting keeps the order of equals.
    return tuple(sorted(found, key=lambda face: (_is_systems(face.path), not face.regular)))


def find(name: str) -> Face:
    """The face of a file name without its suffix, of a family or of a family and style; case, spaces, - and _ are one.

    A name of OSS whose font is not installed gives the default font, or the first there is. Raises InvalidArgument
    where there is no such font, WatermarkError where there is none at all.
    """
    # Most names are of files: then the others need not be opened.
    for path in _files():
        if _normalize(path.stem) == _normalize(name) and (own := next(_faces_of(path), None)):
            return own
    if not faces():
        raise WatermarkError("the server has no font; its operator can install fonts-wqy-zenhei")
    for wanted in (name, OSS_NAMES.get(name.lower(), name)):
        for face in faces():
            if _normalize(wanted) in (_normalize(face.path.stem), _normalize(face.name)):
                return face
    if name.lower() == DEFAULT:
        return faces()[0]
    if name.lower() in OSS_NAMES:
        return find(DEFAULT)
    near = difflib.get_close_matches(name, {face.name for face in faces()} | {*OSS_NAMES}, n=3, cutoff=0.4)
    raise InvalidArgument(
        f"there is no font {name!r} here",
        parameter="type",
        expected=f"{' or '.join(near) or DEFAULT} as base64",
    )


def installed(name: str) -> bool:
    """Whether `find` gives the very font of this name, and nothing in its place."""
    try:
        face = find(name)
    except (InvalidArgument, WatermarkError):
        return False
    wanted = {_normalize(name), _normalize(OSS_NAMES.get(name.lower(), name))}
    return not wanted.isdisjoint((_normalize(face.path.stem), _normalize(face.name)))


def fallbacks() -> tuple[Face, ...]:
    """One regular face of each file, in the order in which they are asked for characters: colour ones first."""
    first = {face.path: face for face in reversed(faces()) if face.regular}
    return tuple(sorted(first.values(), key=lambda face: (not face.colour, faces().index(face))))


def _is_systems(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in SYSTEM)


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
    return guarded(lambda: ImageFont.truetype(face.path, size, face.index, layout_engine=ImageFont.Layout.RAQM))
