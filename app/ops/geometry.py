"""Operations that move, cut and scale."""

from dataclasses import replace
from typing import Annotated

from PIL import ImageColor

from app.core.picture import Output
from app.core.spec import Choice, Colour, Flag, Float, Int, operation
from app.imaging import kernels
from app.imaging.picture import Picture
from app.imaging.view import FLIP, MIRROR, Turn
from app.ops.fit import ANCHORS, anchored, by_percent, crop_box, fit, sides

SIDE = 16_384


@operation(example="w_200,h_100", one_of=("w", "h", "l", "s", "p"))
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
) -> Picture:
    """Scale to a size.

    `lfit` fits inside w x h, `mfit` covers it, `fill` covers and cuts the centre out, `pad` fits and fills the rest
    with the colour, `fixed` distorts. Where w or h is given, l and s are ignored, and p where any of them is. With
    limit_1 nothing is enlarged; an animated GIF never is.
    """
    small_only = limit or (picture.header.animated and picture.header.format.name == "gif")
    if width is None and height is None:
        width, height = sides(picture.size, longest, shortest)
    if width is None and height is None:
        return picture.resize(by_percent(picture.size, percent or 100, small_only).scaled)
    wanted = fit(picture.size, mode, width, height, small_only)
    scaled = picture.resize(wanted.scaled)
    left, top = anchored(wanted.scaled, wanted.canvas, "center")
    if mode == "pad":
        return pad(scaled, wanted.canvas, colour)
    return scaled.crop((left, top, left + wanted.canvas[0], top + wanted.canvas[1]))


def pad(picture: Picture, canvas: tuple[int, int], colour: str) -> Picture:
    """The picture in the middle of a larger canvas of one colour."""
    if canvas == picture.size:
        return picture
    page = picture.new_canvas(canvas, colour)
    place = anchored(canvas, picture.size, "center")
    frames = []
    for frame in picture.frames:
        sheet = page.copy()
        if frame.mode == "RGBA" and sheet.mode == "RGB":
            sheet.paste(frame, place, frame)
        else:
            sheet.paste(frame.convert(sheet.mode), place)
        frames.append(sheet)
    return picture.with_frames(frames)


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
        return picture.turned(Turn(int(angle // 90) % 4))
    picture.check(kernels.rotated_size(picture.size, angle))
    fill = ImageColor.getrgb("#" + (colour or picture.corner))
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
