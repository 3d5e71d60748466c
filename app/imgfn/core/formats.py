"""The file formats: names, media types, what each can carry, and how its first bytes look."""

import re
from dataclasses import dataclass

SNIFF_BYTES = 1024  # of a file's start, all that `sniff` looks at: an SVG may begin with a long comment


@dataclass(frozen=True)
class Format:
    """One format that is read or written."""

    name: str  # as in format/<name>, and the extension
    content_type: str
    alpha: bool = True
    animation: bool = False
    written: bool = True  # whether results can have it


FORMATS = {
    fmt.name: fmt
    for fmt in (
        Format("jpg", "image/jpeg", alpha=False),
        Format("png", "image/png", animation=True),  # APNG
        Format("webp", "image/webp", animation=True),
        Format("avif", "image/avif"),
        Format("gif", "image/gif", animation=True),
        Format("heic", "image/heic"),
        Format("tiff", "image/tiff"),
        Format("bmp", "image/bmp", alpha=False),
        Format("ico", "image/x-icon", written=False),
        Format("svg", "image/svg+xml", written=False),
    )
}

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_SVG_ROOT = re.compile(rb"<(?:[\w.-]+:)?svg[\s>/]")  # its namespace may have a prefix


def sniff(head: bytes) -> Format | None:
    """The format by magic bytes, whatever names and headers say; None for a format that is not read."""
    name = None
    if head.startswith(b"\xff\xd8\xff"):
        name = "jpg"
    elif head.startswith(b"\x89PNG\r\n\x1a\n"):
        name = "png"
    elif head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        name = "webp"
    elif head[:6] in (b"GIF87a", b"GIF89a"):
        name = "gif"
    elif head[4:8] == b"ftyp":
        name = _sniff_heif(head)
    elif head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        name = "tiff"
    elif (
        head[:2] == b"BM"
        and len(head) >= 18
        and int.from_bytes(head[14:18], "little") in (12, 40, 52, 56, 64, 108, 124)
    ):
        name = "bmp"
    elif head[:4] == b"\0\0\1\0":
        name = "ico"
    elif _looks_like_svg(head):
        name = "svg"
    return FORMATS[name] if name else None


def _sniff_heif(head: bytes) -> str | None:
    """AVIF and HEIC are both ISO-BMFF (ISO/IEC 23008-12): the major brand decides, then the compatible ones."""
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[i : i + 4] for i in range(16, size - 3, 4))]
    if any(brand in _AVIF_BRANDS for brand in brands):
        return "avif"
    return "heic" if any(brand in _HEIC_BRANDS for brand in brands) else None


def _looks_like_svg(head: bytes) -> bool:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text.startswith(b"<"):
        return False
    # HTML that embeds an <svg> is not one.
    lowered = text[:1024].lower()
    if lowered.startswith((b"<?xml", b"<!--", b"<!doctype")):
        return b"<!doctype html" not in lowered and _SVG_ROOT.search(lowered) is not None
    return _SVG_ROOT.match(lowered) is not None
