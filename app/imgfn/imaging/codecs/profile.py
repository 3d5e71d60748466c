"""Colour profiles (ICC.1:2022): whose they can be, and from one to another."""

import functools
import io
from typing import Any

from PIL import Image, ImageChops

LEVELS = (0, 16, 48, 96, 160, 255)
SPOTS = [(red, green, blue) for red in LEVELS for green in LEVELS for blue in LEVELS]
NEAR = 2  # levels


def suits(icc: bytes, mode: str) -> bool:
    """Whether a profile is for grey or RGB as the pixels are (7.2.6)."""
    return icc[16:20] == (b"GRAY" if mode == "L" else b"RGB ")


@functools.lru_cache(64)
def is_srgb(icc: bytes) -> bool:
    """Whether a profile gives what sRGB gives, to the eye.

    One that cannot be used does: its values stay as they are.
    """
    if icc[16:20] != b"RGB ":
        return False
    spots = Image.new("RGB", (len(SPOTS), 1))
    spots.putdata(SPOTS)
    seen = converted(spots, icc, None)
    return all(low <= NEAR and high <= NEAR for low, high in ImageChops.difference(seen, spots).getextrema())  # type: ignore[misc]


def converted(frame: Image.Image, own: bytes | None, wanted: bytes | None) -> Image.Image:
    """The same colours in another profile; None is sRGB.

    A profile that cannot be used leaves the values as they are, as in browsers.
    """
    if own == wanted:
        return frame
    from PIL import ImageCms  # late: web workers import this module and convert nothing

    def profile(icc: bytes | None) -> Any:
        return ImageCms.ImageCmsProfile(io.BytesIO(icc)) if icc else ImageCms.createProfile("sRGB")

    try:
        # sRGB has no grey.
        mode = "RGB" if frame.mode == "L" else frame.mode
        made = ImageCms.profileToProfile(frame, profile(own), profile(wanted), outputMode=mode)
    except (OSError, ImageCms.PyCMSError):
        return frame
    plain = (made or frame).convert(frame.mode)
    plain.info = {}  # it names the new profile there, and Pillow's AVIF and HEIF would write it
    return plain
