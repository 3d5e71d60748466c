"""EXIF tags by their names."""

from PIL import ExifTags, Image

from imgfn.imaging.codecs.decode import Header, guarded, open_libvips, open_pillow

LONGEST = 200  # characters of one value that are told


def tags_of(source: bytes, header: Header) -> dict[str, str]:
    """The tags of the picture, its camera part and its place, by the names of EXIF 2.32; binary ones are left out.

    Raises BadImage where the record is broken.
    """
    # All of it is guarded: Pillow reads the parts of a record, and their values, when they are asked for.
    return guarded(lambda: _tags_in(read_exif(source, header)))


def _tags_in(exif: Image.Exif) -> dict[str, str]:
    told = {}
    for names, tags in (
        (ExifTags.TAGS, exif),
        (ExifTags.TAGS, exif.get_ifd(ExifTags.IFD.Exif)),
        (ExifTags.GPSTAGS, exif.get_ifd(ExifTags.IFD.GPSInfo)),
    ):
        for number, value in tags.items():
            if number in names and not isinstance(value, bytes | dict):
                told[names[number]] = str(value).strip("\0 ")[:LONGEST]
    return told


def read_exif(source: bytes, header: Header) -> Image.Exif:
    """All of the EXIF record, empty where there is none."""
    if header.by_libvips:
        exif = Image.Exif()
        image = open_libvips(source, header.format)
        if "exif-data" in image.get_fields():
            exif.load(image.get("exif-data"))
        return exif
    return Image.Image.getexif(open_pillow(source, header.format))
