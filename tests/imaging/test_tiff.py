import struct

import pytest

from imgfn.core.faults import BadImage
from tests.imaging.rendering import pixels, rendered

COLOUR = (200, 100, 50)
SIDE = 16


def planes_in_tiles(bits: int = 16) -> bytes:
    """A TIFF of one colour, each channel a plane of its own, in tiles: a kind that libvips has not got."""
    tile = SIDE * SIDE * bits // 8
    entries = 11
    after = 8 + 2 + 12 * entries + 4
    offsets, counts, pixels = after + 6, after + 18, after + 30
    tags = [
        *((256, 3, 1, SIDE), (257, 3, 1, SIDE), (258, 3, 3, after), (259, 3, 1, 1), (262, 3, 1, 2), (277, 3, 1, 3)),
        *((284, 3, 1, 2), (322, 3, 1, SIDE), (323, 3, 1, SIDE), (324, 4, 3, offsets), (325, 4, 3, counts)),
    ]
    directory = struct.pack("<H", entries) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    lists = struct.pack("<3H3I3I", *[bits] * 3, *(pixels + tile * plane for plane in range(3)), *[tile] * 3)
    planes = b"".join(struct.pack("<H", value << 8) * (SIDE * SIDE) for value in COLOUR)
    return b"II*\0\x08\0\0\0" + directory + lists + planes


def test_a_kind_of_tiff_that_libvips_cannot_read_is_read_by_pillow():
    image = pixels("format/png", planes_in_tiles())
    assert (image.size, image.convert("RGB").getpixel((3, 3))) == ((SIDE, SIDE), COLOUR)


def test_one_that_neither_can_read_is_refused():
    with pytest.raises(BadImage):
        rendered("format/png", planes_in_tiles()[:-600])
