"""Pictures in, plans run, pictures out: what the tests of operations have in common."""

import io

from PIL import Image

from imgfn import ops  # noqa: F401  fills the registry
from imgfn.core.key import Key
from imgfn.core.kinds import WatermarkImage, encode_base64
from imgfn.core.plan import parse_oss, parse_path
from imgfn.imaging.limits import Limits
from imgfn.imaging.render import render

LIMITS = Limits()


def file_of(image, format_name="PNG", **options):
    file = io.BytesIO()
    image.save(file, format_name, **options)
    return file.getvalue()


def made(plan, source, watermarks=None, limits=LIMITS):
    """The rendered answer of a plan in the path grammar to an image or a file."""
    body = file_of(source) if isinstance(source, Image.Image) else source
    named = {
        key: file_of(watermark) if isinstance(watermark, Image.Image) else watermark
        for key, watermark in (watermarks or {}).items()
    }
    parsed = parse_oss(plan) if plan.startswith("image/") else parse_path(plan)[0]
    return render(body, parsed, limits, {watermark: named[watermark.key] for watermark in parsed.watermarks})


def drawn(plan, source, watermarks=None):
    """The picture that a plan makes, decoded."""
    image = Image.open(io.BytesIO(made(plan, source, watermarks).body))
    image.load()
    return image


def marked(key, process=""):
    """The value of `image_` for a watermark."""
    return encode_base64(str(WatermarkImage(Key(key), process)))


def words(text):
    """The value of `text_`."""
    return encode_base64(text)


def map_of(width, height):
    """A picture whose colours tell where each pixel was."""
    image = Image.new("RGB", (width, height))
    image.putdata([(x, y, 7) for y in range(height) for x in range(width)])
    return image


def origin_of(picture):
    return picture.getpixel((0, 0))[:2]
