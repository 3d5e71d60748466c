"""The frames of an APNG as they are to be seen (PNG, third edition, 11.3.6).

Pillow draws over the picture that the disposal to "previous" is to bring back, so each frame is read by itself here.
"""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PIL import Image

from imgfn.core.output import Box, Size
from imgfn.imaging.codecs.structure import png_chunks
from imgfn.imaging.view import size_of

TO_BACKGROUND, TO_PREVIOUS = 1, 2
IN_PLACE = 0  # of the two ways to blend; 1 is over what lies there
CLEAR = (0, 0, 0, 0)
FOR_COLOURS = (b"PLTE", b"tRNS")  # what the pixels of all frames are read with


@dataclass(frozen=True)
class Control:
    """What fcTL says of a frame."""

    box: Box
    milliseconds: int
    disposal: int
    blend: int


def frames(source: bytes, eight_bits: Callable[[Image.Image], Image.Image]) -> Iterator[Image.Image]:
    """All frames, RGBA, each with its `duration` in milliseconds; `eight_bits` makes L, RGB or RGBA of any mode.

    Raises ValueError where one lies outside of the picture, and what Pillow raises for broken pixels.
    """
    header = source[16:29]
    size = struct.unpack_from(">II", header)
    canvas = Image.new("RGBA", size, CLEAR)
    first = True
    for control, patch in _patches(source, header, size):
        drawn = eight_bits(patch).convert("RGBA")
        # "If the first fcTL uses APNG_DISPOSE_OP_PREVIOUS, it is treated as APNG_DISPOSE_OP_BACKGROUND."
        disposal = TO_BACKGROUND if first and control.disposal == TO_PREVIOUS else control.disposal
        before = canvas.crop(control.box) if disposal == TO_PREVIOUS else None
        if control.blend == IN_PLACE:
            canvas.paste(drawn, control.box)
        else:
            canvas.alpha_composite(drawn, control.box[:2])
        shown = canvas.copy()
        shown.info["duration"] = control.milliseconds
        yield shown
        if disposal == TO_BACKGROUND:
            canvas.paste(CLEAR, control.box)
        elif before is not None:
            canvas.paste(before, control.box)
        first = False


def _patches(source: bytes, header: bytes, size: Size) -> Iterator[tuple[Control, Image.Image]]:
    """Each frame's control and its pixels."""
    shared: list[tuple[bytes, bytes]] = []
    control: Control | None = None
    data: list[bytes] = []
    for kind, start, length in png_chunks(source):
        content = source[start : start + length]
        if kind in (b"fcTL", b"IEND"):
            if control and data:
                yield control, _picture(header, control, shared, data)
            control, data = (_control(content, size) if kind == b"fcTL" else None), []
        elif kind in FOR_COLOURS:
            shared.append((kind, content))
        elif kind == b"IDAT" and control:  # without a control it is no frame
            data.append(content)
        elif kind == b"fdAT":
            data.append(content[4:])
    if control and data:
        yield control, _picture(header, control, shared, data)


def _control(content: bytes, size: Size) -> Control:
    _, width, height, left, top, over, under, disposal, blend = struct.unpack_from(">IIIIIHHBB", content)
    if not (width and height) or left + width > size[0] or top + height > size[1]:
        raise ValueError("a frame lies outside of the picture")
    return Control((left, top, left + width, top + height), round(1000 * over / (under or 100)), disposal, blend)


def _picture(header: bytes, control: Control, shared: list[tuple[bytes, bytes]], data: list[bytes]) -> Image.Image:
    """A frame as a picture of its own."""
    own = struct.pack(">II", *size_of(control.box)) + header[8:]
    chunks = [(b"IHDR", own), *shared, (b"IDAT", b"".join(data)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))
        for kind, content in chunks
    )
    image = Image.open(io.BytesIO(b"\x89PNG\r\n\x1a\n" + body), formats=["PNG"])
    image.load()
    return image
