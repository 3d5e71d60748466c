"""Colour that is told by numbers in place of an ICC profile: cICP, gAMA and cHRM of PNG, nclx of HEIC and AVIF.

ITU-T H.273 numbers primaries and transfer functions; PNG (third edition, 11.3.2) says which chunk wins.
"""

import functools
import struct
from dataclasses import dataclass
from typing import Any

from imgfn.imaging import kernels
from imgfn.imaging.codecs import isobmff
from imgfn.imaging.codecs.structure import png_chunks

Matrix = tuple[tuple[float, ...], ...]
Primaries = tuple[float, ...]  # x and y of red, green, blue and white

D65, D50_XYZ = (0.3127, 0.3290), (0.9642, 1.0, 0.8249)
SRGB: Primaries = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *D65)
PRIMARIES: dict[int, Primaries] = {  # H.273, table 2; what is not here is taken for 1
    1: SRGB,
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *D65),
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *D65),
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *D65),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *D65),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *D65),
}
# H.273, table 3. BT.709's own curve is how cameras record what is shown by about sRGB's, so browsers leave it alone.
GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}
PQ, HLG = 16, 18
NEAR_GAMMA = 0.05  # libpng's PNG_GAMMA_THRESHOLD: less is not to be seen
NEAR_PRIMARIES = 0.005
FAR_GAMMA = (1.7, 2.7)  # outside, 8 bits would show steps: such pictures become sRGB while more bits are at hand
BRADFORD: Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # of ICC's parametric curve of type 3

REFERENCE_WHITE = 203.0  # nits, ITU-R BT.2408: what is as bright as paper
PEAK = 1000.0 / REFERENCE_WHITE  # of a film that does not tell: BT.2100's nominal peak


@dataclass(frozen=True)
class Colour:
    """What the numbers of the pixels mean; None in its place is sRGB."""

    primaries: Primaries
    gamma: float | None = None  # None: sRGB's curve
    transfer: int = 0  # PQ or HLG, else 0

    @property
    def hdr(self) -> bool:
        """Whether white lies below the top, so that tones have to be mapped."""
        return self.transfer in (PQ, HLG)

    @property
    def far(self) -> bool:
        """Whether the pixels are better turned into sRGB at once, from all the bits that there are."""
        return self.hdr or not (self.gamma is None or FAR_GAMMA[0] <= self.gamma <= FAR_GAMMA[1])

    def profile(self, *, grey: bool = False) -> bytes:
        """The same as an ICC profile (ICC.1:2022) for RGB or grey pixels."""
        return _profile(self, grey)


def _of_numbers(primaries: int, transfer: int) -> Colour | None:
    made = Colour(PRIMARIES.get(primaries, SRGB), GAMMAS.get(transfer), transfer if transfer in (PQ, HLG) else 0)
    return None if made == Colour(SRGB) or _is_near(made) else made


def _is_near(colour: Colour) -> bool:
    """Whether this is sRGB to the eye."""
    if colour.hdr or any(abs(a - b) > NEAR_PRIMARIES for a, b in zip(colour.primaries, SRGB, strict=True)):
        return False
    return colour.gamma is None or abs(colour.gamma / 2.2 - 1) <= NEAR_GAMMA


def of_heif(source: bytes) -> Colour | None:
    """What the nclx box of a HEIC or AVIF says of its primary picture."""
    numbers = isobmff.nclx(source)
    return _of_numbers(*numbers) if numbers else None


def of_png(source: bytes) -> Colour | None:
    """What a PNG says of its colours beside an ICC profile: cICP wins over iCCP, that over sRGB, that over the rest."""
    found = {}
    for kind, start, length in png_chunks(source):
        if kind == b"IDAT":
            break
        if kind in (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM"):
            found[kind] = source[start : start + min(length, 32)]
    if len(numbers := found.get(b"cICP", b"")) == 4 and numbers[3] == 1:
        return _of_numbers(numbers[0], numbers[1])
    if b"iCCP" in found or b"sRGB" in found:
        return None
    primaries, gamma = SRGB, None
    if len(found.get(b"cHRM", b"")) == 32:
        white_x, white_y, *others = (value / 100_000 for value in struct.unpack(">8I", found[b"cHRM"]))
        primaries = (*others, white_x, white_y)
    if len(found.get(b"gAMA", b"")) == 4 and any(found[b"gAMA"]):
        gamma = 100_000 / int.from_bytes(found[b"gAMA"], "big")
    made = Colour(primaries, gamma)
    usable = all(0 < primaries[i] < 1 for i in (1, 3, 5, 7)) and (gamma is None or 0.1 < gamma < 10)
    try:
        _ = usable and _to_xyz_d50(primaries)
    except ZeroDivisionError:
        return None
    return made if usable and not _is_near(made) else None


def to_srgb(image: Any, colour: Colour) -> Any:
    """A picture of libvips (8 or 16 bits, one to four bands) as 8 bits in sRGB, the tones of PQ and HLG mapped."""
    grey = image.bands < 3
    if not colour.hdr:
        if grey:  # libvips halves 16 bits of grey under a profile
            image = image[0].bandjoin([image[0], *(image[band] for band in range(image.bands))])
        image = image.copy(interpretation="rgb16" if image.format == "ushort" else "srgb")
        image.set_type(kernels.vips().GValue.blob_type, "icc-profile-data", colour.profile())
        made = image.icc_transform("srgb", embedded=True, intent="relative", depth=8).copy()
        made.remove("icc-profile-data")
        return made[2:].copy(interpretation="b-w") if grey else made
    alpha = None
    if image.bands in (2, 4):
        alpha = image[image.bands - 1]
        alpha = alpha.cast("uchar", shift=True) if alpha.format == "ushort" else alpha
    bands = (image[0].bandjoin([image[0], image[0]])) if grey else image[:3]
    shown = _shown(bands, colour)
    return (shown.bandjoin(alpha) if alpha is not None else shown).copy(interpretation="srgb")


def _shown(bands: Any, colour: Colour) -> Any:
    """Light as BT.2100 has it, brought down to what a screen of reference white can show, in sRGB."""
    vips = kernels.vips()
    wide = bands.format == "ushort"
    steps = vips.Image.identity(ushort=wide) / (65535 if wide else 255)
    if colour.transfer == PQ:  # SMPTE ST 2084
        root = steps ** (1 / 78.84375)
        over = (root > 0.8359375).ifthenelse(root - 0.8359375, 0)
        light = bands.maplut((over / (18.8515625 - root * 18.6875)) ** (1 / 0.1593017578125))
        light = light * (10_000 / REFERENCE_WHITE)
    else:  # ARIB STD-B67, and BT.2100's OOTF for a screen of 1,000 nits
        low, high = steps * steps / 3, (((steps - 0.55991073) / 0.17883277).exp() + 0.28466892) / 12
        light = bands.maplut((steps <= 0.5).ifthenelse(low, high))
        luma = light.recomb([[0.2627, 0.6780, 0.0593]])
        light = light * luma**0.2 * PEAK
    # The curve of Chromium: BT.2408 shows how; the largest band decides, so no hue is turned.
    red, green, blue = light.bandsplit()
    most = red.bandrank([green, blue], index=2)
    light = light * ((most * (1 / PEAK**2) + 1) / (most + 1))
    narrow = _times(_inverse(_to_xyz_d50(SRGB)), _to_xyz_d50(colour.primaries))
    levels = (light.recomb([list(row) for row in narrow]) * 65535).cast("ushort")
    x = vips.Image.identity(ushort=True) / 65535
    curve = (x <= 0.0031308).ifthenelse(x * 12.92, x ** (1 / 2.4) * 1.055 - 0.055)
    return levels.maplut((curve * 255).rint().cast("uchar"))


@functools.lru_cache(16)
def _profile(colour: Colour, grey: bool) -> bytes:
    matrix = _to_xyz_d50(colour.primaries)
    if colour.gamma is None:
        curve = b"para" + bytes(4) + struct.pack(">HH", 3, 0) + _fixed(*SRGB_CURVE)
    else:
        curve = b"para" + bytes(4) + struct.pack(">HH", 0, 0) + _fixed(colour.gamma)
    name = "imgfn".encode("utf-16-be")
    text = b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(name), 28) + name
    tags = {b"desc": text, b"cprt": text, b"wtpt": _xyz(D50_XYZ)}
    if grey:
        tags[b"kTRC"] = curve
    else:
        for band, letter in enumerate((b"r", b"g", b"b")):
            tags[letter + b"XYZ"] = _xyz(tuple(row[band] for row in matrix))
            tags[letter + b"TRC"] = curve
    places: dict[bytes, int] = {}
    table, content, first = b"", b"", 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        if data not in places:
            places[data] = first + len(content)
            content += data + bytes(-len(data) % 4)
        table += struct.pack(">4sII", tag, places[data], len(data))
    size = first + len(content)
    head = struct.pack(
        ">II4s4s4s4s12x4s28xIII",
        size,
        0,
        b"\x04\x30\0\0",
        b"mntr",
        b"GRAY" if grey else b"RGB ",
        b"XYZ ",
        b"acsp",
        *(round(value * 65536) for value in D50_XYZ),
    )
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + content


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(*values)


def _to_xyz_d50(primaries: Primaries) -> Matrix:
    """From linear RGB to XYZ, white adapted to D50 by Bradford's matrix (ICC.1:2022, annex E)."""
    red, green, blue, white = (_of_xy(*primaries[i : i + 2]) for i in (0, 2, 4, 6))
    bare = tuple(zip(red, green, blue, strict=True))
    share = _apply(_inverse(bare), white)
    matrix = tuple(tuple(value * share[band] for band, value in enumerate(row)) for row in bare)
    own, wanted = _apply(BRADFORD, white), _apply(BRADFORD, D50_XYZ)
    scale = tuple(tuple(wanted[i] / own[i] if i == j else 0.0 for j in range(3)) for i in range(3))
    return _times(_times(_inverse(BRADFORD), _times(scale, BRADFORD)), matrix)


def _of_xy(x: float, y: float) -> tuple[float, float, float]:
    return x / y, 1.0, (1 - x - y) / y


def _times(one: Matrix, other: Matrix) -> Matrix:
    return tuple(
        tuple(sum(a * b for a, b in zip(row, column, strict=True)) for column in zip(*other, strict=True))
        for row in one
    )


def _apply(matrix: Matrix, vector: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)


def _inverse(m: Matrix) -> Matrix:
    def minor(i: int, j: int) -> float:
        rows, columns = [r for r in range(3) if r != i], [c for c in range(3) if c != j]
        return m[rows[0]][columns[0]] * m[rows[1]][columns[1]] - m[rows[0]][columns[1]] * m[rows[1]][columns[0]]

    whole = sum((-1) ** j * m[0][j] * minor(0, j) for j in range(3))
    return tuple(tuple((-1) ** (i + j) * minor(j, i) / whole for j in range(3)) for i in range(3))
