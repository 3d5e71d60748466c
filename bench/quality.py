"""How good a result looks: SSIMULACRA2 against a full-size reference, resampled by Lanczos in linear light.

The references are made with NumPy and Pillow's floating-point resampler from a full decode: by none of the contenders'
ways. A contender may place its picture a fraction of a pixel beside the reference (a crop's or a canvas' odd pixel);
that is no fault that anybody sees, so each result is first registered: the reference is made for a few sub-pixel shifts
and the nearest one is scored.
"""

import functools
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from ssimulacra2 import compute_ssimulacra2

from bench.cells import FILL, ROTATE, Cell
from bench.contenders import ANGLE

Floats = NDArray[np.float32]
SHIFTS = (0.0, 0.25, -0.25, 0.5, -0.5, 0.75, -0.75, 1.0, -1.0)  # px
WINDOW = 512  # px: the middle of a rotated picture that is scored
STRIDE = 6  # px: every sixth pixel of it each way is registered
TAPS = 3  # Lanczos 3


def score(cell: Cell, source: Path, body: bytes) -> float:
    """SSIMULACRA2 of a result: 100 is the reference itself, 90 cannot be told from it, 70 is high, 50 medium."""
    result = Image.open(io.BytesIO(body)).convert("RGB")
    if cell.work == ROTATE:
        result, reference = _rotated_pair(source, result)
    else:
        reference = _resized(source, result, cell.work == FILL)
    return float(compute_ssimulacra2(_png(reference), _png(result)))


@functools.lru_cache(maxsize=2)
def _linear(source: Path) -> Floats:
    """A full decode in linear light, 0 to 1 (IEC 61966-2-1)."""
    codes = np.arange(256, dtype=np.float32) / 255
    table = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return table[np.asarray(Image.open(source).convert("RGB"))]


def _display(linear: Floats) -> Image.Image:
    clipped = np.clip(linear, 0, 1)
    codes = np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)
    return Image.fromarray(np.round(codes * 255).astype(np.uint8))


def _resized(source: Path, result: Image.Image, cropped: bool) -> Image.Image:
    """The reference for a fit or a centred fill of the result's size."""
    height, width = _linear(source).shape[:2]
    if not cropped:
        return _display(_resample(source, (0, 0, width, height), result.size))
    scale = max(result.width / width, result.height / height)
    left, top = (width - result.width / scale) / 2, (height - result.height / scale) / 2
    candidates = []
    for shift in SHIFTS:
        # Only the side that is cut can lie beside the reference.
        x = min(max(shift / scale if left > top else 0, -left), left)
        y = min(max(shift / scale if top > left else 0, -top), top)
        box = (left + x, top + y, width - left + x, height - top + y)
        candidates.append(_display(_resample(source, box, result.size)))
    return min(candidates, key=lambda candidate: _distance(candidate, result))


def _resample(source: Path, box: tuple[float, float, float, float], size: tuple[int, int]) -> Floats:
    planes = [
        Image.fromarray(np.ascontiguousarray(_linear(source)[:, :, band])).resize(
            size, Image.Resampling.LANCZOS, box=box
        )
        for band in range(3)
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=2)


def _rotated_pair(source: Path, result: Image.Image) -> tuple[Image.Image, Image.Image]:
    """The middle of a rotated result, and the reference for it."""
    middle = _middle(result, WINDOW)
    sparse = np.asarray(middle, np.float32)[::STRIDE, ::STRIDE]
    shifts = [(x, y) for x in SHIFTS for y in SHIFTS]
    nearest = min(
        shifts,
        key=lambda shift: _distance(_display(_rotated(source, result.size, WINDOW, shift, STRIDE)), sparse),
    )
    return middle, _display(_rotated(source, result.size, WINDOW, nearest))


def _middle(image: Image.Image, side: int) -> Image.Image:
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def _rotated(source: Path, canvas: tuple[int, int], side: int, shift: tuple[float, float], stride: int = 1) -> Floats:
    """Each `stride`th of the middle `side` x `side` pixels of the source turned clockwise, sampled by Lanczos 3."""
    linear = _linear(source)
    rows, columns = np.mgrid[0:side:stride, 0:side:stride].astype(np.float64)
    across = columns + (canvas[0] - side) // 2 + 0.5 - canvas[0] / 2 + shift[0]
    down = rows + (canvas[1] - side) // 2 + 0.5 - canvas[1] / 2 + shift[1]
    cosine, sine = math.cos(math.radians(ANGLE)), math.sin(math.radians(ANGLE))
    x = cosine * across + sine * down + linear.shape[1] / 2 - 0.5
    y = -sine * across + cosine * down + linear.shape[0] / 2 - 0.5
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    total, weights = np.zeros((*x.shape, 3)), np.zeros((*x.shape, 1))
    for j in range(1 - TAPS, TAPS + 1):
        for i in range(1 - TAPS, TAPS + 1):
            weight = (_lanczos(x - (left + i)) * _lanczos(y - (top + j)))[..., None]
            total += weight * linear[top + j, left + i]
            weights += weight
    return (total / weights).astype(np.float32)


def _lanczos(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sinc(distance) * np.sinc(distance / TAPS)


def _distance(a: Image.Image, b: Any) -> float:
    return float(np.mean((np.asarray(a, np.float32) - np.asarray(b, np.float32)) ** 2))


def _png(image: Image.Image) -> Any:
    """`compute_ssimulacra2` opens what it is given with Pillow: a file in memory will do."""
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=0)
    file.seek(0)
    return file
