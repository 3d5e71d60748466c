"""The picture whose parts tell where they come from."""

from PIL import Image

SQUARES = [(col * 50, row * 60, 200) for row in range(4) for col in range(5)]


def chart(size: tuple[int, int] = (500, 400)) -> Image.Image:
    """5 x 4 squares, no two of one colour."""
    small = Image.new("RGB", (5, 4))
    small.putdata(SQUARES)
    return small.resize(size, Image.Resampling.NEAREST)
