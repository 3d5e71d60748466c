"""All goldens on one PNG, each with its plan below: `make contact-sheet`, then look at it."""

import sys
import textwrap
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

import imgfn.ops  # noqa: F401  fills the registry
from imgfn.core.registry import REGISTRY, Operation

GOLDEN = Path(__file__).parents[1] / "golden"
COLUMNS, CELL, CAPTION, MARGIN = 6, 220, 56, 16
CHECK = 10  # pixels of the chequers that transparency shows


def draw_sheet() -> Image.Image:
    """A cell for each operation, in the order of the registry."""
    operations = list(REGISTRY)
    rows = -(-len(operations) // COLUMNS)
    pitch = (CELL + MARGIN, CELL + CAPTION + MARGIN)
    sheet = Image.new("RGB", (COLUMNS * pitch[0] + MARGIN, rows * pitch[1] + MARGIN), "white")
    for number, operation in enumerate(operations):
        row, column = divmod(number, COLUMNS)
        sheet.paste(draw_cell(operation), (MARGIN + column * pitch[0], MARGIN + row * pitch[1]))
    return sheet


def draw_cell(operation: Operation) -> Image.Image:
    """One golden over its plan."""
    cell = Image.new("RGB", (CELL, CELL + CAPTION), "white")
    draw = ImageDraw.Draw(cell)
    font = ImageFont.load_default(13)
    picture, words = GOLDEN / f"{operation.name}.png", GOLDEN / f"{operation.name}.txt"
    if picture.exists():
        with Image.open(picture) as golden:
            shown = ImageOps.contain(golden.convert("RGBA"), (CELL, CELL))
        page = chequers(shown.size)
        page.paste(shown, mask=shown)
        cell.paste(page, ((CELL - shown.width) // 2, (CELL - shown.height) // 2))
    else:
        text = words.read_text(encoding="utf-8") if words.exists() else "missing"
        draw.multiline_text((4, 4), "\n".join(textwrap.wrap(text, 28)[:14]), "black", font)
    plan = f"{operation.name}/{operation.example or '_'}" if operation.params else operation.name
    draw.multiline_text((0, CELL + 4), "\n".join(textwrap.wrap(plan, 28)[:3]), "black", font)
    return cell


def chequers(size: tuple[int, int]) -> Image.Image:
    """What transparency lies on."""
    page = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(page)
    for top in range(0, size[1], CHECK):
        for left in range(top // CHECK % 2 * CHECK, size[0], 2 * CHECK):
            draw.rectangle((left, top, left + CHECK - 1, top + CHECK - 1), "#dddddd")
    return page


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    draw_sheet().save(target)
    print(target)
