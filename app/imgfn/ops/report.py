"""Operations that answer in words."""

import base64
import json
from typing import Annotated

from PIL import Image, ImageStat

from imgfn.core.kinds import Int
from imgfn.core.output import Report
from imgfn.core.registry import operation
from imgfn.imaging.codecs.exif import tags_of
from imgfn.imaging.picture import Picture
from imgfn.ops import placeholder


@operation()
def info(picture: Picture) -> Report:
    """Size, format, frames and EXIF as JSON, in the shape of OSS.

    Width and height are as stored. It says what the source is, whatever steps stand before it.
    """
    header = picture.header
    facts = {
        "FileSize": len(picture.source.body),
        "Format": header.format.name,
        "FrameCount": header.frames,
        "ImageHeight": header.height,
        "ImageWidth": header.width,
        **tags_of(picture.source.body, header),
    }
    shape = {name: {"value": str(value)} for name, value in facts.items()}
    return Report("application/json", json.dumps(shape, ensure_ascii=False).encode())


@operation()
def average_hue(picture: Picture) -> Report:
    """The mean colour as 0xRRGGBB; what is transparent counts as little as it is seen.

    https://help.aliyun.com/zh/oss/user-guide/query-the-average-tone. A picture that is all transparent is 0x000000.
    """
    frame = picture.in_srgb().frames[0]
    # Premultiplied (RGBa), so each colour weighs as much as its alpha.
    mean = ImageStat.Stat(frame.convert("RGBa" if frame.mode == "RGBA" else "RGB")).mean
    weight = mean[3] / 255 if len(mean) == 4 else 1
    red, green, blue = (min(255, int(band / weight + 0.5)) if weight else 0 for band in mean[:3])
    return _text_report(f"0x{red:02X}{green:02X}{blue:02X}")


@operation(example="x_4,y_3")
def blurhash(picture: Picture, x: Annotated[int, Int(1, 9, "x")] = 4, y: Annotated[int, Int(1, 9, "y")] = 3) -> Report:
    """A placeholder of 20 to 30 characters (https://blurha.sh); x and y are its waves across and down.

    Transparent parts lie on white.
    """
    return _text_report(placeholder.blurhash(_thumbnail(picture, 32, "RGB"), x, y))


@operation()
def thumbhash(picture: Picture) -> Report:
    """A placeholder with shape and transparency as base64 of about 25 bytes (https://evanw.github.io/thumbhash)."""
    return _text_report(base64.b64encode(placeholder.thumbhash(_thumbnail(picture, 100, "RGBA"))).decode())


def _thumbnail(picture: Picture, side: int, mode: str) -> Image.Image:
    """The first frame with sides of at most `side` pixels."""
    width, height = picture.size
    shrink = max(1, max(width, height) / side)
    small = picture.resize((max(1, round(width / shrink)), max(1, round(height / shrink))))
    frame = small.in_srgb().frames[0].convert("RGBA")
    if mode == "RGBA":
        return frame
    page = Image.new("RGBA", frame.size, "white")
    return Image.alpha_composite(page, frame).convert("RGB")


def _text_report(text: str) -> Report:
    return Report("text/plain; charset=utf-8", text.encode())
