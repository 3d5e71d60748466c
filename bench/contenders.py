"""Our render, raw libvips and raw Pillow, each as one function from bytes to bytes."""

import io
from collections.abc import Callable

from bench.cells import FILL, FIT, QUALITY, Cell

Contender = Callable[[Cell, bytes], bytes]
ANGLE = 10
WHITE = (255, 255, 255)


def ours() -> Contender:
    """`imgfn.imaging.render`, with the plan that a URL would give."""
    import imgfn.ops  # noqa: F401  registers the operations
    from imgfn.core.plan import parse_path
    from imgfn.imaging.limits import Limits
    from imgfn.imaging.render import render

    limits = Limits()

    def run(cell: Cell, source: bytes) -> bytes:
        plan, _ = parse_path(f"{cell.plan}/photo")
        return render(source, plan, limits).body

    return run


def libvips() -> Contender:
    """`thumbnail_buffer` and save, all else at libvips' defaults but for metadata, which nobody wants to serve."""
    import pyvips

    pyvips.cache_set_max(0)  # a second render of the same bytes is to be a render

    def run(cell: Cell, source: bytes) -> bytes:
        if cell.work == FIT:
            image = pyvips.Image.thumbnail_buffer(source, 512, height=512, size="down")
        elif cell.work == FILL:
            image = pyvips.Image.thumbnail_buffer(source, 300, height=300, crop="centre")
        else:
            image = pyvips.Image.new_from_buffer(source, "")
            background = [255, 255, 255]
            if cell.target != "jpg":
                image, background = image.bandjoin(255), [0, 0, 0, 0]
            image = image.similarity(angle=ANGLE, interpolate=pyvips.Interpolate.new("bicubic"), background=background)
        quality = {"Q": QUALITY[cell.target]} if cell.target in QUALITY else {}
        return image.write_to_buffer(f".{cell.target}", keep="none", **quality)

    return run


def pillow() -> Contender:
    """What its documentation teaches: `thumbnail` (it drafts JPEG), `rotate`, `ImageOps.fit`, `save`."""
    from PIL import Image, ImageOps

    def run(cell: Cell, source: bytes) -> bytes:
        image: Image.Image = Image.open(io.BytesIO(source))
        if cell.work == FIT:
            image.thumbnail((512, 512), Image.Resampling.LANCZOS)
        elif cell.work == FILL:
            image.draft("RGB", (300, 300))
            image = ImageOps.fit(image, (300, 300), Image.Resampling.LANCZOS)
        elif cell.target == "jpg":
            image = image.rotate(-ANGLE, Image.Resampling.BICUBIC, expand=True, fillcolor=WHITE)
        else:
            image = image.convert("RGBA").rotate(-ANGLE, Image.Resampling.BICUBIC, expand=True)
        file = io.BytesIO()
        quality = {"quality": QUALITY[cell.target]} if cell.target in QUALITY else {}
        image.save(file, "JPEG" if cell.target == "jpg" else cell.target.upper(), **quality)
        return file.getvalue()

    return run


CONTENDERS: dict[str, Callable[[], Contender]] = {"imgfn": ours, "libvips": libvips, "pillow": pillow}
