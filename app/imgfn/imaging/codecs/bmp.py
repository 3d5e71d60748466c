"""BMP whose bit fields Pillow does not know: channels of any width in any order.

https://learn.microsoft.com/windows/win32/api/wingdi/ns-wingdi-bitmapv5header
"""

import struct
from dataclasses import dataclass
from typing import Any

from imgfn.core.output import Size
from imgfn.imaging import kernels

BIT_FIELDS = (3, 6)  # BI_BITFIELDS, BI_ALPHABITFIELDS
FORMATS = {16: "ushort", 32: "uint"}
PILLOWS = {  # by bits of a pixel
    16: {(0xF800, 0x7E0, 0x1F, 0), (0x7C00, 0x3E0, 0x1F, 0)},
    32: {
        (0xFF0000, 0xFF00, 0xFF, 0),
        (0xFF000000, 0xFF0000, 0xFF00, 0),
        (0xFF000000, 0xFF00, 0xFF, 0),
        (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
        (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
        (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
        (0xFF000000, 0xFF00, 0xFF, 0xFF0000),
    },
}


@dataclass(frozen=True)
class BitFields:
    """Where the pixels are and which of their bits mean what."""

    size: Size
    bits: int  # of a pixel
    masks: tuple[int, ...]  # red, green, blue, alpha; 0: there is none
    start: int
    upside_down: bool

    @property
    def mode(self) -> str:
        return "RGBA" if self.masks[3] else "RGB"

    def picture(self, source: bytes) -> Any:
        """A picture of libvips, 8 bits for each of RGB or RGBA. Raises ValueError where the pixels are not there."""
        width, height = self.size
        row = -(-width * self.bits // 32) * 4
        pixels = source[self.start : self.start + row * height]
        if len(pixels) < row * height:
            raise ValueError("the image ends before its pixels do")
        image = kernels.vips().Image.new_from_memory(pixels, row * 8 // self.bits, height, 1, FORMATS[self.bits])
        image = image.crop(0, 0, width, height)
        bands = [_band(image, mask) for mask in (self.masks if self.masks[3] else self.masks[:3])]
        if self.masks[3] and bands[3].max() == 0:
            bands[3] = bands[3].invert()  # many programs leave it empty and mean an opaque picture
        made = bands[0].bandjoin(bands[1:]).copy(interpretation="srgb")
        return made.flipver() if self.upside_down else made


def bit_fields(source: bytes) -> BitFields | None:
    """What a BMP says of its bit fields; None where it has none, and where Pillow knows them."""
    if len(source) < 54:
        return None
    (start,) = struct.unpack_from("<I", source, 10)
    (head,) = struct.unpack_from("<I", source, 14)
    if head < 40:
        return None
    width, height, _, bits, compression = struct.unpack_from("<iiHHI", source, 18)
    if compression not in BIT_FIELDS or bits not in FORMATS or width <= 0 or height == 0:
        return None
    count = 4 if head >= 56 or compression == 6 else 3
    if len(source) < 54 + 4 * count:
        return None
    masks = (*struct.unpack_from(f"<{count}I", source, 54), 0)[:4]
    if (masks in PILLOWS[bits] and compression == BIT_FIELDS[0]) or not all(masks[:3]):
        return None
    return BitFields((width, abs(height)), bits, masks, start, height > 0)


def _band(image: Any, mask: int) -> Any:
    """The bits of `mask`, spread over 0 to 255."""
    shift = (mask & -mask).bit_length() - 1
    most = mask >> shift
    values = (image >> shift) & most
    return (values * (255 / most)).rint().cast("uchar")
