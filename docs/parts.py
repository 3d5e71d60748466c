"""Draws docs/images/parts.svg, the parts of a deployment: python docs/parts.py"""

from html import escape
from pathlib import Path

BOX_HEIGHT, LINE = 58, 17
INK, PAPER, SOFT = "#24292f", "#ffffff", "#eef2f7"

# name -> x, y, width, title, what it is
BOXES = {
    "callers": (20, 130, 120, "Callers", ["browsers, apps"]),
    "cdn": (180, 130, 120, "CDN", ["or Varnish"]),
    "nginx": (340, 130, 130, "nginx", ["cache, slow clients", "split by weight"]),
    "server": (530, 90, 170, "imgfn serve", ["web workers", ":8000, metrics :9100"]),
    "renderers": (530, 200, 170, "renderers", ["one a core, confined", "expendable"]),
    "worker": (530, 310, 170, "imgfn work", ["events, derivatives", "backfill, reviews"]),
    "s3": (770, 90, 150, "S3 or folder", ["sources, results"]),
    "postgres": (770, 310, 150, "PostgreSQL", ["or SQLite: runs"]),
    "prometheus": (340, 20, 130, "Prometheus", ["alerts, Grafana"]),
    "collector": (770, 20, 150, "OTLP collector", ["traces"]),
}
# from, to, label, dashed
ARROWS = [
    ("callers", "cdn", "", False),
    ("cdn", "nginx", "", False),
    ("nginx", "server", "", False),
    ("server", "renderers", "jobs", False),
    ("worker", "renderers", "jobs", False),
    ("server", "s3", "", False),
    ("worker", "postgres", "", False),
    ("worker", "s3", "", False),
    ("prometheus", "server", "scrapes", True),
    ("server", "collector", "", True),
]


def box(name: str) -> str:
    """A box with its title and lines."""
    x, y, width, title, lines = BOXES[name]
    text = f'<text x="{x + width / 2}" y="{y + 21}" text-anchor="middle" font-weight="600">{escape(title)}</text>'
    for number, line in enumerate(lines, 1):
        place = f'x="{x + width / 2}" y="{y + 21 + number * LINE}"'
        text += f'<text {place} text-anchor="middle" font-size="12">{escape(line)}</text>'
    shape = f'<rect x="{x}" y="{y}" width="{width}" height="{height(name)}" rx="7" fill="{SOFT}" stroke="{INK}"/>'
    return shape + text


def height(name: str) -> int:
    """Of a box, for its lines."""
    return BOX_HEIGHT - LINE + LINE * len(BOXES[name][4])


def arrow(start: str, end: str, label: str, dashed: bool) -> str:
    """A straight arrow between the nearest sides of two boxes."""
    x1, y1, w1, *_ = BOXES[start]
    x2, y2, w2, *_ = BOXES[end]
    h1, h2 = height(start), height(end)
    if x1 + w1 <= x2 or x2 + w2 <= x1:
        right = x1 + w1 <= x2
        a = (x1 + w1 if right else x1, y1 + h1 / 2)
        b = (x2 if right else x2 + w2, y2 + h2 / 2)
    else:
        down = y1 < y2
        a = (x1 + w1 / 2, y1 + h1 if down else y1)
        b = (x2 + w2 / 2, y2 if down else y2 + h2)
    style = ' stroke-dasharray="5 4"' if dashed else ""
    line = f'<line x1="{a[0]}" y1="{a[1]}" x2="{b[0]}" y2="{b[1]}" stroke="{INK}"{style} marker-end="url(#head)"/>'
    if label:
        line += f'<text x="{(a[0] + b[0]) / 2 + 6}" y="{(a[1] + b[1]) / 2 - 4}" font-size="11">{escape(label)}</text>'
    return line


def draw() -> str:
    """The whole picture."""
    parts = "\n".join([*(arrow(*each) for each in ARROWS), *map(box, BOXES)])
    text = f'font-family="sans-serif" font-size="14" fill="{INK}"'
    head = (
        '<marker id="head" markerWidth="9" markerHeight="8" refX="8" refY="4" orient="auto"><path d="M0 0 9 4 0 8z"/>'
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 940 400" {text}>
<title>The parts of a deployment of imgfn</title>
<defs>{head}</marker></defs>
<rect width="940" height="400" fill="{PAPER}"/>
{parts}
</svg>
"""


if __name__ == "__main__":
    (Path(__file__).parent / "images" / "parts.svg").write_text(draw(), encoding="utf-8")
