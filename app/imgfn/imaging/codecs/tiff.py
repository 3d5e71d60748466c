"""Kinds of TIFF that libvips has not got: samples of any number of bits, planes in tiles, bare YCbCr and CIELAB.

libtiff undoes the compression: it is given the same strips or tiles under a directory that calls their bytes a grey
picture, and the samples are taken out of that. TIFF 6.0: https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf
"""

import array
import math
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from imgfn.core.output import Size
from imgfn.imaging import kernels

WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
STRIPS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES, PLANAR = 273, 274, 277, 278, 279, 284
PREDICTOR, TILE_WIDTH, TILE_LENGTH, TILES, TILE_BYTES, EXTRA, FORMAT, SUBSAMPLING = (
    317,
    322,
    323,
    324,
    325,
    338,
    339,
    530,
)
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, LAB, ICC_LAB = 0, 1, 2, 3, 5, 6, 8, 9
COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3, LAB: 3, ICC_LAB: 3}
LOSSLESS = (1, 5, 8, 32773, 32946, 50000)  # none, LZW, deflate, PackBits, Zstandard
BLACK_IN_LIBVIPS = (6, 34925)  # JPEG in its first TIFF form, and LZMA, which its libtiff has not got
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
LETTERS = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I", 16: "Q", 18: "Q"}  # whole numbers, by type
MAX_ENTRIES, MAX_VALUES = 4096, 4_000_000
DEPTHS = (8, 16, 32)  # that libtiff gives as they are
FULL_RANGE = [[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]]  # BT.601's, as in JPEG


@dataclass(frozen=True)
class Directory:
    """One image file directory: its entries of whole numbers."""

    order: str  # < or >
    entries: dict[int, Sequence[int]]

    def first(self, tag: int, default: int) -> int:
        """The first value of an entry."""
        return self.entries[tag][0] if self.entries.get(tag) else default

    @property
    def size(self) -> Size:
        return self.first(WIDTH, 0), self.first(LENGTH, 0)

    @property
    def bits(self) -> int:
        return self.first(BITS, 1)

    @property
    def samples(self) -> int:
        return self.first(SAMPLES, 1)

    @property
    def kind(self) -> int:
        """Whether its samples are unsigned, signed or floating."""
        return self.first(FORMAT, UNSIGNED)

    @property
    def photometric(self) -> int:
        return self.first(PHOTOMETRIC, BLACK_IS_ZERO)

    @property
    def tiled(self) -> bool:
        return TILES in self.entries

    @property
    def planes(self) -> bool:
        """Whether each channel lies by itself."""
        return self.first(PLANAR, 1) == 2 and self.samples > 1

    @property
    def mode(self) -> str:
        """About what Pillow would call it."""
        if self.photometric == CMYK:
            return "CMYK"
        return "L" if COLOURS.get(self.photometric) == 1 and self.photometric != PALETTE else "RGB"

    def lies_in(self, length: int) -> bool:
        """Whether all pixels lie inside a file of so many bytes; libvips shows bare ones that do not in black."""
        starts, counts = (TILES, TILE_BYTES) if self.tiled else (STRIPS, STRIP_BYTES)
        pieces = zip(self.entries.get(starts, ()), self.entries.get(counts, ()), strict=False)
        return self.first(COMPRESSION, 1) != 1 or max((start + count for start, count in pieces), default=0) <= length


def read_directory(source: bytes, page: int = 0) -> Directory:
    """The directory of a page of a TIFF or BigTIFF. Raises struct.error or ValueError where it is broken."""
    order = "<" if source[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", source, 2)[0] == 43
    number, width, head = ("Q", 20, 8) if big else ("I", 12, 2)
    (at,) = struct.unpack_from(order + number, source, 8 if big else 4)
    for _ in range(page + 1):
        if not at:
            raise ValueError("there is no such page")
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), source, at)
        first, behind = at + head, at + head + width * min(count, MAX_ENTRIES)
        if behind + 4 <= len(source):
            (at,) = struct.unpack_from(order + ("Q" if big and behind + 8 <= len(source) else "I"), source, behind)
        else:
            at = 0
    entries: dict[int, Sequence[int]] = {}
    for entry in range(first, behind, width):
        tag, type_ = struct.unpack_from(order + "HH", source, entry)
        (length,) = struct.unpack_from(order + number, source, entry + 4)
        if type_ not in LETTERS or not 0 < length <= MAX_VALUES:
            continue
        layout = f"{order}{length}{LETTERS[type_]}"
        place = entry + (12 if big else 8)
        if struct.calcsize(layout) > (8 if big else 4):
            (place,) = struct.unpack_from(order + number, source, place)
        entries[tag] = struct.unpack_from(layout, source, place)
    return Directory(order, entries)


def is_better_by_pillow(source: bytes, page: int) -> bool:
    """Whether libvips would show a page in black and say nothing."""
    return read_directory(source, page).first(COMPRESSION, 1) in BLACK_IN_LIBVIPS


def picture(source: bytes, page: int) -> Any:
    """A page of a kind that libvips reads not at all or wrongly, as a picture of it with 8 bits for each band.

    None for all other kinds. Raises ValueError where the pixels lie outside of the file.
    """
    found = read_directory(source, page)
    if not _is_ours(found):
        return None
    if not found.lies_in(len(source)):
        raise ValueError("the image ends before its pixels do")
    if found.planes:
        bands = [_samples(source, found, plane) for plane in range(found.samples)]
        return _coloured(bands[0].bandjoin(bands[1:]), found)
    return _coloured(_samples(source, found, None), found)


def _is_ours(found: Directory) -> bool:
    bits, kind = found.bits, found.kind
    if found.first(COMPRESSION, 1) not in LOSSLESS or found.photometric not in COLOURS or found.photometric == PALETTE:
        return False
    if len(set(found.entries.get(BITS, (1,)))) > 1 or found.samples < COLOURS[found.photometric]:
        return False
    # A predictor looks at the samples as they are.
    if found.first(PREDICTOR, 1) != 1 and not (found.planes and bits in DEPTHS):
        return False
    if bits not in DEPTHS:
        plain = bits == 1 and found.samples == 1
        return bits == 64 if kind == FLOAT and bits != 16 else kind == UNSIGNED and bits <= 31 and not plain
    if kind != UNSIGNED and found.photometric not in (LAB, ICC_LAB):
        return False
    unsampled = tuple(found.entries.get(SUBSAMPLING, (2, 2))) == (1, 1)
    bare = found.photometric == ICC_LAB or (found.photometric == LAB and bits == 8)
    bare |= found.photometric == YCBCR and unsampled
    return bare or (found.planes and found.tiled)


def _samples(source: bytes, found: Directory, plane: int | None) -> Any:
    """All samples of a picture, or those of one plane, a band for each, 0 to 255."""
    bands = 1 if found.planes else found.samples
    width, height = found.size
    # Tiles are read as strips, one below the other, and laid out afterwards: only so may their rows have any length.
    across, rows = found.first(TILE_WIDTH, 0) if found.tiled else width, found.first(TILE_LENGTH, 0)
    if min(across, width, height) < 1 or (found.tiled and rows < 1):
        raise ValueError("the picture has no size")
    tiles = -(-width // across), -(-height // rows) if found.tiled else 1
    tall = rows * tiles[0] * tiles[1] if found.tiled else height
    length, bits = across * bands, found.bits
    if bits in DEPTHS:
        image = _grey(source, found, plane, (length, tall), bits)
        image = image.cast("uchar", shift=True) if bits > 8 else image
    else:
        image = _grey(source, found, plane, (-(-length * bits // 8), tall), 8)
        image = _of_doubles(image, length, found.order) if bits == 64 else _unpacked(image, bits, found.order)
    image = image.crop(0, 0, length, tall)
    image = image.bandfold(factor=bands) if bands > 1 else image
    return image.grid(rows, *tiles).crop(0, 0, width, height) if found.tiled else image


def _of_doubles(image: Any, width: int, order: str) -> Any:
    values = array.array("d")
    values.frombytes(image.write_to_memory())
    if (order == "<") != (sys.byteorder == "little"):
        values.byteswap()
    floats = array.array("f", values).tobytes()
    return (kernels.vips().Image.new_from_memory(floats, width, image.height, 1, "float") * 255).rint().cast("uchar")


def _unpacked(image: Any, bits: int, order: str) -> Any:
    """Samples of so many bits out of rows of bytes, 0 to 255."""
    period = math.lcm(bits, 8) // 8  # bytes after which it begins anew
    wide = -(-image.width // period) * period
    byte = image.embed(0, 0, wide, image.height).bandfold(factor=period).cast("uint")
    used = min(bits, 16)  # the upper ones
    bands = []
    for number in range(period * 8 // bits):
        start, shift = divmod(number * bits, 8)
        places = range(start, start + 3)
        if bits == 24 and order == "<":
            places = range(start + 2, start - 1, -1)
        first, second, third = (byte[place] if place < period else byte[0] * 0 for place in places)
        value = (((first << 16) | (second << 8) | third) >> (24 - shift - used)) & ((1 << used) - 1)
        bands.append((value * (255 / ((1 << used) - 1))).rint().cast("uchar"))
    return bands[0].bandjoin(bands[1:]).bandunfold() if len(bands) > 1 else bands[0]


def _grey(source: bytes, found: Directory, plane: int | None, size: Size, bits: int) -> Any:
    """What libtiff makes of the strips or tiles as the strips of a grey picture of `size`."""
    starts, counts = (TILES, TILE_BYTES) if found.tiled else (STRIPS, STRIP_BYTES)
    places, sizes = list(found.entries[starts]), list(found.entries[counts])
    if plane is not None:
        share = len(places) // found.samples
        places, sizes = (values[plane * share : (plane + 1) * share] for values in (places, sizes))
    rows = found.first(TILE_LENGTH, 0) if found.tiled else min(found.first(ROWS_PER_STRIP, size[1]), size[1])
    entries = {
        WIDTH: [size[0]],
        LENGTH: [size[1]],
        BITS: [bits],
        COMPRESSION: [found.first(COMPRESSION, 1)],
        PHOTOMETRIC: [BLACK_IS_ZERO],
        FILL_ORDER: [found.first(FILL_ORDER, 1)],
        STRIPS: places,
        SAMPLES: [1],
        ROWS_PER_STRIP: [rows],
        STRIP_BYTES: sizes,
        PREDICTOR: [found.first(PREDICTOR, 1)],
    }
    return kernels.vips().Image.tiffload_buffer(_redirected(source, found.order, entries), fail_on="truncated")


def _redirected(source: bytes, order: str, entries: dict[int, list[int]]) -> bytes:
    """The same file with another directory."""
    at = len(source) + len(source) % 2
    behind = at + 2 + 12 * len(entries) + 4
    table, rest = [], b""
    for tag, values in sorted(entries.items()):
        data = struct.pack(f"{order}{len(values)}I", *values)
        table.append(struct.pack(order + "HHI", tag, 4, len(values)))
        table.append(data if len(data) == 4 else struct.pack(order + "I", behind + len(rest)))
        rest += data if len(data) > 4 else b""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", at)
    directory = struct.pack(order + "H", len(entries)) + b"".join(table) + bytes(4)
    return b"".join([head, source[8:], bytes(len(source) % 2), directory, rest])


def _coloured(image: Any, found: Directory) -> Any:
    """The bands as grey, RGB or CMYK, with alpha where the file says that it has it."""
    photometric = found.photometric
    colours = COLOURS[photometric]
    bands, extra = image[:colours], found.first(EXTRA, 0)
    match photometric:
        case 0:
            bands = bands.invert()
        case 6:
            bands = (bands - [0, 128, 128]).recomb(FULL_RANGE).rint().cast("uchar")
        case 8 | 9:
            if photometric == LAB:  # two's complement
                bands = bands[0].bandjoin([(band + 128) & 255 for band in (bands[1], bands[2])])
            bands = ((bands - [0, 128, 128]) * [100 / 255, 1, 1]).copy(interpretation="lab").colourspace("srgb")
    if photometric == CMYK:
        return bands.copy(interpretation="cmyk")
    kind = "b-w" if colours == 1 else "srgb"
    if extra not in (1, 2) or found.samples <= colours:
        return bands.copy(interpretation=kind)
    bands = bands.bandjoin(image[colours]).copy(interpretation=kind)
    return bands.unpremultiply().rint().cast("uchar") if extra == 1 else bands
