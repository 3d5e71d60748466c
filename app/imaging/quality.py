"""How well a result is written: absolute, or relative to what the source was written with."""

from PIL import Image, JpegImagePlugin

from app.core.picture import Output
from app.imaging.decode import Header, open_pillow

DEFAULT = {"jpg": 80, "webp": 75, "avif": 65, "heic": 65}

# ITU-T T.81, table K.1, in zigzag order as in the file: the luminance table that quality 50 stands for.
LUMINANCE = (
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61,
    60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87, 95, 98, 103, 104, 103, 62, 77, 113,
    121, 112, 100, 120, 92, 101, 103, 99,
)  # fmt: skip


def quality_for(output: Output, format_name: str, source: bytes, header: Header) -> int:
    """The quality to write with, 1 to 100.

    `quality,Q_` is at most the source's own, `quality,q_` a percentage of it; both need a JPEG on both sides. Elsewhere
    the number given is absolute (help.aliyun.com: quality-transformation).
    """
    if output.quality is None and output.relative_quality is None:
        return DEFAULT.get(format_name, 100)
    if not header.format.name == format_name == "jpg":
        return output.quality or output.relative_quality or 100
    own = jpeg_quality(open_pillow(source, header.format))
    if output.quality is not None:
        return min(own, output.quality)
    return max(1, own * (output.relative_quality or 100) // 100)


def jpeg_quality(image: Image.Image) -> int:
    """The IJG quality, 1 to 100, whose luminance table comes nearest to the picture's own."""
    if not isinstance(image, JpegImagePlugin.JpegImageFile) or 0 not in image.quantization:
        return 100
    table = image.quantization[0]
    scale = 100 * sum(table) / sum(LUMINANCE)
    return max(1, min(100, round((200 - scale) / 2 if scale <= 100 else 5000 / scale)))
