"""Operations that cut shapes out and lay other pictures or words on."""

from typing import Annotated

from PIL import Image, ImageChops, ImageColor

from imgfn.core.kinds import Choice, Colour, Flag, Int, ObjectKey, Text
from imgfn.core.output import Size
from imgfn.core.registry import operation
from imgfn.imaging import kernels
from imgfn.imaging.codecs.profile import converted, suits
from imgfn.imaging.picture import Picture
from imgfn.imaging.text import fonts
from imgfn.imaging.text.layout import Line, draw_line, set_line
from imgfn.ops.fit import ANCHORS, anchored
from imgfn.ops.geometry import inside_share

LEVELS = range(256)
RADIUS = 4096


@operation(example="r_60")
def circle(picture: Picture, radius: Annotated[int, Int(1, RADIUS, "r", "px")]) -> Picture:
    """Cut a circle out of the middle.

    https://help.aliyun.com/zh/oss/user-guide/circle-2. The result is a square of 2r + 1 pixels; an r that does not fit
    is cut to (short side - 1) / 2. Outside it is transparent, or white where the format has no transparency.
    """
    fitting = min(radius, (min(picture.size) - 1) // 2)
    side = 2 * fitting + 1
    left, top = anchored(picture.size, (side, side), "center")
    return _masked(picture.crop((left, top, left + side, top + side)), side / 2)


@operation(example="r_30")
def rounded_corners(picture: Picture, radius: Annotated[int, Int(1, RADIUS, "r", "px")]) -> Picture:
    """Round the corners.

    https://help.aliyun.com/zh/oss/user-guide/rounded-rectangle. r is at most half the short side. Outside it is
    transparent, or white where the format has no transparency.
    """
    return _masked(picture, min(radius, min(picture.size) / 2))


@operation(example="text_SGVsbG8g5rC05Y2w,size_32,color_ffffff,shadow_60", one_of=("image", "text"))
def watermark(
    picture: Picture,
    image: Annotated[Picture | None, ObjectKey()] = None,
    text: Annotated[str | None, Text(64)] = None,
    font: Annotated[str, Text(64, "type")] = fonts.DEFAULT,
    colour: Annotated[str, Colour("color")] = "000000",
    size: Annotated[int, Int(1, 1000, unit="px")] = 40,
    shadow: Annotated[int, Int(0, 100, unit="percent")] = 0,
    angle: Annotated[int, Int(0, 360, "rotate", "degrees")] = 0,
    opacity: Annotated[int, Int(0, 100, "t", "percent")] = 100,
    anchor: Annotated[str, Choice(ANCHORS, "g")] = "se",
    x: Annotated[int, Int(0, 4096, unit="px")] = 10,
    y: Annotated[int, Int(0, 4096, unit="px")] = 10,
    voffset: Annotated[int, Int(-1000, 1000, unit="px")] = 0,
    fill: Annotated[bool, Flag()] = False,
    padx: Annotated[int, Int(0, 4096, unit="px")] = 0,
    pady: Annotated[int, Int(0, 4096, unit="px")] = 0,
    share: Annotated[int | None, Int(1, 100, "P", "percent")] = None,
    order: Annotated[bool, Flag()] = False,
    align: Annotated[int, Int(0, 2)] = 2,
    interval: Annotated[int, Int(0, 1000, unit="px")] = 0,
) -> Picture:
    """Lay a picture, a text or both side by side on.

    https://help.aliyun.com/zh/oss/user-guide/add-watermarks. x and y are the distances to the edges at g; in the middle
    column x means nothing, in the middle row y, and voffset moves down from it. t is the opacity. fill_1 repeats the
    watermark in all directions from its place, padx and pady apart. P scales the image, to fit into so much of
    the picture; the image's own process may do so too (resize,P_30). The text turns clockwise; its shadow of so much
    opacity lies below and to the right. A font that is not installed is stood in for, and a note says so. order_1 puts
    the text first; align 0, 1, 2 lines both up at the top, middle or bottom. What lies outside the picture is cut off.
    """
    parts = []
    if image is not None:
        image = inside_share(image, picture.size, share) if share else image
        parts.append(converted(image.frames[0], image.pixels.icc, None).convert("RGBA"))
    if text is not None:
        line = set_line(text, font, size)
        for note in line.notes:
            picture = picture.noted(note)
        parts.append(_draw_text(picture, line, ImageColor.getrgb("#" + colour), shadow, angle))
    watermark = _side_by_side(picture, parts[::-1] if order else parts, align, interval)
    watermark.putalpha(watermark.getchannel("A").point([level * opacity // 100 for level in LEVELS]))
    place = _place(picture.size, watermark.size, anchor, (x, y), voffset)
    picture = picture.coloured()
    icc = picture.pixels.icc
    watermark = converted(watermark, None, icc if icc and suits(icc, watermark.mode) else None)
    if fill:
        watermark, place = kernels.tiled(watermark, (padx, pady), picture.size, place), (0, 0)
    return picture.map(lambda frame: _laid(frame, watermark, place))


def _draw_text(picture: Picture, line: Line, colour: tuple[int, ...], shadow: int, angle: int) -> Image.Image:
    picture.source.limits.check_output(line.box)
    drawn = draw_line(line, colour)
    if shadow:
        drawn = _with_shadow(drawn, shadow, max(1, line.size // 20))
    if angle % 360 == 0:
        return drawn
    picture.source.limits.check_output(kernels.rotated_size(drawn.size, angle))
    return kernels.rotated(drawn, angle, (0, 0, 0, 0))


def _with_shadow(drawn: Image.Image, percent: int, distance: int) -> Image.Image:
    page = Image.new("RGBA", (drawn.width + distance, drawn.height + distance))
    dark = Image.new("RGBA", drawn.size)
    dark.putalpha(drawn.getchannel("A").point([level * percent // 100 for level in LEVELS]))
    page.paste(dark, (distance, distance))
    page.alpha_composite(drawn)
    return page


def _side_by_side(picture: Picture, parts: list[Image.Image], align: int, interval: int) -> Image.Image:
    if len(parts) == 1:
        return parts[0].copy()
    first, second = parts
    size = first.width + interval + second.width, max(first.height, second.height)
    picture.source.limits.check_output(size)
    page = Image.new("RGBA", size)
    page.paste(first, (0, (size[1] - first.height) * align // 2))
    page.paste(second, (first.width + interval, (size[1] - second.height) * align // 2))
    return page


def _place(size: Size, watermark: Size, anchor: str, offset: tuple[int, int], voffset: int) -> tuple[int, int]:
    """Left and top of a watermark at an anchor, `offset` away from the edges that the anchor names."""
    column, row = ANCHORS.index(anchor) % 3 - 1, ANCHORS.index(anchor) // 3 - 1
    return anchored(size, watermark, anchor, -column * offset[0], -row * offset[1] if row else voffset)


def _laid(frame: Image.Image, watermark: Image.Image, place: tuple[int, int]) -> Image.Image:
    """`watermark` over a copy of `frame`, what lies outside cut off."""
    page = frame.copy() if frame.mode == "RGBA" else frame.convert("RGB")
    left, top = max(0, -place[0]), max(0, -place[1])
    right, bottom = min(watermark.width, page.width - place[0]), min(watermark.height, page.height - place[1])
    if left < right and top < bottom:
        seen, corner = watermark.crop((left, top, right, bottom)), (place[0] + left, place[1] + top)
        page.alpha_composite(seen, corner) if page.mode == "RGBA" else page.paste(seen, corner, seen)
    return page


def _masked(picture: Picture, radius: float) -> Picture:
    mask = kernels.rounded_mask(picture.size, radius)

    def cut(frame: Image.Image) -> Image.Image:
        shown = frame.convert("RGBA")
        shown.putalpha(ImageChops.multiply(shown.getchannel("A"), mask))
        return shown

    return picture.coloured().map(cut)
