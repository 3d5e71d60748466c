"""Colour profiles (ICC.1:2022): whose they can be, and from one to another."""

import io
from typing import Any

from PIL import Image


def suits(icc: bytes, mode: str) -> bool:
    """Whether a profile is for grey or RGB as the pixels are (7.2.6)."""
    return icc[16:20] == (b"GRAY" if mode == "L" else b"RGB ")


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
