"""Pictures that are small on the wire and large, endless or slow inside. Made, never kept."""

import io
import struct
import zlib
from collections.abc import Callable

from PIL import Image

PNG_HEAD = b"\x89PNG\r\n\x1a\n"
GIF_PIXEL = b"\x02\x02\x44\x01\x00"  # LZW, least code size 2: clear, colour 0, end


def png_chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *extra: bytes, depth: int = 1) -> bytes:
    """A grey PNG whose rows are all zero; `extra` chunks stand before its pixels."""
    packer = zlib.compressobj(9)
    row = bytes(1 + (width * depth + 7) // 8)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    return b"".join([PNG_HEAD, png_chunk(b"IHDR", header), *extra, png_chunk(b"IDAT", pixels), png_chunk(b"IEND")])


def png_of_900_megapixels() -> bytes:
    return png(30_000, 30_000)


def png_that_only_claims() -> bytes:
    """2^31-1 pixels a side and nothing behind it."""
    side = 2**31 - 1
    return PNG_HEAD + png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)) + png_chunk(b"IEND")


def webp_of_268_megapixels() -> bytes:
    """34 bytes: a lossless header of 16,384 x 16,384 and almost no pixels."""
    bits = 16_383 | 16_383 << 14
    data = b"\x2f" + struct.pack("<I", bits) + bytes(9)
    return b"RIFF" + struct.pack("<I", 12 + len(data)) + b"WEBPVP8L" + struct.pack("<I", len(data)) + data


def gif(width: int, height: int, frames: int = 1) -> bytes:
    """A GIF of `frames` frames of one pixel on a canvas of that size."""
    frame = b"\x21\xf9\x04\x00\x0a\x00\x00\x00" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + GIF_PIXEL
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0)
    return b"GIF89a" + screen + b"\0\0\0\xff\xff\xff" + frame * frames + b"\x3b"


def gif_of_4_gigapixels() -> bytes:
    """62 bytes or fewer, one frame as large as the canvas."""
    screen = struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return b"GIF89a" + screen + b"\x2c" + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0) + GIF_PIXEL + b"\x3b"


def gif_of_20k_frames() -> bytes:
    return gif(8, 8, 20_000)


def gif_of_200k_frames() -> bytes:
    return gif(8, 8, 200_000)


def apng_of_5k_frames() -> bytes:
    pixels = zlib.compress(b"\0\0")
    chunks = [png_chunk(b"acTL", struct.pack(">II", 5_000, 0))]
    for number in range(5_000):
        sequence = max(0, 2 * number - 1)
        control = struct.pack(">IIIIIHHBB", sequence, 1, 1, 0, 0, 1, 10, 0, 0)
        chunks.append(png_chunk(b"fcTL", control))
        chunks.append(png_chunk(b"fdAT", struct.pack(">I", sequence + 1) + pixels) if number else b"")
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    first, *later = [chunks[0] + chunks[1], *chunks[3:]]
    body = [PNG_HEAD, png_chunk(b"IHDR", header), first, png_chunk(b"IDAT", pixels), *later, png_chunk(b"IEND")]
    return b"".join(body)


def webp_of_5k_frames() -> bytes:
    still = io.BytesIO()
    Image.new("RGB", (1, 1)).save(still, "WEBP", lossless=True)
    pixels = still.getvalue()[12:]
    frame = bytes(6) + bytes(6) + b"\x0a\0\0\0" + pixels
    chunk = b"ANMF" + struct.pack("<I", len(frame)) + frame + bytes(len(frame) % 2)
    head = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + bytes(6) + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    body = b"WEBP" + head + chunk * 5_000
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg(side: int = 256, **options: object) -> bytes:
    out = io.BytesIO()
    Image.radial_gradient("L").resize((side, side)).convert("RGB").save(out, "JPEG", **options)
    return out.getvalue()


def jpeg_of_100k_scans() -> bytes:
    """A progressive JPEG of some megabytes whose last refinement scan comes 100,000 times."""
    plain = jpeg(side=16, progressive=True)
    last = plain.rindex(b"\xff\xda")
    return plain[:last] + plain[last:-2] * 100_000 + b"\xff\xd9"


def ztxt_bomb() -> bytes:
    """300 texts of 1 MB each, packed to 1 kB."""
    return png(
        8, 8, *(png_chunk(b"zTXt", b"k%d\0\0" % number + zlib.compress(bytes(1 << 20), 9)) for number in range(300))
    )


def itxt_bomb() -> bytes:
    return png(8, 8, *(png_chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(bytes(1 << 20), 9)) for _ in range(300)))


def iccp_bomb() -> bytes:
    """A colour profile of 400 MB."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(400)) + packer.flush()
    return png(8, 8, png_chunk(b"iCCP", b"icc\0\0" + packed))


def png_of_500k_chunks() -> bytes:
    return png(8, 8, png_chunk(b"tEXt", b"a\0") * 500_000)


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def jpeg_with(*segments: bytes) -> bytes:
    plain = jpeg()
    return plain[:2] + b"".join(segments) + plain[2:]


def icc_of_255_parts() -> bytes:
    parts = (b"ICC_PROFILE\0" + bytes([number, 255]) + bytes(65_000) for number in range(1, 256))
    return jpeg_with(*(segment(0xE2, part) for part in parts))


def exif(directory: bytes) -> bytes:
    return jpeg_with(segment(0xE1, b"Exif\0\0" + b"II*\0\x08\0\0\0" + directory))


def exif_of_65535_tags() -> bytes:
    """The directory claims 65,535 tags; as many as fit are there."""
    tag = struct.pack("<HHII", 0x010E, 2, 0xFFFF, 8)
    return exif(struct.pack("<H", 65_535) + tag * 5_400)


def exif_loop() -> bytes:
    """Every pointer leads back to the first directory."""
    tags = [struct.pack("<HHII", tag, 4, 1, 8) for tag in (0x8769, 0x8825, 0xA005, 0x014A)]
    return exif(struct.pack("<H", len(tags)) + b"".join(tags) + struct.pack("<I", 8))


def tiff(directories: int, *, loop: bool = False) -> bytes:
    """Grey pictures of one pixel, `directories` of them; with `loop` the last one leads to the first."""
    entries = [(256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 4), (277, 1), (278, 1), (279, 1)]
    size = 2 + 12 * len(entries) + 4
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", tag, 4, 1, n) for tag, n in entries)
    nexts = [8 + size * (number + 1) for number in range(directories - 1)] + [8 if loop else 0]
    return b"II*\0\x08\0\0\0" + b"".join(directory + struct.pack("<I", place) for place in nexts)


def tiff_of_60k_directories() -> bytes:
    return tiff(60_000)


def tiff_loop() -> bytes:
    return tiff(3, loop=True)


def tiff_of_4_gigapixels() -> bytes:
    entries = [(256, 65_535), (257, 65_535), (258, 1), (259, 1), (262, 1), (273, 8), (277, 1), (278, 65_535), (279, 1)]
    return (
        b"II*\0\x08\0\0\0"
        + struct.pack("<H", 9)
        + b"".join(struct.pack("<HHII", t, 4, 1, n) for t, n in entries)
        + bytes(4)
    )


def bmp_of_4_gigapixels() -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, 65_535, 65_535, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 16, 0, 0, 54) + header + bytes(16)


def ico_of_a_bomb() -> bytes:
    """An icon that says 16 x 16 and holds a PNG of 900 megapixels."""
    inner = png_that_only_claims()
    return b"\0\0\1\0\1\0" + struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(inner), 22) + inner


def heif_box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data) + 8) + kind + data


def heif_boxes_all_the_way_down() -> bytes:
    """20,000 boxes inside each other behind an honest brand."""
    inner = b""
    for _ in range(20_000):
        inner = heif_box(b"iprp", inner)
    return heif_box(b"ftyp", b"heic\0\0\0\0heicmif1") + heif_box(b"meta", bytes(4) + inner)


# What each gets, at the upload and when it lies in the store already; 200 where only the metadata is hostile.
BOMBS: dict[Callable[[], bytes], int] = {
    webp_of_268_megapixels: 422,
    png_of_900_megapixels: 422,
    png_that_only_claims: 422,
    gif_of_4_gigapixels: 422,
    bmp_of_4_gigapixels: 422,
    tiff_of_4_gigapixels: 422,
    ico_of_a_bomb: 422,
    gif_of_20k_frames: 422,
    gif_of_200k_frames: 422,
    apng_of_5k_frames: 422,
    webp_of_5k_frames: 422,
    tiff_of_60k_directories: 422,
    tiff_loop: 200,
    jpeg_of_100k_scans: 422,
    ztxt_bomb: 422,
    itxt_bomb: 422,
    iccp_bomb: 422,
    png_of_500k_chunks: 422,
    icc_of_255_parts: 200,
    exif_of_65535_tags: 200,
    exif_loop: 200,
    heif_boxes_all_the_way_down: 422,
}
