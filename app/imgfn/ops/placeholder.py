"""Two short texts that a client draws a blurred stand-in from while the picture loads."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from imgfn.core.output import Size

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
Wave = tuple[float, float, float]


def blurhash(image: Image.Image, across: int, down: int) -> str:
    """https://github.com/woltapp/blurhash/blob/master/Algorithm.md of a small RGB picture; 1 to 9 waves each way."""
    width, height = image.size
    pixels = [tuple(_linear(value) for value in pixel) for pixel in _pixels(image)]
    columns = [[math.cos(math.pi * i * x / width) for x in range(width)] for i in range(across)]
    rows = [[math.cos(math.pi * j * y / height) for y in range(height)] for j in range(down)]
    waves: list[Wave] = []
    for row in rows:
        for column in columns:
            weights = [a * b for a in row for b in column]
            scale = (2 if waves else 1) / (width * height)
            red, green, blue = (
                scale * sum(weight * pixel[band] for weight, pixel in zip(weights, pixels, strict=True))
                for band in range(3)
            )
            waves.append((red, green, blue))
    flat, *others = waves
    loudest = max((abs(value) for wave in others for value in wave), default=0.0)
    step = max(0, min(82, math.floor(loudest * 166 - 0.5))) if others else 0
    most = (step + 1) / 166
    size = across - 1 + (down - 1) * 9
    codes = [_digits(size, 1), _digits(step, 1), _digits(_packed([_encoded(value) for value in flat], 256), 4)]
    codes += [_digits(_packed([_step(value / most) for value in wave], 19), 2) for wave in others]
    return "".join(codes)


def _pixels(image: Image.Image) -> list[tuple[int, ...]]:
    """All pixels, row by row."""
    bands = [band.tobytes() for band in image.split()]
    return list(zip(*bands, strict=True))


def _linear(value: int) -> float:
    """sRGB (IEC 61966-2-1) to light, 0 to 1."""
    part = value / 255
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _encoded(light: float) -> int:
    """Undo `_linear`."""
    part = max(0.0, min(1.0, light))
    return int((part * 12.92 if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055) * 255 + 0.5)


def _step(part: float) -> int:
    """-1 to 1 as one of 19 steps, finer near 0."""
    return max(0, min(18, math.floor(math.copysign(math.sqrt(abs(part)), part) * 9 + 9.5)))


def _packed(values: Sequence[int], base: int) -> int:
    number = 0
    for value in values:
        number = number * base + value
    return number


def _digits(number: int, length: int) -> str:
    return "".join(DIGITS[number // 83**place % 83] for place in reversed(range(length)))


def thumbhash(image: Image.Image) -> bytes:
    """https://evanw.github.io/thumbhash of an RGBA picture of at most 100 x 100 pixels."""
    width, height = image.size
    pixels = [tuple(value / 255 for value in pixel) for pixel in _pixels(image)]
    solid = sum(pixel[3] for pixel in pixels)
    mean = [sum(pixel[3] * pixel[band] for pixel in pixels) / solid if solid else 0.0 for band in range(3)]
    has_alpha = solid < width * height
    # What is transparent takes the mean colour; luminance, yellow against blue, red against green.
    colours = [[mean[band] * (1 - p[3]) + p[3] * p[band] for band in range(3)] for p in pixels]
    luminance = [sum(colour) / 3 for colour in colours]
    yellow = [(colour[0] + colour[1]) / 2 - colour[2] for colour in colours]
    red = [colour[0] - colour[1] for colour in colours]

    longest = max(width, height)
    limit = 5 if has_alpha else 7
    across, down = max(1, _rounded(limit * width / longest)), max(1, _rounded(limit * height / longest))
    light = _waves(luminance, image.size, max(3, across), max(3, down))
    chroma = [_waves(channel, image.size, 3, 3) for channel in (yellow, red)]
    alpha = [_waves([pixel[3] for pixel in pixels], image.size, 5, 5)] if has_alpha else []

    landscape = width > height
    head = (
        _rounded(63 * light.mean)
        | _rounded(31.5 + 31.5 * chroma[0].mean) << 6
        | _rounded(31.5 + 31.5 * chroma[1].mean) << 12
        | _rounded(31 * light.loudest) << 18
        | has_alpha << 23
    )
    tail = (
        (down if landscape else across)
        | _rounded(63 * chroma[0].loudest) << 3
        | _rounded(63 * chroma[1].loudest) << 9
        | landscape << 15
    )
    coded = head.to_bytes(3, "little") + tail.to_bytes(2, "little")
    coded += bytes(_rounded(15 * channel.mean) | _rounded(15 * channel.loudest) << 4 for channel in alpha)
    nibbles = [_rounded(15 * wave) for channel in (light, *chroma, *alpha) for wave in channel.waves]
    nibbles += [0] * (len(nibbles) % 2)
    return coded + bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))


@dataclass(frozen=True)
class Waves:
    """One channel as cosines: its mean, the loudest of the others, and these, from 0 to 1 around one half."""

    mean: float
    loudest: float
    waves: tuple[float, ...]


def _waves(channel: Sequence[float], size: Size, across: int, down: int) -> Waves:
    """The cosines in the triangle of low frequencies, without the flat one."""
    width, height = size
    columns = [[math.cos(math.pi / width * i * (x + 0.5)) for x in range(width)] for i in range(across)]
    flat, others = 0.0, []
    for j in range(down):
        row = [math.cos(math.pi / height * j * (y + 0.5)) for y in range(height)]
        # Once down, then across: sums of rows are shared by all waves across.
        sums = [sum(row[y] * channel[x + y * width] for y in range(height)) for x in range(width)]
        for i in range(across):
            if i * down >= across * (down - j):
                break
            wave = sum(a * b for a, b in zip(columns[i], sums, strict=True)) / (width * height)
            if i or j:
                others.append(wave)
            else:
                flat = wave
    loudest = max((abs(wave) for wave in others), default=0.0)
    return Waves(flat, loudest, tuple(0.5 + 0.5 / loudest * wave if loudest else 0.0 for wave in others))


def _rounded(value: float) -> int:
    return math.floor(value + 0.5)
