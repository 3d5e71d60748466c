"""From pixels to bytes: the best encoder for each format, with settings chosen by bytes and time."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from PIL import Image

from imgfn.core.faults import ImageTooLarge, InvalidArgument
from imgfn.imaging import kernels, memory
from imgfn.imaging.codecs import effort, png
from imgfn.imaging.codecs.decode import PILLOW, load_plugin
from imgfn.imaging.codecs.metadata import CARRIED, carried_metadata
from imgfn.imaging.codecs.profile import converted, suits
from imgfn.imaging.codecs.quality import quality_for
from imgfn.imaging.picture import Picture
from imgfn.imaging.pixels import Pixels
from imgfn.imaging.timing import timed

LOSSY = ("jpg", "webp", "avif", "heic")
ASK_FOR_BYTES = ("png", "gif", "tiff", "avif", "heic")  # libvips and some of Pillow's plugins; others look at pixels
HUNGRY = ("webp", "avif", "heic")  # they take several times the room of the picture
LARGE_PIXELS = 4_000_000
ALPHA_FLAG = 0x10  # of VP8X, https://developers.google.com/speed/webp/docs/riff_container
MAX_ENCODES = 6  # to fit a picture into so many bytes
MAX_SIDE = {"webp": 16_383, "gif": 65_535, "jpg": 65_535, "avif": 65_536}
WHITE = (255, 255, 255)
FOR_FILMS = {"enable-tpl-model": "0", "enable-global-motion": "0"}  # of libaom: a still needs none of their memory
LIBVIPS_NAMES = {"icc_profile": "icc-profile-data", "exif": "exif-data", "xmp": "xmp-data"}
LIBVIPS_KEEP = {"icc_profile": "icc", "exif": "exif", "xmp": "xmp"}
Records = dict[str, bytes]  # what rides along, by Pillow's names


@dataclass(frozen=True)
class Encoded:
    """A finished file, and what had to be dropped to write it."""

    body: bytes
    content_type: str
    notes: tuple[str, ...]


class _Bytes(Image.Image):
    """A frame as bare bytes for encoders that ask for nothing else. They need the room: the frame is closed."""

    def __init__(self, frame: Image.Image) -> None:
        super().__init__()
        self._mode, self._size = frame.mode, frame.size
        self._bytes = frame.tobytes()
        frame.close()

    def tobytes(self, *_: Any) -> bytes:
        return self._bytes


def encode(picture: Picture) -> Encoded:
    """Write a picture as its output settings say. Nothing else can be done to its frames after that.

    Raises InvalidArgument where no quality fits it into `max_bytes`, ImageTooLarge where the format knows no such
    sides.
    """
    name = picture.format.name
    if max(picture.size) > MAX_SIDE.get(name, max(picture.size)):
        raise ImageTooLarge(
            f"the result would be {picture.width}x{picture.height}",
            expected=f"sides of at most {MAX_SIDE[name]} as {name}",
        )
    pixels, notes = _fitted(picture)
    records, dropped = carried_metadata(picture, pixels.icc)
    quality = quality_for(picture.output, name, picture.source.body, picture.header)
    if len(pixels.frames) > 1:
        write = partial(_ANIMATED[name], pixels, records)
    else:
        still = _png8 if picture.output.format == "png8" else _STILL[name]
        frame = _Bytes(pixels.frames[0]) if name in ASK_FOR_BYTES else pixels.frames[0]
        if name in HUNGRY and frame.width * frame.height > LARGE_PIXELS:
            memory.give_back(0)
        write = partial(still, frame, records, picture.output.interlace)
    body = write(quality)
    most = picture.output.max_bytes
    if most is not None and len(body) > most:
        body, quality = _within(most, write, quality, len(body), name)
        notes = (*notes, f"quality lowered to {quality}: {most} bytes hold no more")
    return Encoded(body, picture.format.content_type, (*notes, *dropped))


def _within(most: int, write: Callable[[int], bytes], quality: int, have: int, name: str) -> tuple[bytes, int]:
    """The best file of at most `most` bytes that is found in `MAX_ENCODES`, and its quality; `quality` has too many."""
    if name not in LOSSY:
        raise InvalidArgument(
            f"the picture has {have} bytes as {name}, which knows no quality",
            parameter="max-bytes",
            expected=f"more bytes, a smaller picture, or a format among {', '.join(LOSSY)}",
        )
    best, fits, too_much = b"", 0, quality
    for _ in range(MAX_ENCODES - 1):
        if too_much - fits <= 1:
            break
        middle = (fits + too_much) // 2
        body = write(middle)
        if len(body) <= most:
            best, fits = body, middle
        else:
            have, too_much = len(body), middle
    if not best:
        raise InvalidArgument(
            f"the picture has {have} bytes even at quality {too_much}",
            parameter="max-bytes",
            expected="more bytes or a smaller picture",
        )
    return best, fits


def _fitted(picture: Picture) -> tuple[Pixels, tuple[str, ...]]:
    """Frames that the format can hold, free of all that rides along, and notes on what it cannot hold."""
    pixels, format_, notes = picture.pixels, picture.format, []
    if picture.header.frames > 1 and len(pixels.frames) == 1 and picture.output.frame is None:
        what = "animation" if picture.header.animated else "pages"
        notes.append(f"{what} dropped: {picture.header.frames} frames, {format_.name} keeps the first")
    frames = pixels.frames
    if not format_.alpha and frames[0].mode == "RGBA":
        if any(_shines_through(frame) for frame in frames):
            notes.append(f"transparency dropped: {format_.name} has none, the picture lies on white")
        frames = tuple(_on_white(frame) for frame in frames)
    if len(frames) > 1:
        pixels = timed(pixels, picture.header.format.name, format_.name)
    icc = pixels.icc if pixels.icc and suits(pixels.icc, frames[0].mode) else None
    if icc and ("icc_profile" not in CARRIED.get(format_.name, ()) or picture.output.keep == "none"):
        frames, icc = tuple(converted(frame, icc, None) for frame in frames), None
    return replace(pixels, frames=frames, icc=icc), tuple(notes)


def _on_white(frame: Image.Image) -> Image.Image:
    page = Image.new("RGB", frame.size, WHITE)
    page.paste(frame, mask=frame.getchannel("A"))
    return page


def _saved(frame: Image.Image, name: str, **options: Any) -> bytes:
    load_plugin(name)
    file = io.BytesIO()
    frame.save(file, PILLOW[name], **options)
    return file.getvalue()


def _jpg(frame: Image.Image, records: Records, interlace: bool, quality: int) -> bytes:
    # As in libvips: from 90 on colour is not halved.
    subsampling = 0 if quality >= 90 else 2
    # Not optimised: 3 % of the bytes are not worth half a millisecond of nine (docs/performance.md).
    return _saved(frame, "jpg", quality=quality, progressive=interlace, subsampling=subsampling, **records)


def _png(frame: Image.Image, records: Records, interlace: bool, quality: int) -> bytes:  # noqa: ARG001  one call for all formats
    if not interlace and records.keys() <= {"icc_profile"}:
        icc = records.get("icc_profile")
        if written := png.encode(frame.tobytes(), frame.size, len(frame.mode), icc):
            return written
    # Level 3 with filters gives four fifths of the bytes of libvips' default, level 6 without, in the same time.
    return _by_libvips(frame, records, "png", compression=3, filter="avg", interlace=interlace)


def _png8(frame: Image.Image, records: Records, interlace: bool, quality: int) -> bytes:  # noqa: ARG001  as above
    """At most 256 colours, with dithering; a third of the bytes."""
    return _by_libvips(frame, records, "png", palette=True, interlace=interlace, **effort.png8_options(_area(frame)))


def _webp(frame: Image.Image, records: Records, interlace: bool, quality: int) -> bytes:  # noqa: ARG001  as above
    return _saved(frame, "webp", quality=quality, method=2, **records)


def _avif(frame: Image.Image, records: Records, interlace: bool, quality: int) -> bytes:  # noqa: ARG001  as above
    return _saved(frame, "avif", quality=quality, speed=8, max_threads=1, advanced=FOR_FILMS, **records)


def _gif(frame: Image.Image, records: Records, interlace: bool, quality: int) -> bytes:  # noqa: ARG001  as above
    if effort.too_large_for_gif(_area(frame)) and frame.mode != "RGBA":
        return _saved(
            effort.with_palette(Image.frombytes(frame.mode, frame.size, frame.tobytes())), "gif", interlace=interlace
        )
    return _by_libvips(frame, {}, "gif", interlace=interlace, **effort.gif_options(_area(frame)))


def _area(frame: Image.Image) -> int:
    return frame.width * frame.height


def _tiff(frame: Image.Image, records: Records, interlace: bool, quality: int) -> bytes:  # noqa: ARG001  as above
    return _by_libvips(frame, dict(records), "tiff", compression="deflate", predictor="horizontal")


def _bmp(frame: Image.Image, records: Records, interlace: bool, quality: int) -> bytes:  # noqa: ARG001  as above
    return _saved(frame, "bmp")


def _heic(frame: Image.Image, records: Records, interlace: bool, quality: int) -> bytes:  # noqa: ARG001  as above
    try:
        return _saved(frame, "heic", quality=quality, **effort.heic_options(_area(frame)), **records)
    except RuntimeError as error:  # x265 takes no very long and thin pictures, and has no rule that could be asked
        raise ImageTooLarge(f"a picture of {frame.width}x{frame.height} cannot be written as heic") from error


def _by_libvips(frame: Image.Image, records: Records, name: str, **options: Any) -> bytes:
    image = kernels.to_vips(frame)
    if orientation := records.pop("orientation", None):
        image = image.copy()
        image.set_type(kernels.vips().GValue.gint_type, "orientation", orientation[0])
    for record, content in records.items():
        image.set_type(kernels.vips().GValue.blob_type, LIBVIPS_NAMES[record], content)
    # Without `keep` libvips writes an EXIF of its own: size, resolution, version.
    keep = "|".join(LIBVIPS_KEEP[record] for record in records) or "none"
    body: bytes = getattr(image, f"{name}save_buffer")(keep=keep, **options)
    return body


_STILL: dict[str, Callable[[Image.Image, Records, bool, int], bytes]] = {
    "jpg": _jpg,
    "png": _png,
    "webp": _webp,
    "avif": _avif,
    "gif": _gif,
    "tiff": _tiff,
    "bmp": _bmp,
    "heic": _heic,
}


def _animated_gif(pixels: Pixels, records: Records, quality: int) -> bytes:  # noqa: ARG001  one call for all formats
    pages = kernels.vips().Image.arrayjoin([kernels.to_vips(_Bytes(frame)) for frame in pixels.frames], across=1).copy()
    vips = kernels.vips()
    pages.set_type(vips.GValue.gint_type, "page-height", pixels.frames[0].height)
    pages.set_type(vips.GValue.array_int_type, "delay", list(pixels.durations))
    pages.set_type(vips.GValue.gint_type, "loop", pixels.loop)
    body: bytes = pages.gifsave_buffer(keep="none", **effort.gif_options(pages.width * pages.height))
    return body


def _animated_webp(pixels: Pixels, records: Records, quality: int) -> bytes:
    body = _saved_all(pixels, "webp", **records, quality=quality, method=2)
    # libwebp cuts off what is clear around a frame, and forgets to say that anything is where the rest is opaque.
    if body[12:16] == b"VP8X" and any(_shines_through(frame) for frame in pixels.frames):
        body = body[:20] + bytes([body[20] | ALPHA_FLAG]) + body[21:]
    return body


def _shines_through(frame: Image.Image) -> bool:
    return frame.mode == "RGBA" and frame.getchannel("A").getextrema()[0] != 255


def _animated_png(pixels: Pixels, records: Records, quality: int) -> bytes:  # noqa: ARG001  as above
    return _saved_all(pixels, "png", **records, compress_level=2)


def _saved_all(pixels: Pixels, name: str, **options: Any) -> bytes:
    first, *rest = pixels.frames
    return _saved(
        first,
        name,
        save_all=True,
        append_images=rest,
        duration=list(pixels.durations),
        loop=pixels.loop,
        **options,
    )


_ANIMATED: dict[str, Callable[[Pixels, Records, int], bytes]] = {
    "gif": _animated_gif,
    "webp": _animated_webp,
    "png": _animated_png,
}
