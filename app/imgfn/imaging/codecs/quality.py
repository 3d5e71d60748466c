"""How well a result is written: absolute, or relative to what the source was written with."""

from PIL import Image, JpegImagePlugin

from imgfn.core.output import Output
from imgfn.imaging.codecs.decode import Header, open_pillow

DEFAULT = {"jpg": 80, "webp": 75, "avif": 67, "heic": 65}

# ITU-T T.81, table K.1: the luminance table that quality 50 stands for.
LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
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
    # Entries stop at 255, where they tell nothing of the scale any more.
    pairs = [(own, base) for own, base in zip(image.quantization[0], LUMINANCE, strict=True) if own < 255]
    if not pairs:
        return 1
    scale = 100 * sum(own for own, _ in pairs) / sum(base for _, base in pairs)
    return max(1, min(100, round((200 - scale) / 2 if scale <= 100 else 5000 / scale)))
