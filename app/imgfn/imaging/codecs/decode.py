"""From bytes to what they claim to be: the format, the header, and whether decoding them is affordable."""

import functools
import io
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from PIL import ExifTags, Image, ImageFile, TiffImagePlugin

from imgfn.core.faults import BadImage, Fault, ImageTooLarge, UnsupportedMediaType
from imgfn.core.formats import FORMATS, SNIFF_BYTES, Format, sniff
from imgfn.core.output import Size
from imgfn.imaging import kernels
from imgfn.imaging.codecs import bmp, cicp, tiff, webp
from imgfn.imaging.codecs.damage import damage_of, strictly
from imgfn.imaging.codecs.structure import frames_of
from imgfn.imaging.limits import Limits
from imgfn.imaging.view import ORIENTATIONS, Orientation

T = TypeVar("T")

PILLOW = {
    "jpg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "avif": "AVIF",
    "gif": "GIF",
    "tiff": "TIFF",
    "bmp": "BMP",
    "ico": "ICO",
    "heic": "HEIF",
}
LIBVIPS = {"jpg": "jpegload_source", "avif": "heifload_source"}
# An inch has 96 px (CSS Values 4, 5.2). libvips scales what it draws by dpi / 72, too; SVG_SCALE takes that back.
SVG_DPI, SVG_SCALE = 96, 72 / 96

warnings.simplefilter("error", Image.DecompressionBombWarning)  # Pillow refuses at twice the limit only


@dataclass(frozen=True)
class Header:
    """What a file says of itself. Width and height are as stored, in pixels, before the EXIF orientation."""

    format: Format
    width: int
    height: int
    frames: int = 1  # frames of an animation, pages of a TIFF
    orientation: int = 1  # EXIF, 1 to 8
    mode: str = "RGB"  # Pillow's name for how the colours are stored
    by_libvips: bool = False  # Pillow cannot open it
    colour: cicp.Colour | None = None  # told by numbers; None: by an ICC profile, or sRGB
    notes: tuple[str, ...] = ()  # what is wrong with the file, where that can be seen without decoding it

    @property
    def size(self) -> Size:
        return self.width, self.height

    @property
    def turn(self) -> Orientation:
        """What lays the stored picture upright."""
        return ORIENTATIONS.get(self.orientation, ORIENTATIONS[1])

    @property
    def animated(self) -> bool:
        return self.frames > 1 and self.format.name in ("gif", "png", "webp", "avif")


def inspect(source: bytes, limits: Limits) -> Header:
    """Read the header and check it against `limits`; no pixel is decoded.

    Raises UnsupportedMediaType where the first bytes are of no format that we read, BadImage where the header cannot be
    read, ImageTooLarge where a limit is passed.
    """
    format_ = sniff(source[:SNIFF_BYTES])
    if format_ is None:
        raise UnsupportedMediaType(
            "these bytes are of no image format that we read", expected="one of " + ", ".join(FORMATS)
        )
    # What the inner pictures of an ICO and the later frames of a GIF claim, Pillow sees first.
    Image.MAX_IMAGE_PIXELS = limits.max_pixels
    ImageFile.LOAD_TRUNCATED_IMAGES = not limits.strict
    frames = guarded(lambda: frames_of(source, format_.name, limits))
    notes = guarded(lambda: damage_of(source, format_.name))
    if notes and limits.strict:
        raise BadImage(notes[0].partition(";")[0])
    with nullcontext() if notes else strictly():  # leniently Pillow passes over bombs, too
        header = replace(guarded(lambda: _header(source, format_, frames)), notes=notes)
    if not all(header.size):
        raise BadImage(f"the header says {header.width}x{header.height} pixels")
    limits.check_source(header.size, header.frames)
    return header


def guarded(decode: Callable[[], T]) -> T:
    """The seam to the decoders: what they raise for broken files (it can be anything) becomes BadImage."""
    try:
        return decode()
    except (Fault, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge(
            "the image has too many pixels", expected=f"at most {Image.MAX_IMAGE_PIXELS} pixels"
        ) from error
    except Exception as error:
        raise BadImage("the image is broken or of a kind that we cannot read") from error


@functools.cache
def load_plugin(format_name: str) -> None:
    """Make Pillow ready for AVIF or HEIC. Late: their libraries are large, and web workers never need them."""
    if format_name == "avif":
        from PIL import AvifImagePlugin

        AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # a render has one core
    elif format_name == "heic":
        import pillow_heif

        pillow_heif.register_heif_opener(thumbnails=False)
        pillow_heif.options.DECODE_THREADS = 1


def open_pillow(source: bytes, format_: Format) -> Image.Image:
    """The file as Pillow's lazy image; only its own format's plugin is tried."""
    load_plugin(format_.name)
    return Image.open(io.BytesIO(source), formats=[PILLOW[format_.name]])


def open_libvips(source: bytes, format_: Format, **options: Any) -> Any:
    """The file as a libvips image, decoded as its pixels are asked for; under `strictly` a truncated one fails then."""
    vips = kernels.vips()
    # A source, not a buffer: pyvips copies buffers. The picture reads `source` in place, which has to outlive it.
    read = vips.Source.new_from_memory(source)
    loader = getattr(vips.Image, LIBVIPS.get(format_.name, f"{format_.name}load_source"))
    if format_.name == "svg":
        options |= {"dpi": SVG_DPI, "scale": SVG_SCALE * options.get("scale", 1)}
    return loader(
        read, access="sequential", fail_on="none" if ImageFile.LOAD_TRUNCATED_IMAGES else "truncated", **options
    )


def _header(source: bytes, format_: Format, frames: int) -> Header:
    if format_.name == "webp" and (plain := webp.plain_header(source)):
        size, has_alpha = plain
        return Header(format_, *size, mode="RGBA" if has_alpha else "RGB", by_libvips=True)
    if format_.name in ("webp", "svg"):
        return _header_by_libvips(source, format_)
    if format_.name == "bmp" and (fields := bmp.bit_fields(source)):
        return Header(format_, *fields.size, mode=fields.mode)
    try:
        image = open_pillow(source, format_)
    except Exception:
        # Some builds of Pillow refuse every AVIF with alpha.
        if format_.name == "avif":
            return _header_by_libvips(source, format_)
        if format_.name == "tiff":
            return _header_of_tiff(source, format_, frames)
        raise
    with image:
        size = image.size
        colour = _colour(source, image)
        if format_.name == "avif":
            frames = getattr(image, "n_frames", 1)
            if colour and colour.hdr and frames == 1:
                # Pillow knows 8 bits only.
                return replace(_header_by_libvips(source, format_), colour=colour)
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            _check_strips(tiff.read_directory(source), source)
            # Pillow tells the size as if it were turned already.
            size = (image.tag_v2[ExifTags.Base.ImageWidth], image.tag_v2[ExifTags.Base.ImageLength])
        return Header(
            format_,
            *size,
            frames,
            1 if format_.name == "heic" else _orientation(image),
            image.mode,
            colour=colour,
        )


def _colour(source: bytes, image: Image.Image) -> cicp.Colour | None:
    if image.format == "PNG":
        return cicp.of_png(source)
    return cicp.of_heif(source) if image.format in ("HEIF", "AVIF") and "icc_profile" not in image.info else None


def _orientation(image: Image.Image) -> int:
    try:
        # The class's own getexif of PNG would decode the picture to look behind it.
        told = Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    except Exception:
        return 1
    return told if told in ORIENTATIONS else 1


def _header_of_tiff(source: bytes, format_: Format, frames: int) -> Header:
    """Of a kind that Pillow has not got."""
    found = tiff.read_directory(source)
    _check_strips(found, source)
    orientation = found.first(tiff.ORIENTATION, 1)
    return Header(
        format_, *found.size, frames, orientation if orientation in ORIENTATIONS else 1, found.mode, by_libvips=True
    )


def _check_strips(found: tiff.Directory, source: bytes) -> None:
    """Raise BadImage where a TIFF's bare pixels lie behind the end of the file: libvips shows them black."""
    if not found.lies_in(len(source)):
        raise BadImage("the image ends before its pixels do")


def _header_by_libvips(source: bytes, format_: Format) -> Header:
    image = open_libvips(source, format_)
    fields = image.get_fields()
    # The loader has turned an AVIF already. get_n_pages() says 1 for 10,000 pages and more; the field does not.
    turned = format_.name == "avif" or "orientation" not in fields
    return Header(
        format_,
        image.width,
        image.height,
        image.get("n-pages") if "n-pages" in fields else 1,
        1 if turned or image.get("orientation") not in ORIENTATIONS else image.get("orientation"),
        "RGBA" if image.hasalpha() else "RGB",
        by_libvips=True,
    )
