"""Operations that say how the result is written; they touch no pixel and hold wherever in the plan they stand."""

from dataclasses import replace
from typing import Annotated

from imgfn.core.kinds import Choice, Flag, Float, Int
from imgfn.core.output import Output
from imgfn.core.registry import operation

WRITTEN = ("jpg", "png", "png8", "webp", "avif", "gif", "bmp", "tiff", "heic", "auto")


@operation(example="webp", name="format")
def format_(
    output: Output,
    name: Annotated[str, Choice(WRITTEN, aliases=(("jpeg", "jpg"), ("tif", "tiff"), ("heif", "heic")))],
) -> Output:
    """Write the result as another format; auto takes the best one that the caller accepts.

    png8 is a PNG of at most 256 colours. Without this operation the source's format stays; SVG and ICO become PNG. Any
    picture can become a GIF (OSS: only a GIF can).
    """
    # `auto` is decided by the Accept header, before the plan comes here; without one the source's format stays.
    return replace(output, format=None if name == "auto" else name)


@operation(example="Q_60", one_of=("Q", "q"))
def quality(
    output: Output,
    most: Annotated[int | None, Int(1, 100, "Q")] = None,
    relative: Annotated[int | None, Int(1, 100, "q", "percent")] = None,
) -> Output:
    """How well the result is written: Q as a number, at most a JPEG source's own; q as percent of it.

    For other formats q is a number as well. Where both are given Q wins. PNG, GIF, BMP and TIFF lose nothing, so it
    means nothing to them.
    """
    return replace(output, quality=most, relative_quality=relative)


@operation(example="1")
def interlace(output: Output, on: Annotated[bool, Flag()]) -> Output:
    """Write a JPEG, PNG or GIF so that it appears coarse first and then fine."""
    return replace(output, interlace=on)


@operation(example="1000000")
def max_bytes(output: Output, most: Annotated[int, Int(100, 100_000_000, unit="bytes")]) -> Output:
    """Write at the best quality that is found to fit into so many bytes, in at most six tries.

    For JPEG, WebP, AVIF and HEIC. A picture that does not fit at any quality is refused, and so is a too large one in a
    format that knows no quality.
    """
    return replace(output, max_bytes=most)


@operation(example="all")
def keep(output: Output, what: Annotated[str, Choice(("icc", "copyright", "all"))]) -> Output:
    """Say which metadata stay.

    icc: the colour profile; copyright: also the names of artist and owner; all: also EXIF and XMP. Without it the
    profile stays; all the rest, where a picture was taken first of all, goes.
    """
    return replace(output, keep=what)


@operation()
def strip(output: Output) -> Output:
    """Write pixels and nothing else: no copyright, and no colour profile (colours become sRGB)."""
    return replace(output, keep="none")


@operation(example="0")
def frame(output: Output, number: Annotated[int, Int(0, 9999)]) -> Output:
    """Keep one frame of an animation, or one page of a TIFF, counted from 0.

    It is picked while reading, wherever in the plan this stands. A number that there is not is refused.
    """
    return replace(output, frame=number)


@operation(example="2")
def dpr(output: Output, ratio: Annotated[float, Float(0.1, 8)]) -> Output:
    """Multiply w, h, l and s of every resize for a dense screen, wherever in the plan it stands.

    limit_1 still enlarges nothing; lengths of other operations stay as they are.
    """
    return replace(output, dpr=ratio)
