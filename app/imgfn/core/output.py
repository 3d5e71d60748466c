"""What operations work on: a picture in memory, how it will be written, or what is said of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Output:
    """How the result is written. Operations on it edit the settings and touch no pixel."""

    format: str | None = None  # jpg png png8 webp avif gif bmp tiff heic; None: the source's own
    quality: int | None = None  # 1 to 100, absolute; at most this (`quality,Q_`)
    relative_quality: int | None = None  # percent of the source's own quality (`quality,q_`)
    interlace: bool = False  # progressive JPEG, interlaced PNG and GIF
    keep: str = "icc"  # which metadata stay, each with those before it: none, icc, copyright, all
    max_bytes: int | None = None  # the best quality that fits
    upright: bool = True  # apply the EXIF orientation before the first step
    frame: int | None = None  # the only frame or page that is read, from 0; None: all
    dpr: float = 1  # what every width and height of a resize is multiplied by


@dataclass(frozen=True)
class Report:
    """An answer in words in place of a picture; it ends the plan."""

    content_type: str  # application/json or text/plain; charset=utf-8
    body: bytes


Size = tuple[int, int]  # width, height in pixels
Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels, right and bottom excluded
