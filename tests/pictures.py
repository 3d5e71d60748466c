"""Small pictures, made when a test needs them."""

import io
import struct
import zlib
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageStat

SIZE = (240, 160)
CORNERS = ("red", "lime", "blue", "yellow")  # top left, top right, bottom right, bottom left


def scene(size: tuple[int, int] = SIZE, mode: str = "RGB") -> Image.Image:
    """A picture that no turn or mirror leaves alike, with slopes, edges and fine lines; RGBA has a transparent hole."""
    width, height = size
    across = Image.linear_gradient("L").rotate(90).resize(size)
    down = Image.linear_gradient("L").resize(size)
    image = Image.merge("RGB", (across, down, ImageChops.invert(across)))
    draw = ImageDraw.Draw(image)
    draw.ellipse((width * 0.55, height * 0.15, width * 0.9, height * 0.65), fill=(250, 220, 40))
    draw.rectangle((width * 0.1, height * 0.5, width * 0.35, height * 0.9), fill=(200, 30, 60))
    for x in range(0, width // 3, 4):
        draw.line((x, 0, x, height // 4), fill=(20, 20, 20))
    draw.polygon([(width * 0.4, height * 0.95), (width * 0.5, height * 0.6), (width * 0.7, height * 0.95)], "white")
    if mode == "RGBA":
        hole = Image.new("L", size, 255)
        ImageDraw.Draw(hole).ellipse((width * 0.4, height * 0.3, width * 0.8, height * 0.8), fill=0)
        image.putalpha(hole)
    return image if image.mode == mode else image.convert(mode)


def soft(size: tuple[int, int] = SIZE) -> Image.Image:
    """The scene without edges: what resampling filters agree about."""
    return scene(size).filter(ImageFilter.GaussianBlur(6))


def quarters(size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Four flat colours, one for each corner."""
    image = Image.new("RGB", size)
    draw = ImageDraw.Draw(image)
    half = (size[0] // 2, size[1] // 2)
    for (x, y), colour in zip(((0, 0), (half[0], 0), half, (0, half[1])), CORNERS, strict=True):
        draw.rectangle((x, y, x + half[0] - 1, y + half[1] - 1), fill=colour)
    return image


def encoded(image: Image.Image, format_name: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format_name, **options)
    return file.getvalue()


def opened(body: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(body))
    image.load()
    return image


def animation(format_name: str = "GIF", frames: int = 5, size: tuple[int, int] = (60, 40)) -> bytes:
    """A bar that walks to the right, 80 milliseconds a frame, for ever."""
    pages = []
    for number in range(frames):
        page = Image.new("RGB", size, "navy")
        left = number * size[0] // frames
        ImageDraw.Draw(page).rectangle((left, 0, left + size[0] // frames - 1, size[1]), fill="white")
        pages.append(page)
    return encoded(pages[0], format_name, save_all=True, append_images=pages[1:], duration=80, loop=0)


def oriented(orientation: int, image: Image.Image | None = None) -> bytes:
    """A JPEG that is stored turned and says so: upright it is `image`."""
    stored = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,  # to be turned clockwise: it lies turned the other way
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    upright = image or quarters()
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(upright.transpose(stored) if stored is not None else upright, "JPEG", quality=95, exif=exif)


def png(width: int, height: int, *chunks: tuple[bytes, bytes], colours: int = 2) -> bytes:
    """A PNG header of 8 bits, these dimensions and colour type, then these chunks; no pixel that is not in them."""
    head = struct.pack(">IIBBBBB", width, height, 8, colours, 0, 0, 0)
    data = () if any(kind == b"IDAT" for kind, _ in chunks) else ((b"IDAT", zlib.compress(b"")),)
    parts = [(b"IHDR", head), *chunks, *data, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, content) for kind, content in parts)


def chunk(kind: bytes, content: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def difference(one: Image.Image, other: Image.Image) -> float:
    """How far two pictures of one size are apart: the mean of all levels, 0 to 255; hidden colours do not count."""
    assert one.size == other.size
    mode = "RGBa" if "A" in one.mode + other.mode else "RGB"
    left, right = (
        image.convert("RGBA").convert("RGBa") if mode == "RGBa" else image.convert("RGB") for image in (one, other)
    )
    bands = [ImageChops.difference(a, b) for a, b in zip(left.split(), right.split(), strict=True)]
    return sum(ImageStat.Stat(band).mean[0] for band in bands) / len(bands)
