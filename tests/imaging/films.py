"""Animations byte by byte: GIF and APNG whose frames cover a part, clear up behind them and shine through."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from tests.pictures import chunk

Colour = tuple[int, int, int, int]

CLEAR = (0, 0, 0, 0)
PALETTE = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0)]  # of the GIFs; the last one is transparent
KEEP, TO_BACKGROUND, TO_PREVIOUS = "keep", "background", "previous"


@dataclass(frozen=True)
class Patch:
    """One frame: a rectangle of one colour of PALETTE, its left half transparent if `hole`."""

    box: tuple[int, int, int, int]
    colour: int
    disposal: str = KEEP
    hole: bool = False
    over: bool = True  # blended over what lies there; False: put in its place (APNG only)
    delay: int = 100  # milliseconds

    def pixels(self) -> list[list[Colour]]:
        left, top, right, bottom = self.box
        row: list[Colour] = [(*PALETTE[self.colour], 255)] * (right - left)
        if self.hole:
            row[: len(row) // 2] = [CLEAR] * (len(row) // 2)
        return [list(row) for _ in range(bottom - top)]


def composed(size: tuple[int, int], patches: Sequence[Patch]) -> list[list[list[Colour]]]:
    """What is to be seen in each frame (GIF89a, 23; APNG, 'dispose_op')."""
    canvas: list[list[Colour]] = [[CLEAR] * size[0] for _ in range(size[1])]
    shown = []
    for number, patch in enumerate(patches):
        before = [list(row) for row in canvas]
        left, top, right, bottom = patch.box
        for y, row in enumerate(patch.pixels(), top):
            for x, pixel in enumerate(row, left):
                if pixel != CLEAR or not patch.over:
                    canvas[y][x] = pixel
        shown.append([list(row) for row in canvas])
        disposal = TO_BACKGROUND if patch.disposal == TO_PREVIOUS and number == 0 else patch.disposal
        if disposal == TO_PREVIOUS:
            canvas = before
        elif disposal == TO_BACKGROUND:
            for y in range(top, bottom):
                canvas[y][left:right] = [CLEAR] * (right - left)
    return shown


def gif(size: tuple[int, int], patches: Sequence[Patch], repeated: int | None = 0) -> bytes:
    """A GIF of these frames; `repeated` is Netscape's count, None leaves its extension out."""
    codes = {KEEP: 1, TO_BACKGROUND: 2, TO_PREVIOUS: 3}
    body = b"GIF89a" + struct.pack("<HHBBB", *size, 0x91, 0, 0) + bytes(value for colour in PALETTE for value in colour)
    if repeated is not None:
        body += b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", repeated) + b"\0"
    for patch in patches:
        left, top, right, bottom = patch.box
        flags = codes[patch.disposal] << 2 | 1
        body += b"\x21\xf9\x04" + struct.pack("<BHBB", flags, patch.delay // 10, 3, 0)
        body += b"\x2c" + struct.pack("<HHHHB", left, top, right - left, bottom - top, 0)
        indices = [3 if pixel == CLEAR else patch.colour for row in patch.pixels() for pixel in row]
        body += b"\2" + _blocks(_unpacked_lzw(indices)) + b"\0"
    return body + b";"


def _unpacked_lzw(indices: Sequence[int]) -> bytes:
    """Codes of three bits, the table cleared before it grows."""
    codes = [code for at in range(0, len(indices), 2) for code in (4, *indices[at : at + 2])] + [5]
    number = sum(code << 3 * place for place, code in enumerate(codes))
    return number.to_bytes(-(-3 * len(codes) // 8), "little")


def _blocks(data: bytes) -> bytes:
    return b"".join(bytes([len(data[at : at + 255])]) + data[at : at + 255] for at in range(0, len(data), 255))


def apng(size: tuple[int, int], patches: Sequence[Patch], plays: int = 0, default: Colour | None = None) -> bytes:
    """An APNG of these frames; `default` is the colour of a picture that is no frame of it."""
    codes = {KEEP: 0, TO_BACKGROUND: 1, TO_PREVIOUS: 2}
    chunks = [chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 6, 0, 0, 0))]
    chunks.append(chunk(b"acTL", struct.pack(">II", len(patches), plays)))
    number = 0
    if default is not None:
        chunks.append(chunk(b"IDAT", _rows([[default] * size[0]] * size[1])))
    for index, patch in enumerate(patches):
        left, top, right, bottom = patch.box
        control = struct.pack(
            ">IIIIIHHBB",
            number,
            right - left,
            bottom - top,
            left,
            top,
            patch.delay,
            1000,
            codes[patch.disposal],
            patch.over,
        )
        chunks.append(chunk(b"fcTL", control))
        number += 1
        if index == 0 and default is None:
            chunks.append(chunk(b"IDAT", _rows(patch.pixels())))
        else:
            chunks.append(chunk(b"fdAT", struct.pack(">I", number) + _rows(patch.pixels())))
            number += 1
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + chunk(b"IEND", b"")


def _rows(pixels: Sequence[Sequence[Colour]]) -> bytes:
    return zlib.compress(b"".join(b"\0" + bytes(value for pixel in row for value in pixel) for row in pixels))
