"""How hard an encoder tries, by the pixels that it gets: no setting of ours overruns a render's deadline by itself.

Seconds of CPU for a million noisy pixels, on the machine of docs/performance.md: libvips' GIF 3.8 at its default effort
of 7, 1.3 at 5, 0.7 at 3, 0.5 at 1 and 0.4 without dithering, in files whose sizes differ by 2 %; x265 3.6 at its
default of slow, 1.5 at superfast and 0.6 at ultrafast.
"""

from typing import Any

from PIL import Image

PALETTE_SIDE = 512
MILLION = 1_000_000


def gif_options(pixels: int) -> dict[str, Any]:
    """Options of libvips' gifsave for so many pixels, of all frames together."""
    if pixels > 5 * MILLION:
        return {"effort": 1, "dither": 0.0}
    return {"effort": _step(pixels, ((0.5, 7), (1.5, 5), (3, 3)), 1)}


def too_large_for_gif(pixels: int) -> bool:
    """Whether a still of so many pixels had better get its palette from a smaller one: 0.13 seconds a million."""
    return pixels > 5 * MILLION


def with_palette(image: Image.Image) -> Image.Image:
    """An RGB or grey picture in the 256 colours of its thumbnail, dithered."""
    thumbnail = image.convert("RGB")
    thumbnail.thumbnail((PALETTE_SIDE, PALETTE_SIDE))
    palette = thumbnail.quantize(256, method=Image.Quantize.MEDIANCUT)
    return image.convert("RGB").quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)


def png8_options(pixels: int) -> dict[str, Any]:
    """Options of libvips' pngsave with a palette."""
    if pixels > 5 * MILLION:
        return {"effort": 1, "dither": 0.0}
    return {"effort": _step(pixels, ((3, 4),), 1)}


def heic_options(pixels: int) -> dict[str, Any]:
    """Options of pillow_heif's encoder, x265."""
    return {"enc_params": {"preset": _step(pixels, ((0.5, "slow"), (1.5, "superfast")), "ultrafast")}}


def _step(pixels: int, steps: tuple[tuple[float, Any], ...], last: Any) -> Any:
    """The value of the first step that has room for so many millions of pixels."""
    return next((value for millions, value in steps if pixels <= millions * MILLION), last)
