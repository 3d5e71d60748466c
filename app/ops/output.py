"""Operations that say how the result is written; they touch no pixel and hold wherever in the plan they stand."""

from dataclasses import replace
from typing import Annotated

from app.core.picture import Output
from app.core.spec import Choice, Flag, Int, operation

WRITTEN = ("jpg", "png", "webp", "avif", "gif", "bmp", "tiff", "heic", "auto")


@operation(example="webp", name="format")
def written_as(
    output: Output,
    name: Annotated[str, Choice(WRITTEN, aliases=(("jpeg", "jpg"), ("tif", "tiff"), ("heif", "heic")))],
) -> Output:
    """Write the result as another format; auto takes the best one that the caller accepts.

    Without it the source's format stays; SVG and ICO become PNG. Any picture can become a GIF (OSS: only a GIF can).
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
