"""One row for each promise of OSS's image actions: what is documented, and how we show that it holds here.

https://help.aliyun.com/zh/oss/user-guide/overview-17 and the page of each action.
"""

import io
import json

from PIL import Image

from imgfn.core.faults import MissingArgument
from tests.conformance import watermarks
from tests.conformance.pictures import JPEG, PNG, animation, answer, colour, encoded, picture, quarters, size
from tests.conformance.row import Row, allowed, refused

RED, LIME, BLUE, WHITE = (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255), (255, 255, 255, 255)


def near(found: tuple[int, ...], expected: tuple[int, ...], tolerance: int = 12) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(found, expected, strict=True))


def jpeg_quality(body: bytes) -> int:
    """The sum of the luminance table: the smaller, the better the quality."""
    return sum(Image.open(io.BytesIO(body)).quantization[0])


def upright() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    return encoded(quarters(), "JPEG", quality=95, exif=exif)


def info(source: bytes = PNG) -> dict[str, dict[str, str]]:
    told: dict[str, dict[str, str]] = json.loads(answer("info", source).body)
    return told


RESIZE = [
    Row("resize", "m_lfit", "fits inside w x h; the default", lambda: size("resize,w_150,h_80") == (150, 75)),
    Row("resize", "m_mfit", "covers w x h", lambda: size("resize,m_mfit,w_150,h_80") == (160, 80)),
    Row(
        "resize",
        "m_fill",
        "covers w x h and cuts the centre out",
        lambda: (
            size("resize,m_fill,w_150,h_80") == (150, 80)
            and near(colour("resize,m_fill,w_50,h_50", 12, 12), RED)
            and near(colour("resize,m_fill,w_50,h_50", 37, 12), LIME)
        ),
    ),
    Row(
        "resize",
        "m_pad",
        "fits inside w x h and fills the rest with white",
        lambda: (
            size("resize,m_pad,w_150,h_80") == (150, 80)
            and colour("resize,m_pad,w_150,h_80", 75, 0) == WHITE
            and near(colour("resize,m_pad,w_150,h_80", 20, 20), RED)
        ),
    ),
    Row("resize", "m_fixed", "exactly w x h", lambda: size("resize,m_fixed,w_150,h_80") == (150, 80)),
    Row("resize", "m_fixed", "with one side a square", lambda: size("resize,m_fixed,h_80") == (80, 80)),
    Row("resize", "w", "alone keeps the proportions", lambda: size("resize,w_99") == (99, 50)),
    Row("resize", "h", "alone keeps the proportions", lambda: size("resize,h_33") == (66, 33)),
    Row(
        "resize", "w, h", "1 to 16384", lambda: allowed("resize", "w_", 1, 16384) and allowed("resize", "h_", 1, 16384)
    ),
    Row("resize", "l", "the longer side", lambda: size("resize,l_100") == (100, 50)),
    Row("resize", "s", "the shorter side", lambda: size("resize,s_40") == (80, 40)),
    Row("resize", "l, s", "are ignored where w or h is given", lambda: size("resize,w_50,l_180,s_90") == (50, 25)),
    Row("resize", "p", "percent of the source", lambda: size("resize,p_50") == (100, 50)),
    Row("resize", "p", "1 to 1000", lambda: allowed("resize", "p_", 1, 1000)),
    Row(
        "resize",
        "limit_1",
        "a target larger than the source gives the source",
        lambda: size("resize,w_400") == (200, 100),
    ),
    Row("resize", "limit_0", "enlarges", lambda: size("resize,w_400,limit_0") == (400, 200)),
    Row(
        "resize",
        "color",
        "fills what m_pad leaves free",
        lambda: colour("resize,m_pad,w_150,h_80,color_FF8800", 75, 0) == (255, 136, 0, 255),
    ),
    Row(
        "resize",
        "rounding",
        "the scaled side rounds half up",
        lambda: (
            size("resize,w_3", encoded(quarters(4, 2))) == (3, 2)
            and size("resize,w_1", encoded(quarters(4, 2))) == (1, 1)
        ),
    ),
    Row("resize", "none", "is refused without a size", lambda: refused("resize", MissingArgument)),
    Row(
        "resize",
        "animation",
        "an animated GIF only shrinks",
        lambda: size("resize,w_80,limit_0", animation()) == (40, 20) and size("resize,w_20", animation()) == (20, 10),
    ),
    Row(
        "resize",
        "animation",
        "keeps its frames",
        lambda: getattr(picture("resize,w_20", animation()), "n_frames", 1) == 3,
    ),
]

CROP = [
    Row("crop", "w, h", "the size that stays", lambda: size("crop,w_30,h_20") == (30, 20)),
    Row("crop", "w, h", "left out or larger: to the edge", lambda: size("crop,w_900,y_40") == (200, 60)),
    Row("crop", "x, y", "move the origin", lambda: colour("crop,w_10,h_10,x_100,y_50", 0, 0) == WHITE),
    *(
        Row(
            "crop",
            f"g_{anchor}",
            f"starts at {place}",
            lambda a=anchor, c=corner: colour(f"crop,w_80,h_40,g_{a}", 1, 1) == c,
        )
        for anchor, place, corner in (
            ("nw", "0, 0", RED),
            ("north", "(W-w)/2, 0", RED),
            ("ne", "W-w, 0", LIME),
            ("west", "0, (H-h)/2", RED),
            ("center", "(W-w)/2, (H-h)/2", RED),
            ("east", "W-w, (H-h)/2", LIME),
            ("sw", "0, H-h", BLUE),
            ("south", "(W-w)/2, H-h", BLUE),
            ("se", "W-w, H-h", WHITE),
        )
    ),
    Row(
        "crop", "g, x, y", "offset from the anchor", lambda: colour("crop,w_20,h_20,g_center,x_20,y_20", 0, 0) == WHITE
    ),
    Row("crop", "edge", "what lies outside is cut off", lambda: size("crop,w_100,h_100,x_150,y_70") == (50, 30)),
    Row("crop", "edge", "an origin outside is refused", lambda: refused("crop,x_200") and refused("crop,y_100")),
    Row("indexcrop", "x, i", "strip i of that width", lambda: colour("indexcrop,x_100,i_1", 0, 0) == LIME),
    Row("indexcrop", "y, i", "strip i of that height", lambda: colour("indexcrop,y_50,i_1", 0, 0) == BLUE),
    Row("indexcrop", "x, y", "y wins", lambda: size("indexcrop,x_10,y_50") == (200, 50)),
    Row("indexcrop", "i", "past the end: the source", lambda: size("indexcrop,x_100,i_2") == (200, 100)),
    Row("indexcrop", "i", "the last strip may be narrower", lambda: size("indexcrop,x_150,i_1") == (50, 100)),
    Row("indexcrop", "x_0", "is refused", lambda: refused("indexcrop,x_0")),
]

SHAPES = [
    Row("rotate", "value", "clockwise", lambda: colour("rotate,90", 0, 0) == BLUE),
    Row("rotate", "value", "0 to 360", lambda: allowed("rotate", "", 0, 360)),
    Row("rotate", "value", "the canvas grows", lambda: min(size("rotate,45")) > 200),
    Row("rotate", "corners", "transparent where the format can", lambda: colour("rotate,45", 0, 0)[3] == 0),
    Row("rotate", "corners", "white elsewhere", lambda: near(colour("rotate,45", 0, 0, JPEG), WHITE)),
    Row(
        "rotate",
        "limit",
        "pictures over 4096 px a side are refused",
        lambda: size("rotate,90", encoded(Image.new("L", (5000, 3)))) == (3, 5000),
        "no such limit here",
    ),
    Row("auto-orient", "1", "applies the EXIF orientation", lambda: size("auto-orient,1", upright()) == (100, 200)),
    Row("auto-orient", "0", "leaves the picture as stored", lambda: size("auto-orient,0", upright()) == (200, 100)),
    Row(
        "auto-orient",
        "without it",
        "the picture stays as stored",
        lambda: size("quality,Q_80", upright()) == (100, 200),
        "applied by default: metadata goes, so the orientation would be lost",
    ),
    Row("circle", "r", "2r+1 square", lambda: size("circle,r_20") == (41, 41)),
    Row("circle", "r", "cut to (short-1)/2", lambda: size("circle,r_4096") == (99, 99)),
    Row("circle", "r", "1 to 4096", lambda: allowed("circle", "r_", 1, 4096)),
    Row(
        "circle",
        "outside",
        "transparent, white in JPEG",
        lambda: colour("circle,r_20", 0, 0)[3] == 0 and near(colour("circle,r_20", 0, 0, JPEG), WHITE),
    ),
    Row("rounded-corners", "r", "keeps the size", lambda: size("rounded-corners,r_30") == (200, 100)),
    Row(
        "rounded-corners",
        "r",
        "outside transparent, white in JPEG",
        lambda: (
            colour("rounded-corners,r_30", 0, 0)[3] == 0
            and colour("rounded-corners,r_30", 30, 30) == RED
            and near(colour("rounded-corners,r_20", 0, 0, JPEG), WHITE)
        ),
    ),
    Row(
        "rounded-corners",
        "r",
        "capped at half the short side",
        lambda: colour("rounded-corners,r_4096", 100, 2)[3] == 255,
    ),
]

COLOURS = [
    Row(
        "blur",
        "r, s",
        "both needed",
        lambda: refused("blur,r_3", MissingArgument) and refused("blur,s_3", MissingArgument),
    ),
    Row("blur", "r, s", "1 to 50", lambda: allowed("blur,s_2", "r_", 1, 50) and allowed("blur,r_2", "s_", 1, 50)),
    Row("blur", "r, s", "mixes neighbours", lambda: 90 < colour("blur,r_9,s_5", 100, 20)[0] < 165),
    Row("bright", "value", "-100 to 100", lambda: allowed("bright", "", -100, 100)),
    Row("bright", "value", "0 changes nothing", lambda: colour("bright,0", 20, 20) == RED),
    Row(
        "bright",
        "value",
        "more is brighter",
        lambda: colour("bright,50", 30, 20, JPEG)[0] > colour("bright,0", 30, 20, JPEG)[0],
    ),
    Row("contrast", "value", "-100 to 100", lambda: allowed("contrast", "", -100, 100)),
    Row("contrast", "value", "0 changes nothing", lambda: colour("contrast,0", 20, 20) == RED),
    Row("contrast", "value", "less is nearer to grey", lambda: max(colour("contrast,-50", 20, 20)[:3]) < 200),
    Row("sharpen", "value", "50 to 399", lambda: allowed("sharpen", "", 50, 399)),
    Row("sharpen", "value", "keeps flat parts", lambda: colour("sharpen,100", 20, 20) == RED),
]

OUTPUT = [
    *(
        Row(
            "format",
            name,
            f"writes {kind}",
            lambda n=name, k=kind: Image.open(io.BytesIO(answer(f"format,{n}").body)).format == k,
        )
        for name, kind in (("jpg", "JPEG"), ("png", "PNG"), ("webp", "WEBP"), ("bmp", "BMP"), ("tiff", "TIFF"))
    ),
    *(
        Row("format", name, f"writes {name.upper()}", lambda n=name: answer(f"format,{n}").content_type == f"image/{n}")
        for name in ("avif", "heic")
    ),
    Row("format", "gif", "an animated GIF stays one", lambda: picture("format,gif", animation()).format == "GIF"),
    Row(
        "format",
        "gif",
        "of another source: the source's format stays",
        lambda: picture("format,gif").format == "GIF",
        "any picture can become a GIF",
    ),
    Row(
        "format",
        "jpg",
        "transparency turns white",
        lambda: near(colour("format,jpg", 5, 5, encoded(Image.new("RGBA", (10, 10), (0, 0, 0, 0)))), WHITE),
    ),
    Row("quality", "q, Q", "1 to 100", lambda: allowed("quality", "q_", 1, 100) and allowed("quality", "Q_", 1, 100)),
    Row(
        "quality",
        "q",
        "relative to the source's own JPEG quality",
        lambda: (
            jpeg_quality(answer("quality,q_50", JPEG).body)
            == jpeg_quality(answer("quality,Q_45", JPEG).body)
            > jpeg_quality(answer("quality,q_100", JPEG).body)
        ),
    ),
    Row(
        "quality",
        "Q",
        "at most the source's own",
        lambda: jpeg_quality(answer("quality,Q_100", JPEG).body) == jpeg_quality(answer("quality,Q_90", JPEG).body),
    ),
    Row(
        "quality",
        "q, Q",
        "Q wins",
        lambda: jpeg_quality(answer("quality,q_10,Q_80", JPEG).body) == jpeg_quality(answer("quality,Q_80", JPEG).body),
    ),
    Row("quality", "PNG", "means nothing", lambda: answer("quality,Q_10").body == answer("quality,Q_90").body),
    Row(
        "interlace",
        "1",
        "a progressive JPEG; 0 a baseline one",
        lambda: (
            "progressive" in picture("interlace,1", JPEG).info
            and "progressive" not in picture("interlace,0", JPEG).info
        ),
    ),
]

REPORTS = [
    Row(
        "info",
        "",
        "JSON, every value an object of one string",
        lambda: (
            info()["ImageWidth"] == {"value": "200"}
            and info()["ImageHeight"] == {"value": "100"}
            and info()["Format"] == {"value": "png"}
            and info()["FrameCount"] == {"value": "1"}
            and info()["FileSize"] == {"value": str(len(PNG))}
        ),
    ),
    Row("info", "", "the frames of an animation", lambda: info(animation())["FrameCount"] == {"value": "3"}),
    Row("info", "", "EXIF tags by name", lambda: "Orientation" in info(upright())),
    Row("info", "", "Format of a JPEG is jpg", lambda: info(JPEG)["Format"] == {"value": "jpg"}),
    Row(
        "average-hue",
        "",
        "0xRRGGBB",
        lambda: answer("average-hue", encoded(Image.new("RGB", (9, 9), "#12ab9f"))).body == b"0x12AB9F",
    ),
    Row("info", "", "nothing comes after it", lambda: refused("info/rotate,90")),
    Row(
        "info",
        "",
        "is the only action",
        lambda: answer("rotate,90/info").body == answer("info").body,
        "steps may stand before it; it tells of the source all the same",
    ),
]

ROWS = [*RESIZE, *CROP, *SHAPES, *COLOURS, *OUTPUT, *REPORTS, *watermarks.ROWS]
