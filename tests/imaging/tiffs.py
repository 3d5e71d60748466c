"""TIFF files of kinds that no library writes: any number of bits, planes, tiles, sample formats (TIFF 6.0)."""

import struct
from collections.abc import Sequence

UNSIGNED, SIGNED, FLOAT = 1, 2, 3
TYPES = {3: "H", 4: "I"}
Samples = Sequence[Sequence[float]]  # of one pixel after the other: its channels


def packed(values: Sequence[float], bits: int, kind: int, order: str) -> bytes:
    """One row of samples without gaps between them."""
    if kind == FLOAT:
        return struct.pack(order + {16: "e", 32: "f", 64: "d"}[bits] * len(values), *values)
    if bits in (8, 16, 32):
        letter = {8: "B", 16: "H", 32: "I"}[bits]
        return struct.pack(order + (letter.lower() if kind == SIGNED else letter) * len(values), *map(int, values))
    row = 0
    for value in values:
        row = row << bits | int(value)
    gap = -len(values) * bits % 8
    return (row << gap).to_bytes((len(values) * bits + gap) // 8, "big")


def tiff(
    size: tuple[int, int],
    samples: Samples,
    bits: int = 8,
    photometric: int = 2,
    *,
    kind: int = UNSIGNED,
    order: str = "<",
    planes: bool = False,
    tile: int = 0,
    tags: dict[int, Sequence[int]] | None = None,
) -> bytes:
    """A TIFF of `samples`, uncompressed, in one strip (for each plane) or in square tiles of `tile` pixels."""
    width, height = size
    bands = len(samples[0])
    sets = [[band] for band in range(bands)] if planes else [list(range(bands))]
    blocks = []
    for chosen in sets:
        for top in range(0, height, tile or height):
            for left in range(0, width, tile or width):
                rows = []
                for y in range(top, top + (tile or height)):
                    values = [
                        samples[min(y, height - 1) * width + min(x, width - 1)][band]
                        for x in range(left, left + (tile or width))
                        for band in chosen
                    ]
                    rows.append(packed(values, bits, kind, order))
                blocks.append(b"".join(rows))
    start = 8
    offsets = [start + sum(map(len, blocks[:number])) for number in range(len(blocks))]
    counts = [len(block) for block in blocks]
    entries: dict[int, tuple[int, Sequence[int]]] = {
        256: (3, [width]),
        257: (3, [height]),
        258: (3, [bits] * bands),
        259: (3, [1]),
        262: (3, [photometric]),
        277: (3, [bands]),
        284: (3, [2 if planes else 1]),
        339: (3, [kind] * bands),
        **({322: (3, [tile]), 323: (3, [tile]), 324: (4, offsets), 325: (4, counts)} if tile else {}),
        **({} if tile else {273: (4, offsets), 278: (3, [height]), 279: (4, counts)}),
        **{tag: (3, values) for tag, values in (tags or {}).items()},
    }
    pixels = b"".join(blocks)
    directory = start + len(pixels) + len(pixels) % 2
    behind = directory + 2 + 12 * len(entries) + 4
    table, rest = b"", b""
    for tag, (type_, values) in sorted(entries.items()):
        data = struct.pack(order + TYPES[type_] * len(values), *values)
        if len(data) > 4:
            place = struct.pack(order + "I", behind + len(rest))
            rest += data + bytes(len(data) % 2)
        else:
            place = data.ljust(4, b"\0")
        table += struct.pack(order + "HHI", tag, type_, len(values)) + place
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", directory)
    return b"".join(
        [head, pixels, bytes(len(pixels) % 2), struct.pack(order + "H", len(entries)), table, bytes(4), rest]
    )
