"""EXIF tags by their names."""

from PIL import ExifTags, Image

from imgfn.core.faults import Fault
from imgfn.imaging.codecs.decode import Header, open_libvips, open_pillow

LONGEST = 200  # characters of one value that are told


def tags_of(source: bytes, header: Header) -> dict[str, str]:
    """The tags of the picture, its camera part and its place, by the names of EXIF 2.32; binary ones are left out.

    Of a broken record those that can be read: it is not needed to show the picture.
    """
    told: dict[str, str] = {}
    try:
        _tell(read_exif(source, header), told)
    except (Fault, MemoryError):
        raise
    except Exception:  # Pillow reads the parts of a record, and their values, when they are asked for
        return told
    return told


def _tell(exif: Image.Exif, told: dict[str, str]) -> None:
    """Put the tags into `told` one by one."""
    for names, part in (
        (ExifTags.TAGS, None),
        (ExifTags.TAGS, ExifTags.IFD.Exif),
        (ExifTags.GPSTAGS, ExifTags.IFD.GPSInfo),
    ):
        for number, value in (exif if part is None else exif.get_ifd(part)).items():
            if number in names and not isinstance(value, bytes | dict):
                told[names[number]] = str(value).strip("\0 ")[:LONGEST]


def read_exif(source: bytes, header: Header) -> Image.Exif:
    """All of the EXIF record, empty where there is none. What it raises for a broken one can be anything."""
    if header.format.name == "bmp":
        return Image.Exif()
    if header.by_libvips:
        exif = Image.Exif()
        image = open_libvips(source, header.format)
        if "exif-data" in image.get_fields():
            exif.load(image.get("exif-data"))
        return exif
    return Image.Image.getexif(open_pillow(source, header.format))
