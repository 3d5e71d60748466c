"""Every file of a folder as imgfn shows it beside Chromium or ImageMagick: `IMGFN_CORPUS=DIR make compare-formats`.

Chromium is asked for what browsers show, ImageMagick for TIFF and HEIC, and for what Chromium refuses. The first frame
of each file is laid upright, in sRGB and at its full size, and the mean of all differences is told in levels (0 to
255), hidden colours left out. It prints a table of the kinds and a line for each file that is LEVELS or more apart,
that one of the two refuses, or whose sizes differ. It ends with 1 where a file that the other shows is refused.
"""

import base64
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms

import imgfn.ops  # noqa: F401  fills the registry
from imgfn.core.faults import Fault, ImageTooLarge
from imgfn.core.formats import SNIFF_BYTES, sniff
from imgfn.core.plan import parse_path
from imgfn.imaging.limits import Limits
from imgfn.imaging.render import render
from tests.pictures import difference, opened

LEVELS = 2.0
SECONDS = 60
SHOWN_BY_BROWSERS = ("jpg", "png", "webp", "avif", "gif", "bmp", "ico", "svg")
# All pixels of a picture on a page, as the browser itself draws it.
IN_THE_PAGE = """async ([data, type]) => {
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([Uint8Array.from(atob(data), c => c.charCodeAt(0))], {type}));
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const page = canvas.getContext("2d");
  page.drawImage(image, 0, 0);
  const {data: pixels} = page.getImageData(0, 0, canvas.width, canvas.height);
  let text = "";
  for (let i = 0; i < pixels.length; i += 32768) text += String.fromCharCode.apply(null, pixels.subarray(i, i + 32768));
  return [canvas.width, canvas.height, btoa(text)];
}"""


@dataclass(frozen=True)
class Compared:
    """One file: what shows it beside us, and how far apart the two are."""

    file: Path
    kind: str
    other: str  # "" where nothing else shows it
    ours: bool
    levels: float | None = None  # None: there is nothing to compare
    remark: str = ""


def ours(body: bytes) -> Image.Image | None:
    """The picture as imgfn shows it; None where it is refused. Raises ImageTooLarge."""
    try:
        made = render(body, parse_path("frame/0/strip/format/tiff")[0], Limits())
    except ImageTooLarge:
        raise
    except Fault:
        return None
    return opened(made.body).convert("RGBA")


@contextmanager
def chromium() -> Iterator[Any]:
    """A page of Chromium whose screen is sRGB."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--force-color-profile=srgb"]
        )
        yield browser.new_page()
        browser.close()


def by_chromium(page: Any, body: bytes, content_type: str) -> Image.Image | None:
    """The picture as Chromium shows it."""
    try:
        width, height, pixels = page.evaluate(IN_THE_PAGE, [base64.b64encode(body).decode(), content_type])
    except Exception:  # its error has no class of its own
        return None
    return Image.frombytes("RGBA", (width, height), base64.b64decode(pixels))


def by_imagemagick(file: Path, name: str, profile: Path) -> Image.Image | None:
    """The picture as ImageMagick shows it, its first frame upright and in sRGB."""
    command = next((found for found in ("/usr/bin/magick", "/usr/bin/convert") if Path(found).exists()), "convert")
    read = {"jpg": "jpeg", "heic": "heic"}.get(name, name)
    steps = ["-auto-orient", "-profile", str(profile), "-colorspace", "sRGB", "-depth", "8", "-strip", "png32:-"]
    try:
        made = subprocess.run([command, f"{read}:{file}[0]", *steps], capture_output=True, timeout=SECONDS)
        return opened(made.stdout).convert("RGBA") if made.stdout else None
    except (subprocess.TimeoutExpired, OSError, ValueError):
        return None


def compare(file: Path, page: Any, profile: Path) -> Compared | None:
    """None for what is no image by its first bytes."""
    body = file.read_bytes()
    format_ = sniff(body[:SNIFF_BYTES])
    if format_ is None:
        return None
    try:
        own = ours(body)
    except ImageTooLarge as fault:
        return Compared(file, format_.name, "", False, remark=f"over a limit: {fault.detail}")
    other, shown = "", None
    if format_.name in SHOWN_BY_BROWSERS:
        other, shown = "Chromium", by_chromium(page, body, format_.content_type)
    if shown is None:
        other, shown = "ImageMagick", by_imagemagick(file, format_.name, profile)
    if own is None or shown is None:
        return Compared(file, format_.name, other if shown else "", own is not None)
    if own.size != shown.size:
        return Compared(file, format_.name, other, True, remark=f"{own.size} here, {shown.size} in {other}")
    return Compared(file, format_.name, other, True, difference(own, shown))


def report(found: list[Compared]) -> list[str]:
    """A table of the kinds, then what is to be explained."""
    kinds = defaultdict(list)
    for one in found:
        kinds[one.kind].append(one)
    lines = ["| kind | files | compared | under 2 levels | mean | only the other shows | only imgfn shows | neither |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for kind, files in sorted(kinds.items()):
        levels = [one.levels for one in files if one.levels is not None]
        cells = (
            kind,
            len(files),
            len(levels),
            sum(level < LEVELS for level in levels),
            f"{sum(levels) / max(1, len(levels)):.2f}",
            sum(bool(one.other) and not one.ours for one in files),
            sum(one.ours and not one.other for one in files),
            sum(not one.ours and not one.other for one in files),
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    for one in found:
        if one.levels is not None and one.levels >= LEVELS:
            lines.append(f"{one.levels:6.1f} levels from {one.other}: {one.file}")
        elif one.remark:
            lines.append(f"{one.remark}: {one.file}")
        elif one.other and not one.ours:
            lines.append(f"refused, shown by {one.other}: {one.file}")
        elif one.ours and not one.other:
            lines.append(f"shown here only: {one.file}")
    return lines


def main() -> int:
    folder = Path(os.environ["IMGFN_CORPUS"])
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    with tempfile.TemporaryDirectory() as scratch, chromium() as page:
        profile = Path(scratch) / "srgb.icc"
        profile.write_bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
        found = []
        for number, file in enumerate(files, 1):
            print(f"\r{number} of {len(files)}", end="", file=sys.stderr, flush=True)
            if one := compare(file, page, profile):
                found.append(one)
    print("\n".join(report(found)))
    return 1 if any(one.other and not one.ours for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
