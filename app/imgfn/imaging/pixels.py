"""From a checked file to pixels: the best decoder for each format, and every kind of colour to 8-bit L, RGB or RGBA."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from PIL import Image, ImageFile, ImageSequence

from imgfn.core.faults import BadImage, InvalidArgument
from imgfn.imaging import kernels
from imgfn.imaging.codecs import apng, bmp, cicp, isobmff, png, tiff, webp
from imgfn.imaging.codecs.damage import DAMAGED, ENDS_EARLY, png_has_a_row, strictly
from imgfn.imaging.codecs.decode import Header, guarded, load_plugin, open_libvips, open_pillow
from imgfn.imaging.raster import RowSource
from imgfn.imaging.view import View, size_of

# How many times the wanted size a JPEG that is decoded smaller must have at least, by what the result is written as.
# Nearer to 1 it is fast and blurs (docs/performance.md); beside the cost of an AVIF a full decode is nothing.
JPEG_MARGIN, JPEG_MARGIN_FOR = 1.5, {"avif": 2.0}
PILLOW_WEBP_PIXELS = 16_000_000  # of a frame: its decoder takes half the time of libvips' and holds it three times
ROUGH_WEBP = 3.0  # times smaller, where edges of blocks cost neither score nor bytes (docs/performance.md)
WIDE = {"I", "I;16", "I;16B", "I;16L", "I;16N"}


@dataclass(frozen=True)
class Pixels:
    """Decoded frames, all of one size and one mode (L, RGB or RGBA), and what belongs to them."""

    frames: tuple[Image.Image, ...]
    durations: tuple[int, ...] = (0,)  # milliseconds for each frame
    loop: int = 0  # how often the animation runs; 0: for ever
    icc: bytes | None = None  # the profile of the pixels; None: sRGB


def load_what_there_is(
    source: bytes, header: Header, view: View, still: bool, page: int | None, margin: float
) -> tuple[Pixels, tuple[str, ...]]:
    """As `load`, of a damaged file as far as it can be read; and notes on that beyond those of its header."""
    if ENDS_EARLY in header.notes or not ImageFile.LOAD_TRUNCATED_IMAGES:
        return load(source, header, view, still, page, margin), ()
    try:
        with strictly():
            return load(source, header, view, still, page, margin), ()
    except BadImage:
        if header.format.name == "png" and not png_has_a_row(source):
            raise
        damaged = replace(header, notes=(DAMAGED,))
        return load(source, damaged, view, still, page, margin), damaged.notes


def load(
    source: bytes, header: Header, view: View, still: bool, page: int | None = None, margin: float = JPEG_MARGIN
) -> Pixels:
    """Decode what `view` shows of a file, without its turn; `still` asks for one frame only: that of number `page`,
    or the one that programs show who know no animation.
    A JPEG is decoded smaller where that leaves `margin` times the wanted size.

    Raises BadImage where the file is broken, InvalidArgument where the page is not of the first one's size.
    """
    if header.format.name == "jpg" and header.mode != "CMYK":
        pixels = guarded(lambda: _load_jpeg(source, header, view, margin))
    elif header.format.name == "tiff" and not header.by_libvips and tiff.is_better_by_pillow(source, page or 0):
        pixels = guarded(lambda: _load_by_pillow(source, header, view, still, page))
    elif _libvips_is_better(header, still, page):
        try:
            pixels = guarded(lambda: _load_by_libvips(source, header, view, page or 0, margin))
        except BadImage:
            # Planes in tiles, JPEG in its first TIFF form: libvips has not got them. 12 bits Pillow shows too dark.
            if header.format.name != "tiff" or header.mode not in ("L", "RGB", "RGBA"):
                raise
            pixels = guarded(lambda: _load_by_pillow(source, header, view, still, page))
    else:
        pixels = guarded(lambda: _load_by_pillow(source, header, view, still, page))
    frames = tuple(_bare(frame) for frame in pixels.frames)
    if header.colour and not header.colour.far and not pixels.icc:
        return replace(pixels, frames=frames, icc=header.colour.profile(grey=frames[0].mode == "L"))
    return replace(pixels, frames=frames)


def _libvips_is_better(header: Header, still: bool, page: int | None) -> bool:
    if header.format.name == "png" and {ENDS_EARLY, DAMAGED}.intersection(header.notes):
        return False  # it shows nothing of such a file
    # libvips sees an APNG's first frame only.
    if header.animated and (not still or (page is not None and header.format.name == "png")):
        return False
    if header.animated and header.format.name == "webp":
        return header.width * header.height > PILLOW_WEBP_PIXELS
    # What HDR has beyond 8 bits is needed to map its tones.
    return header.by_libvips or header.format.name in ("png", "tiff") or header.mode == "CMYK" or _is_hdr(header)


def _is_hdr(header: Header) -> bool:
    return header.colour is not None and header.colour.hdr


def _load_jpeg(source: bytes, header: Header, view: View, margin: float) -> Pixels:
    image = open_pillow(source, header.format)
    shrink = jpeg_shrink(view, margin)
    if shrink > 1:
        image.draft(None, (header.width // shrink, header.height // shrink))
    image.load()
    icc = image.info.get("icc_profile")
    return Pixels((kernels.reshaped(_eight_bits(image), view, (shrink, shrink)),), icc=icc)


def jpeg_shrink(view: View, margin: float) -> int:
    """The factor (1, 2, 4 or 8) by which a JPEG may be decoded smaller for `view` without loss."""
    spare = _shrinks_by(view) / margin
    return next((factor for factor in (8, 4, 2) if factor <= spare), 1)


def _shrinks_by(view: View) -> float:
    have, want = size_of(view.before), view.target
    return min(have[0] / want[0], have[1] / want[1])


def _load_by_libvips(source: bytes, header: Header, view: View, page: int, margin: float) -> Pixels:
    frame, has_profile = _load_by_us(source, header, view)
    if frame is not None and not has_profile:
        return Pixels((frame,))
    options: dict[str, Any] = {"page": page} if page else {}
    if header.format.name == "svg" and view.scaled:
        options["scale"] = max(want / have for have, want in zip(size_of(view.before), view.target, strict=True))
    if header.format.name == "jpg":
        options["shrink"] = jpeg_shrink(view, margin)
    image = None
    if header.format.name == "heic":
        image = heif_16_bits(source)
    elif header.format.name == "tiff":
        image = tiff.picture(source, page)
    if image is None:
        image = open_libvips(source, header.format, **options)
    if page and (image.width, image.height) != header.size:
        raise InvalidArgument(f"page {page} is {image.width}x{image.height}, unlike the first", parameter="frame")
    shrunk = (header.width / image.width, header.height / image.height)
    image, icc = _to_8_bits(image, header.colour)
    if frame is None:
        stream = kernels.VipsStream(image.colourspace("srgb") if image.bands == 2 else image)
        frame = kernels.reshaped(stream, view, shrunk)
    return Pixels((frame,), icc=icc)


def _load_by_us(source: bytes, header: Header, view: View) -> tuple[Image.Image | None, bool]:
    """`view` of what we decode faster than libvips, and whether there is a profile, which libvips reads.

    None for what is broken too: libvips says what becomes of that.
    """
    pixels: RowSource | None = None
    has_profile = False
    if header.colour and header.colour.far:
        return None, has_profile
    match header.format.name:
        case "png" if rows := png.decode(source):
            pixels, has_profile = rows, rows.has_profile
        case "webp":
            pixels = webp.decode(source, header.size, header.mode, roughly=_shrinks_by(view) >= ROUGH_WEBP)
            has_profile = webp.has_profile(source)
    try:
        return (kernels.reshaped(pixels, view) if pixels else None), has_profile
    except png.Broken:
        return None, has_profile


def _to_8_bits(image: Any, colour: cicp.Colour | None) -> tuple[Any, bytes | None]:
    """8 bits for each band, grey or RGB, with or without alpha; and the profile where the colours are still its."""
    icc = image.get("icc-profile-data") if "icc-profile-data" in image.get_fields() else None
    if colour and colour.far:
        return cicp.to_srgb(image, colour), None
    if colour:
        icc = None  # cICP wins over a profile beside it
    image = _whole_bytes(image)
    if image.interpretation == "cmyk":
        # Without a profile of its own libvips assumes its built-in one for coated paper.
        return image.icc_transform("srgb", embedded=True, input_profile="cmyk"), None
    if image.interpretation in ("rgb16", "grey16"):
        grey = image.interpretation == "grey16"
        image = image.cast("uchar", shift=True).copy(interpretation="b-w" if grey else "srgb")
    elif image.interpretation not in ("srgb", "b-w") or image.format != "uchar":
        image, icc = image.colourspace("srgb"), None
    return (image[:4] if image.bands > 4 else image), icc


def _whole_bytes(image: Any) -> Any:
    """Samples of TIFF that are signed, have 32 bits or a fraction (0 to 1), as 8 bits; all others as they are."""
    if image.interpretation in ("lab", "labs", "labq"):
        return image
    bands = "b-w" if image.bands < 3 else "srgb"
    match image.format:
        case "float" | "double":
            # Numbers as they are stored, as ImageMagick takes them; libvips would take them for light.
            return (image * 255).rint().cast("uchar").copy(interpretation=bands)
        case "uint":
            return (image >> 24).cast("uchar").copy(interpretation=bands)
        case "int":
            return (image.cast("uint") >> 24).cast("uchar").copy(interpretation=bands)
        case "short":
            return image.cast("ushort").cast("uchar", shift=True).copy(interpretation=bands)
        case "char":
            return image.cast("uchar").copy(interpretation=bands)
    return image


def heif_16_bits(source: bytes) -> Any:
    """The primary picture of a HEIC as one of libvips, with all the bits that it has."""
    load_plugin("heic")
    import pillow_heif

    image = pillow_heif.open_heif(source, convert_hdr_to_8bit=False, hdr_to_16bit=True, remove_stride=True)
    wide, bands = image.mode.endswith(";16"), len(image.mode.removesuffix(";16"))
    made = kernels.vips().Image.new_from_memory(bytes(image.data), *image.size, bands, "ushort" if wide else "uchar")
    return made.copy(interpretation="rgb16" if wide else "srgb") if bands > 2 else made


def _load_by_pillow(source: bytes, header: Header, view: View, still: bool, page: int | None) -> Pixels:
    if header.format.name == "bmp" and (fields := bmp.bit_fields(source)):
        return Pixels((kernels.reshaped(kernels.VipsStream(fields.picture(source)), view),))
    frames, durations = [], []
    image = open_pillow(source, header.format)
    icc = image.info.get("icc_profile")
    if header.format.name == "png" and header.animated:
        whole = apng.frames(source, _eight_bits)
        wanted: Iterator[Image.Image] = islice(whole, page or 0, (page or 0) + 1) if still else whole
    else:
        wanted = _frames(image, header, still, page or 0)
    for frame in wanted:
        durations.append(round(frame.info.get("duration", 0)))
        # Each frame is made small before the next is decoded.
        frames.append(kernels.reshaped(_in_srgb(_eight_bits(frame), header), view))
    if not frames:
        raise BadImage("the animation has no frames")
    if len({frame.mode for frame in frames}) > 1:
        frames = [frame.convert("RGBA") for frame in frames]
    if header.format.name == "png" and all(_is_opaque(frame) for frame in frames):
        frames = [frame.convert("RGB") for frame in frames]
    return Pixels(tuple(frames), tuple(durations), _plays(source, image), icc)


def _in_srgb(frame: Image.Image, header: Header) -> Image.Image:
    if not (header.colour and header.colour.far):
        return frame
    return kernels.to_pillow(cicp.to_srgb(kernels.to_vips(frame), header.colour))


def _is_opaque(frame: Image.Image) -> bool:
    return frame.mode == "RGBA" and frame.getchannel("A").getextrema()[0] == 255


def _plays(source: bytes, image: Image.Image) -> int:
    """How often an animation runs; 0: for ever."""
    if image.format == "AVIF":
        return isobmff.plays(source)
    if image.format == "GIF":
        # Netscape's extension counts repetitions, all other formats count runs.
        repeated: int | None = image.info.get("loop")
        return 1 if repeated is None else repeated and repeated + 1
    return int(image.info.get("loop", 1))


def _frames(image: Image.Image, header: Header, still: bool, page: int) -> Iterator[Image.Image]:
    if header.animated and not still:
        # Pillow draws each frame over the one before, in the same image, and lets a later frame of a GIF enlarge it.
        yield from (frame.crop((0, 0, *header.size)) for frame in ImageSequence.Iterator(image))
    else:
        if page or header.frames != 1:  # a HEIC opens with its primary picture
            image.seek(page)
        image.load()
        yield image


def _bare(frame: Image.Image) -> Image.Image:
    """Pixels that have forgotten their file: encoders would write the comment and the EXIF that Pillow remembers."""
    if isinstance(frame, ImageFile.ImageFile):
        frame = frame.copy()  # it remembers more than `info`
    frame.info = {}
    return frame


def _eight_bits(image: Image.Image) -> Image.Image:
    """Any mode of Pillow as L, RGB or RGBA."""
    if image.mode in ("L", "RGB", "RGBA"):
        return image
    if image.mode in WIDE:
        return image.convert("I").point(lambda value: value / 256).convert("L")
    if image.mode == "1":
        return image.convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")
