"""Operations that cut shapes out and lay other pictures or words on."""

from typing import Annotated

from PIL import Image, ImageChops

from app.core.spec import Int, operation
from app.imaging import kernels
from app.imaging.picture import Picture
from app.ops.fit import anchored

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


def _masked(picture: Picture, radius: float) -> Picture:
    mask = kernels.rounded_mask(picture.size, radius)

    def cut(frame: Image.Image) -> Image.Image:
        shown = frame.convert("RGBA")
        shown.putalpha(ImageChops.multiply(shown.getchannel("A"), mask))
        return shown

    return picture.map(cut)
