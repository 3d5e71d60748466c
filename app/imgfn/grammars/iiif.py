"""IIIF Image API 3.0, level 2 (https://iiif.io/api/image/3.0/): image requests and info.json."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from imgfn.core.faults import NotFound
from imgfn.core.key import Key
from imgfn.core.output import Box, Size
from imgfn.grammars.asked import Asked, SizeOf, Translated, plan_of, refused

MOUNT = "/iiif/3"
CONTEXT = "http://iiif.io/api/image/3/context.json"
PROFILE = '<http://iiif.io/api/image/3/level2.json>;rel="profile"'
FORMATS = {"jpg": "jpg", "png": "png", "gif": "gif", "webp": "webp", "tif": "tiff"}
QUALITIES = {"default": "", "color": "", "gray": "grayscale", "bitonal": "bitonal"}
FEATURES = ("mirroring", "rotationArbitrary", "sizeUpscaling")  # beyond those of level 2
TILE = 512
ENLARGED = 4096  # pixels of the longer side up to which ^ enlarges; a larger picture has its own
NUMBER = r"(\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})"
PIXELS = re.compile(r"(\d{1,9}),(\d{1,9}),(\d{1,9}),(\d{1,9})", re.ASCII)
SHARES = re.compile(rf"pct:{NUMBER},{NUMBER},{NUMBER},{NUMBER}", re.ASCII)
SHARE = re.compile(rf"pct:{NUMBER}", re.ASCII)
BOX = re.compile(r"!(\d{1,9}),(\d{1,9})", re.ASCII)
SIDES = re.compile(r"(\d{0,9}),(\d{0,9})", re.ASCII)
ROTATION = re.compile(rf"(!?){NUMBER}", re.ASCII)
REGION_EXPECTED = "full, square, x,y,w,h or pct:x,y,w,h that overlaps the picture"
SIZE_EXPECTED = "max, w,  ,h  w,h  !w,h or pct:n, with ^ before it where it enlarges, and no side of 0"


@dataclass(frozen=True)
class Service:
    """The base URI of a picture: it leads on to info.json, which it is where `described`."""

    key: Key
    described: bool

    def information(self, base: str, size: Size) -> dict[str, Any]:
        """What info.json says (5. Image Information); `base` is the URI of the mount."""
        width, height = size
        factors = [1 << power for power in range((max(size) // TILE).bit_length() + 1)]
        return {
            "@context": CONTEXT,
            "id": f"{base}/{_identifier(self.key)}",
            "type": "ImageService3",
            "protocol": "http://iiif.io/api/image",
            "profile": "level2",
            "width": width,
            "height": height,
            "maxWidth": most_side(size),
            "tiles": [{"width": TILE, "height": TILE, "scaleFactors": factors}],
            "extraFormats": [name for name in FORMATS if name not in ("jpg", "png")],
            "extraQualities": [name for name in QUALITIES if name != "default"],
            "extraFeatures": list(FEATURES),
        }


def read(segments: Sequence[str], base: str) -> Asked | Service:
    """The path below the mount, divided at its slashes and then decoded: one in an identifier is sent as %2F.

    Raises NotFound for a path of another shape, InvalidArgument for a part that cannot be done.
    """
    if len(segments) == 1:
        return Service(Key.parse(segments[0]), described=False)
    if len(segments) == 2 and segments[1] == "info.json":
        return Service(Key.parse(segments[0]), described=True)
    if len(segments) != 5:
        raise NotFound(
            "this is no IIIF request",
            expected=f"{MOUNT}/<key, its slashes as %2F>/<region>/<size>/<rotation>/<quality>.<format>, or …/info.json",
        )
    identifier, region, size, rotation, last = segments
    quality, _, format_ = last.rpartition(".")
    if quality not in QUALITIES:
        raise refused("quality", quality, "one of " + ", ".join(QUALITIES))
    if format_ not in FORMATS:
        raise refused("format", format_, "one of " + ", ".join(FORMATS))
    turned = ROTATION.fullmatch(rotation)
    if turned is None or float(turned[2]) > 360:
        raise refused("rotation", rotation, "degrees from 0 to 360, with ! before them to mirror first")
    mirrored, angle = bool(turned[1]), f"{float(turned[2]):.4f}".rstrip("0").rstrip(".")
    key = Key.parse(identifier)

    def translate(size_of: SizeOf) -> Translated:
        whole = size_of(key)
        left, top, right, bottom = box = region_box(region, whole)
        cut = right - left, bottom - top
        scaled, enlarged = scaled_size(size, cut, most_side(whole))
        full = box == (0, 0, *whole)
        plan = plan_of(
            "" if full else f"crop/w_{cut[0]},h_{cut[1]},x_{left},y_{top}",
            "" if scaled == cut else f"resize/w_{scaled[0]},h_{scaled[1]},m_fixed,limit_0",
            "flip/h" if mirrored else "",
            "" if float(angle) % 360 == 0 else f"rotate/{angle}",
            QUALITIES[quality],
            f"format/{FORMATS[format_]}",
        )
        canonical = (
            _identifier(key),
            "full" if full else f"{left},{top},{cut[0]},{cut[1]}",
            "max" if scaled == cut else f"{'^' if enlarged else ''}{scaled[0]},{scaled[1]}",
            ("!" if mirrored else "") + angle,
            f"{'default' if quality == 'color' else quality}.{format_}",
        )
        return Translated(plan, {"Link": f'{PROFILE}, <{base}/{"/".join(canonical)}>;rel="canonical"'})

    return Asked(key, translate)


def region_box(region: str, whole: Size) -> Box:
    """The part of a picture that 4.1 means, clipped at its edges. Raises InvalidArgument where nothing is left."""
    width, height = whole
    if region == "full":
        return (0, 0, width, height)
    if region == "square":
        side = min(whole)
        left, top = (width - side) // 2, (height - side) // 2
        return (left, top, left + side, top + side)
    if found := PIXELS.fullmatch(region):
        x, y, w, h = map(int, found.groups())
    elif found := SHARES.fullmatch(region):
        part = [float(share) / 100 for share in found.groups()]
        x, y, w, h = (round(share * side) for share, side in zip(part, whole * 2, strict=True))
    else:
        raise refused("region", region, REGION_EXPECTED)
    right, bottom = min(width, x + w), min(height, y + h)
    if right <= x or bottom <= y:
        raise refused("region", region, REGION_EXPECTED)
    return (x, y, right, bottom)


def most_side(whole: Size) -> int:
    """The longest side that an answer may have, which info.json tells."""
    return max(ENLARGED, *whole)


def scaled_size(size: str, cut: Size, most: int) -> tuple[Size, bool]:
    """The size that 4.2 means, and whether a side grows.

    Raises InvalidArgument where a side grows without ^, is 0 or is longer than `most`. A box (!w,h) that is larger than
    the region gives the region as it is.
    """
    width, height = cut
    wanted = size.removeprefix("^")
    upscales = wanted != size
    if wanted == "max":
        scaled = _inside(cut, most, most) if upscales else cut
    elif found := SHARE.fullmatch(wanted):
        ratio = float(found[1]) / 100
        scaled = round(width * ratio), round(height * ratio)
    elif found := BOX.fullmatch(wanted):
        w, h = (min(int(side), most) for side in found.groups())
        scaled = _inside(cut, w, h) if upscales else _inside(cut, min(w, width), min(h, height))
    elif (found := SIDES.fullmatch(wanted)) and any(found.groups()):
        wide, high = found.groups()
        scaled = (
            int(wide) if wide else round(width * int(high) / height),
            int(high) if high else round(height * int(wide) / width),
        )
    else:
        raise refused("size", size, SIZE_EXPECTED)
    enlarged = scaled[0] > width or scaled[1] > height
    if 0 in scaled or max(scaled) > most or (enlarged and not upscales):
        raise refused("size", size, f"{SIZE_EXPECTED} or over {most}")
    return scaled, enlarged


def _inside(cut: Size, width: int, height: int) -> Size:
    """The largest size of the same proportions that fits."""
    ratio = min(width / cut[0], height / cut[1])
    return min(width, round(cut[0] * ratio)), min(height, round(cut[1] * ratio))


def _identifier(key: Key) -> str:
    return quote(key, safe="")
