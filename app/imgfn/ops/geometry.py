"""Operations that move, cut and scale."""

import functools
from dataclasses import replace
from typing import Annotated

from PIL import Image, ImageChops, ImageOps

from imgfn.core.faults import InvalidArgument
from imgfn.core.kinds import Choice, Colour, Flag, Float, Int
from imgfn.core.output import Box, Output, Size
from imgfn.core.registry import operation
from imgfn.imaging import kernels
from imgfn.imaging.picture import Picture
from imgfn.imaging.view import FLIP, MIRROR, Orientation
from imgfn.ops.fit import ANCHORS, anchored, by_percent, crop_box, fit, sides, times

SIDE = 16_384
SOFT_SIDE = 96  # pixels of the longer side of a blurred background before it is enlarged


@operation(example="w_200,h_100", one_of=("w", "h", "l", "s", "p", "P"))
def resize(
    picture: Picture,
    width: Annotated[int | None, Int(1, SIDE, "w", "px")] = None,
    height: Annotated[int | None, Int(1, SIDE, "h", "px")] = None,
    mode: Annotated[str, Choice(("lfit", "mfit", "fill", "pad", "fixed"), "m")] = "lfit",
    longest: Annotated[int | None, Int(1, SIDE, "l", "px")] = None,
    shortest: Annotated[int | None, Int(1, SIDE, "s", "px")] = None,
    percent: Annotated[int | None, Int(1, 1000, "p", "percent")] = None,
    limit: Annotated[bool, Flag()] = True,
    colour: Annotated[str, Colour("color")] = "ffffff",
    anchor: Annotated[str, Choice((*ANCHORS, "smart"), "g")] = "center",
    background: Annotated[str, Choice(("color", "blur"), "bg")] = "color",
    share: Annotated[int | None, Int(1, 100, "P", "percent")] = None,
) -> Picture:
    """Scale to a size.

    https://help.aliyun.com/zh/oss/user-guide/resize-images-4. `lfit` fits inside w x h, `mfit` covers it, `fill` covers
    and cuts the rest off around g (`smart`: what people look at first; one place for all frames), `pad` fits at g and
    fills the rest with the colour or, with bg_blur, with the picture itself, blurred; `fixed` distorts. Where w or h is
    given, l and s are ignored, and p where any of them is. With limit_1 nothing is enlarged; an animated GIF never is.
    P is for watermarks only: the picture fits inside so much of the main picture, whichever of the two is larger.
    """
    if share is not None:
        return inside_share(picture, picture.under, share)
    small_only = limit or (picture.header.animated and picture.header.format.name == "gif")
    ratio = picture.output.dpr
    width, height = times(width, ratio), times(height, ratio)
    if width is None and height is None:
        width, height = sides(picture.size, times(longest, ratio), times(shortest, ratio))
    if width is None and height is None:
        return picture.resize(by_percent(picture.size, percent or 100, small_only).scaled)
    wanted = fit(picture.size, mode, width, height, small_only)
    scaled = picture.resize(wanted.scaled)
    smart, anchor = anchor == "smart", anchor if anchor != "smart" else "center"
    if mode == "pad":
        return pad(scaled, wanted.canvas, anchor, background, colour)
    if smart and wanted.canvas != wanted.scaled:
        scaled = scaled.settled()
        return scaled.crop(kernels.attention_box(scaled.frames[0], wanted.canvas))
    left, top = anchored(wanted.scaled, wanted.canvas, anchor)
    return scaled.crop((left, top, left + wanted.canvas[0], top + wanted.canvas[1]))


def inside_share(watermark: Picture, main: Size | None, percent: int) -> Picture:
    """A watermark scaled to fit inside `percent` of the main picture; InvalidArgument where there is none."""
    if main is None:
        raise InvalidArgument(
            "resize: P is a share of the main picture, and this picture is no watermark",
            parameter="P",
            expected="P in the process of a watermark's image",
        )
    return watermark.resize(
        fit(watermark.size, "lfit", *by_percent(main, percent, limit=False).scaled, limit=False).scaled
    )


def pad(picture: Picture, canvas: Size, anchor: str, background: str, colour: str) -> Picture:
    """The picture on a larger canvas: of one colour, or of itself, blurred."""
    if canvas == picture.size:
        return picture
    picture = picture.coloured()
    page = picture.new_canvas(canvas, colour)
    place = anchored(canvas, picture.size, anchor)
    frames = []
    for frame in picture.frames:
        sheet = _softened(frame, canvas) if background == "blur" else page.copy()
        if frame.mode == "RGBA":
            sheet.paste(frame, place, frame) if sheet.mode == "RGB" else sheet.alpha_composite(frame, place)
        else:
            sheet.paste(frame.convert(sheet.mode), place)
        frames.append(sheet)
    return picture.with_frames(frames)


def _softened(frame: Image.Image, canvas: Size) -> Image.Image:
    """The frame covering `canvas`, so blurred that it could come from a thumbnail: it does."""
    shrink = max(1, max(canvas) / SOFT_SIDE)
    small = max(1, round(canvas[0] / shrink)), max(1, round(canvas[1] / shrink))
    blurred = kernels.blurred(ImageOps.fit(frame, small, Image.Resampling.BILINEAR), radius=6, sigma=3)
    return blurred.resize(canvas, Image.Resampling.BICUBIC)


@operation(example="w_100,h_80,g_center")
def crop(
    picture: Picture,
    width: Annotated[int, Int(0, 30_000, "w", "px")] = 0,
    height: Annotated[int, Int(0, 30_000, "h", "px")] = 0,
    x: Annotated[int, Int(0, 30_000, unit="px")] = 0,
    y: Annotated[int, Int(0, 30_000, unit="px")] = 0,
    anchor: Annotated[str, Choice(ANCHORS, "g")] = "nw",
) -> Picture:
    """Cut a rectangle out.

    A side that is left out, or 0, is the picture's. x and y move the rectangle from its anchor; it is clipped at the
    picture's edge. An origin outside the picture is refused.
    """
    return picture.crop(crop_box(picture.size, (width, height), anchor, x, y))


@operation(example="x_100,i_1", one_of=("x", "y"))
def indexcrop(
    picture: Picture,
    x: Annotated[int | None, Int(1, 30_000, "x", "px")] = None,
    y: Annotated[int | None, Int(1, 30_000, "y", "px")] = None,
    index: Annotated[int, Int(0, 30_000, "i")] = 0,
) -> Picture:
    """Cut into upright strips x wide, or lying ones y high, and keep strip i, counted from 0.

    https://help.aliyun.com/zh/oss/user-guide/indexed-cropping. Where both are given y wins. The last strip is what is
    left; an i past it leaves the picture as it is.
    """
    width, height = picture.size
    start = index * (y or x or 1)
    if start >= (height if y else width):
        return picture
    if y:
        return picture.crop((0, start, width, min(start + y, height)))
    return picture.crop((start, 0, min(start + (x or 1), width), height))


@operation(example="10")
def trim(picture: Picture, tolerance: Annotated[int, Int(0, 255, "t")] = 10) -> Picture:
    """Cut off the border that has the colour of the top left corner.

    A pixel belongs to the border where no channel differs by more than the tolerance. All frames of an animation keep
    one box. A picture of one colour stays as it is.
    """
    settled = picture.settled()
    boxes = [box for frame in settled.frames if (box := _content_box(frame, tolerance))]
    if not boxes:
        return settled.noted("trim: the picture has one colour only and stays as it is")
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return settled.crop((min(lefts), min(tops), max(rights), max(bottoms)))


def _content_box(frame: Image.Image, tolerance: int) -> Box | None:
    # Premultiplied (RGBa): the colour of what cannot be seen makes no difference.
    seen = frame.convert("RGBa") if frame.mode == "RGBA" else frame
    bands = [ImageChops.difference(band, Image.new("L", band.size, band.getpixel((0, 0)))) for band in seen.split()]
    return functools.reduce(ImageChops.lighter, bands).point([255 * (far > tolerance) for far in range(256)]).getbbox()


@operation(example="10")
def rotate(
    picture: Picture,
    angle: Annotated[float, Float(0, 360, unit="degrees")] = 0,
    colour: Annotated[str | None, Colour("color")] = None,
) -> Picture:
    """Turn clockwise. The canvas grows, so no corner is lost.

    The new corners are transparent, or white where the format has no transparency, unless a colour is given.
    """
    if angle % 90 == 0:
        return picture.turned(Orientation(int(angle // 90) % 4))
    picture.check(kernels.rotated_size(picture.size, angle))
    picture = picture.coloured()
    fill = picture.own_colour(colour or picture.corner)
    frames = []
    for frame in picture.frames:
        opaque = frame.mode != "RGBA" and len(fill) == 3
        full = fill if opaque else (*fill[:3], fill[3] if len(fill) == 4 else 255)
        frames.append(kernels.rotated(frame.convert("RGB" if opaque else "RGBA"), angle, full))
    return picture.with_frames(frames)


@operation(example="h")
def flip(picture: Picture, direction: Annotated[str, Choice(("h", "v"))]) -> Picture:
    """Mirror: h swaps left and right, v swaps top and bottom."""
    return picture.turned(MIRROR if direction == "h" else FLIP)


@operation(example="1")
def auto_orient(output: Output, on: Annotated[bool, Flag()] = True) -> Output:
    """Lay the picture upright as its camera recorded (EXIF), then forget the record.

    This is done by default and before the first step, wherever in the plan it is written; 0 turns it off.
    """
    return replace(output, upright=on)
