"""What rides along with the pixels of a result: colour profile, copyright, EXIF and XMP."""

from collections.abc import Callable
from typing import Any

from PIL import ExifTags, Image

from imgfn.core.faults import BadImage
from imgfn.imaging.codecs.decode import guarded, open_libvips, open_pillow
from imgfn.imaging.codecs.exif import read_exif
from imgfn.imaging.picture import Picture

CARRIED = {
    **dict.fromkeys(("jpg", "png", "webp", "avif", "heic"), ("icc_profile", "exif", "xmp")),
    "tiff": ("icc_profile", "xmp", "orientation"),
}
RIGHTS = (ExifTags.Base.Artist, ExifTags.Base.Copyright)


def carried_metadata(picture: Picture, icc: bytes | None) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """What is written with a picture, by Pillow's names, and notes on what was asked for and cannot be.

    The orientation rides along only where it is asked for and not done: with `auto-orient/0`.
    """
    format_name, keep = picture.format.name, picture.output.keep
    records = {"icc_profile": icc} if keep != "none" else {}
    broken: list[str] = []
    if keep == "copyright":
        records["exif"] = _unbroken("exif", lambda: _rights(_exif(picture)), broken)
    elif keep == "all":
        records["exif"] = _unbroken("exif", lambda: _all(picture, _exif(picture)), broken)
        records["xmp"] = _unbroken("xmp", lambda: _xmp(picture), broken)
        if format_name == "tiff" and not picture.output.upright:  # it has a tag for that, and no EXIF here
            records["orientation"] = bytes([picture.header.orientation])
    told = {name: record for name, record in records.items() if record}
    dropped = [name for name in told if name not in CARRIED.get(format_name, ())]
    notes = [f"{name} dropped: the record is broken" for name in broken]
    notes += [f"{name} dropped: {format_name} cannot carry it" for name in dropped if keep == "all"]
    return {name: record for name, record in told.items() if name not in dropped}, tuple(notes)


def _unbroken(name: str, read: Callable[[], bytes | None], broken: list[str]) -> bytes | None:
    """A record, or None and its name in `broken`: it is not needed to show the picture."""
    try:
        return guarded(read)
    except BadImage:
        broken.append(name)
        return None


def _exif(picture: Picture) -> Image.Exif:
    return read_exif(picture.source.body, picture.header)


def _rights(exif: Image.Exif) -> bytes | None:
    """An EXIF record of the artist and copyright tags only."""
    own = Image.Exif()
    for tag in RIGHTS:
        if isinstance(value := exif.get(tag), str) and value:
            # Pillow reads Latin-1 and writes ASCII; bytes pass as they are, whatever they are encoded in.
            own[tag] = value.encode("latin-1", "replace")
    return own.tobytes() if own else None


def _all(picture: Picture, exif: Image.Exif) -> bytes | None:
    if picture.output.upright or picture.header.orientation == 1:
        exif.pop(ExifTags.Base.Orientation, None)
    else:
        exif[ExifTags.Base.Orientation] = picture.header.orientation
    return exif.tobytes() if exif else None


def _xmp(picture: Picture) -> bytes | None:
    source, header = picture.source.body, picture.header
    if header.by_libvips:
        image: Any = open_libvips(source, header.format)
        return image.get("xmp-data") if "xmp-data" in image.get_fields() else None
    record = open_pillow(source, header.format).info.get("xmp")
    return record if isinstance(record, bytes) else None
