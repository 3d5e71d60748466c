"""Small pictures for the conformance rows, made at test time."""

import io

from PIL import Image, ImageDraw

from imgfn.core.plan import parse_oss
from imgfn.imaging.limits import Limits
from imgfn.imaging.render import Rendered, render


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def quarters(width: int = 200, height: int = 100) -> Image.Image:
    """Red, green, blue and white quarters, so that every part of the picture can be told from the others."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width // 2 - 1, height // 2 - 1), "red")
    draw.rectangle((width // 2, 0, width, height // 2 - 1), "lime")
    draw.rectangle((0, height // 2, width // 2 - 1, height), "blue")
    return image


def ramp(width: int = 64, height: int = 48) -> Image.Image:
    """Colours that change along both sides."""
    across = Image.linear_gradient("L").rotate(90).resize((width, height))
    down = Image.linear_gradient("L").resize((width, height))
    return Image.merge("RGB", (across, down, Image.new("L", (width, height), 90)))


def animation(frames: int = 3) -> bytes:
    pages = [Image.new("RGB", (40, 20), (80 * number, 0, 0)) for number in range(frames)]
    return encoded(pages[0], "GIF", save_all=True, append_images=pages[1:], duration=80, loop=0)


PNG = encoded(quarters())
JPEG = encoded(ramp(), "JPEG", quality=90)


def answer(actions: str, source: bytes = PNG) -> Rendered:
    """What `?x-oss-process=image/<actions>` gives for `source`."""
    return render(source, parse_oss(f"image/{actions}"), Limits())


def picture(actions: str, source: bytes = PNG) -> Image.Image:
    image = Image.open(io.BytesIO(answer(actions, source).body))
    image.load()
    return image


def size(actions: str, source: bytes = PNG) -> tuple[int, int]:
    return picture(actions, source).size


def colour(actions: str, x: int, y: int, source: bytes = PNG) -> tuple[int, ...]:
    return picture(actions, source).convert("RGBA").getpixel((x, y))  # type: ignore[return-value]  # one pixel of RGBA
