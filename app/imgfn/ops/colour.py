"""Operations that change colours and sharpness and leave every pixel where it is; transparency stays as it was."""

from collections.abc import Callable
from typing import Annotated

from PIL import Image, ImageFilter

from imgfn.core.kinds import Int
from imgfn.core.registry import operation
from imgfn.imaging import kernels
from imgfn.imaging.picture import Picture

LEVELS = range(256)
MIDDLE = 127.5


@operation(example="r_3,s_2")
def blur(
    image: Image.Image,
    radius: Annotated[int, Int(1, 50, "r", "px")],
    sigma: Annotated[int, Int(1, 50, "s", "px")],
) -> Image.Image:
    """Blur by a Gaussian bell: s is its width, and it is cut off r pixels from its middle.

    https://help.aliyun.com/zh/oss/user-guide/blur. Large values of both give the softest picture.
    """
    return kernels.blurred(image, radius, sigma)


@operation(example="50")
def sharpen(image: Image.Image, amount: Annotated[int, Int(50, 399, unit="percent")]) -> Image.Image:
    """Make edges crisper; 100 suits most pictures.

    https://help.aliyun.com/zh/oss/user-guide/sharpen. An unsharp mask of one pixel's radius.
    """
    # Premultiplied (RGBa): what is hidden under full transparency must not shine through at its edge.
    seen = image.convert("RGBa") if image.mode == "RGBA" else image
    soft = seen.filter(ImageFilter.GaussianBlur(1)).convert(image.mode)
    return _with_alpha_of(image, Image.blend(soft, image, 1 + amount / 100))


@operation(example="30")
def bright(image: Image.Image, amount: Annotated[int, Int(-100, 100, unit="percent")]) -> Image.Image:
    """Make brighter or darker: -100 is black, 0 changes nothing, 100 doubles every value.

    https://help.aliyun.com/zh/oss/user-guide/brightness names the range and no formula; this is CSS's brightness().
    """
    return _each_colour(image, lambda level: level * (100 + amount) / 100)


@operation(example="40")
def contrast(image: Image.Image, amount: Annotated[int, Int(-100, 100, unit="percent")]) -> Image.Image:
    """Move colours away from middle grey or towards it: -100 is all grey, 0 changes nothing, 100 doubles the distance.

    https://help.aliyun.com/zh/oss/user-guide/contrast names the range and no formula; this is CSS's contrast().
    """
    return _each_colour(image, lambda level: MIDDLE + (level - MIDDLE) * (100 + amount) / 100)


@operation(example="50")
def saturation(picture: Picture, amount: Annotated[int, Int(-100, 100, unit="percent")]) -> Picture:
    """Make colours stronger or paler: -100 is grey, 0 changes nothing, 100 doubles their distance from grey."""

    def change(image: Image.Image) -> Image.Image:
        if image.mode == "L":
            return image
        colours = image.convert("RGB")
        return _with_alpha_of(image, Image.blend(colours.convert("L").convert("RGB"), colours, 1 + amount / 100))

    return picture.in_srgb().map(change)


@operation()
def grayscale(picture: Picture) -> Picture:
    """Take the colour out (ITU-R BT.601 luma)."""

    return picture.in_srgb().map(lambda image: _with_alpha_of(image, _luma(image)))


@operation()
def bitonal(picture: Picture) -> Picture:
    """Make every pixel black or white, whichever its luma (ITU-R BT.601) is nearer to."""

    table = [255 * (level > MIDDLE) for level in LEVELS]
    return picture.in_srgb().map(lambda image: _with_alpha_of(image, _luma(image).point(table)))


def _luma(image: Image.Image) -> Image.Image:
    return image.convert("RGB").convert("L")


def _each_colour(image: Image.Image, change: Callable[[int], float]) -> Image.Image:
    """`change` done to each value of each colour, rounded half up."""
    table = [min(max(kernels.round_half_up(change(level)), 0), 255) for level in LEVELS]
    bands = len(image.getbands())
    return image.point(table * bands if image.mode != "RGBA" else table * 3 + list(LEVELS))


def _with_alpha_of(image: Image.Image, colours: Image.Image) -> Image.Image:
    """`colours`, RGB or L; as RGBA with the alpha of `image` where that has one."""
    if image.mode == "RGBA":
        if colours.mode == "L":
            colours = colours.convert("RGB")
        colours.putalpha(image.getchannel("A"))
    return colours
