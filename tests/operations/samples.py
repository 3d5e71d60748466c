"""A file of every format that is read, in every kind that the format can hold; all made here."""

import io
import struct
import zlib

import pillow_heif
import pyvips
from PIL import Image, ImageDraw

from tests.operations.drawing import file_of

SIZE = (36, 24)
SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="36" height="24"><rect width="36" height="24" fill="#20a040"%s/>'
    b'<circle cx="12" cy="10" r="8" fill="#e02040"/></svg>'
)

pillow_heif.register_heif_opener()


def scene(mode="RGB", size=SIZE, step=0):
    """A ramp with a disc in it; with alpha, the disc's right half is clear and its hidden colour loud."""
    ramp = [Image.linear_gradient("L").resize(size), Image.linear_gradient("L").rotate(90).resize(size)]
    image = Image.merge("RGB", (*ramp, Image.new("L", size, 60)))
    ImageDraw.Draw(image).ellipse((4 + step, 4, 19 + step, 19), fill=(224, 32, 64))
    if mode == "RGBA":
        image.putalpha(255)
        image.paste((0, 255, 0, 0), (size[0] // 2, 0, *size))
        return image
    return image.convert(mode)


def frames(mode="RGB", count=3):
    return [scene(mode, step=4 * number) for number in range(count)]


def _animated(format_name, mode="RGB", **options):
    first, *rest = frames(mode)
    return file_of(first, format_name, save_all=True, append_images=rest, duration=40, loop=0, **options)


def _sixteen_bits(format_name, bands=3):
    image = pyvips.Image.new_from_memory(scene().tobytes(), *SIZE, 3, "uchar").cast("ushort") * 257
    image = image.cast("ushort").copy(interpretation="rgb16")
    if bands == 1:
        image = image[0].copy(interpretation="grey16")
    if format_name == "png":
        return image.pngsave_buffer(bitdepth=16)
    if format_name == "tiff":
        return image.tiffsave_buffer()
    return image.heifsave_buffer(bitdepth=10, compression=format_name)


def _pages():
    first, *rest = frames()
    return file_of(first, "TIFF", save_all=True, append_images=rest)


def _bmp_with_alpha():
    """A BITMAPV4HEADER with a mask for alpha."""
    width, height = SIZE
    rows = scene("RGBA").transpose(Image.Transpose.FLIP_TOP_BOTTOM).tobytes("raw", "BGRA")
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48)
    head = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, len(rows), 0, 0, 0, 0) + masks
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + len(rows), 0, 0, 14 + len(head)) + head + rows


def _png_of_16_bit_alpha():
    raw = b"".join(
        b"\0" + b"".join(struct.pack(">4H", 65535, 500 * x, 900 * y, 2000 * x) for x in range(30)) for y in range(20)
    )
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 30, 20, 16, 6, 0, 0, 0)), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def _dot(format_name, mode="RGB", **options):
    return file_of(Image.new(mode, (1, 1), "#20a040"), format_name, **options)


def _make():
    opaque, alpha = scene(), scene("RGBA")
    palette = alpha.quantize(32)
    yield "jpg", "opaque", file_of(opaque, "JPEG", quality=95)
    yield "jpg", "grey", file_of(scene("L"), "JPEG", quality=95)
    yield "jpg", "progressive", file_of(opaque, "JPEG", quality=95, progressive=True)
    yield "jpg", "cmyk", file_of(opaque.convert("CMYK"), "JPEG", quality=95)
    yield "jpg", "1x1", _dot("JPEG", quality=95)
    yield "png", "opaque", file_of(opaque)
    yield "png", "alpha", file_of(alpha)
    yield "png", "grey with alpha", file_of(alpha.convert("LA"))
    yield "png", "palette", file_of(palette)
    yield "png", "bilevel", file_of(opaque.convert("1"))
    yield "png", "16-bit", _sixteen_bits("png")
    yield "png", "16-bit grey", _sixteen_bits("png", 1)
    yield "png", "16-bit alpha", _png_of_16_bit_alpha()
    yield "png", "animated", _animated("PNG")
    yield "png", "animated alpha", _animated("PNG", "RGBA")
    yield "png", "1x1", _dot("PNG")
    yield "gif", "opaque", file_of(opaque, "GIF")
    yield "gif", "alpha", file_of(alpha, "GIF")
    yield "gif", "animated", _animated("GIF")
    yield "gif", "animated alpha", _animated("GIF", "RGBA", disposal=2)
    yield "gif", "1x1", _dot("GIF")
    yield "webp", "opaque", file_of(opaque, "WEBP", quality=95)
    yield "webp", "alpha", file_of(alpha, "WEBP", lossless=True)
    yield "webp", "animated", _animated("WEBP", lossless=True)
    yield "webp", "animated alpha", _animated("WEBP", "RGBA", lossless=True)
    yield "webp", "1x1", _dot("WEBP")
    yield "avif", "opaque", file_of(opaque, "AVIF", quality=95)
    yield "avif", "alpha", file_of(alpha, "AVIF", quality=95)
    yield "avif", "16-bit", _sixteen_bits("av1")
    yield "avif", "animated", _animated("AVIF", quality=95)
    yield "avif", "1x1", _dot("AVIF")
    yield "heic", "opaque", file_of(opaque, "HEIF", quality=95)
    yield "heic", "alpha", file_of(alpha, "HEIF", quality=95)
    yield "heic", "16-bit", file_of(Image.frombytes("I;16", SIZE, bytes(range(216)) * 8), "HEIF", quality=95)
    yield "heic", "1x1", _dot("HEIF")
    yield "tiff", "opaque", file_of(opaque, "TIFF")
    yield "tiff", "alpha", file_of(alpha, "TIFF")
    yield "tiff", "cmyk", file_of(opaque.convert("CMYK"), "TIFF")
    yield "tiff", "16-bit", _sixteen_bits("tiff")
    yield "tiff", "pages", _pages()
    yield "tiff", "1x1", _dot("TIFF")
    yield "bmp", "opaque", file_of(opaque, "BMP")
    yield "bmp", "alpha", _bmp_with_alpha()
    yield "bmp", "1x1", _dot("BMP")
    yield "ico", "opaque", file_of(opaque, "ICO", sizes=[(16, 16), (24, 24)])
    yield "ico", "alpha", file_of(alpha, "ICO", sizes=[(24, 24)])
    yield "ico", "1x1", file_of(alpha, "ICO", sizes=[(1, 1)])
    yield "svg", "opaque", SVG % b""
    yield "svg", "alpha", SVG % b' fill-opacity="0.5"'
    yield (
        "svg",
        "1x1",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"><rect width="1" height="1"/></svg>',
    )


SAMPLES = {(format_name, kind): body for format_name, kind, body in _make()}


def decoded(body):
    """All frames of a result."""
    image = Image.open(io.BytesIO(body))
    found = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        found.append(image.convert("RGBA"))
    return found
