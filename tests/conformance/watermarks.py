"""The rows of watermark, style and sys/saveas."""

import io

from PIL import Image

from imgfn.core.faults import InvalidArgument, MissingArgument
from imgfn.core.kinds import encode_base64
from imgfn.core.plan import parse_oss
from imgfn.http.saveas import parse_saveas
from imgfn.imaging.limits import Limits
from imgfn.imaging.render import render
from imgfn.service.styles import parse_styles
from tests.conformance.pictures import encoded
from tests.conformance.row import Row, allowed, refused

PAGE = encoded(Image.new("RGB", (300, 200), "white"))
MARK = encoded(Image.new("RGB", (40, 20), "red"))
TEXT = f"text_{encode_base64('水印')}"


def marked(arguments: str, process: str = "", source: bytes = PAGE) -> Image.Image:
    """A white page of 300x200 with a red watermark of 40x20 on it."""
    name = encode_base64("mark.png" + (f"?x-oss-process=image/{process}" if process else ""))
    plan = parse_oss(f"image/watermark,image_{name}{arguments}")
    image = Image.open(io.BytesIO(render(source, plan, Limits(), dict.fromkeys(plan.watermarks, MARK)).body))
    return image.convert("RGB")


def written(arguments: str) -> Image.Image:
    """The page with words on it."""
    body = render(PAGE, parse_oss(f"image/watermark,{TEXT}{arguments}"), Limits()).body
    return Image.open(io.BytesIO(body)).convert("RGB")


def place(image: Image.Image) -> tuple[int, int, int, int] | None:
    """The box of all that is not white."""
    return image.convert("L").point([255] * 250 + [0] * 6).getbbox()


def ink(image: Image.Image) -> int:
    return sum(image.convert("L").histogram()[:128])


def height(image: Image.Image) -> int:
    box = place(image)
    return box[3] - box[1] if box else 0


PLACES = {
    "nw": (10, 10),
    "north": (130, 10),
    "ne": (250, 10),
    "west": (10, 90),
    "center": (130, 90),
    "east": (250, 90),
    "sw": (10, 170),
    "south": (130, 170),
    "se": (250, 170),
}

COMMON = [
    *(
        Row(
            "watermark",
            f"g_{g}",
            f"at {at[0]}, {at[1]} on 300x200",
            lambda g=g, at=at: (place(marked(f",g_{g}")) or ())[:2] == at,
        )
        for g, at in PLACES.items()
    ),
    Row("watermark", "g", "se by default", lambda: place(marked("")) == place(marked(",g_se"))),
    Row(
        "watermark", "x, y", "distances to the edges", lambda: (place(marked(",g_se,x_30,y_5")) or ())[2:] == (270, 195)
    ),
    Row("watermark", "x, y", "10 by default; 0 to 4096", lambda: allowed(f"watermark,{TEXT}", "x_", 0, 4096)),
    Row(
        "watermark",
        "x",
        "ignored in the middle column",
        lambda: place(marked(",g_north,x_99")) == place(marked(",g_north")),
    ),
    Row(
        "watermark", "y", "ignored in the middle row", lambda: place(marked(",g_west,y_99")) == place(marked(",g_west"))
    ),
    Row(
        "watermark",
        "voffset",
        "moves the middle row",
        lambda: (place(marked(",g_west,voffset_30")) or ())[:2] == (10, 120),
    ),
    Row("watermark", "voffset", "nothing in other rows", lambda: place(marked(",voffset_30")) == place(marked(""))),
    Row(
        "watermark",
        "t",
        "opacity in percent",
        lambda: marked(",t_50").getpixel((270, 180)) in ((255, 127, 127), (255, 128, 128)),
    ),
    Row("watermark", "t", "0 to 100", lambda: allowed(f"watermark,{TEXT}", "t_", 0, 100)),
    Row("watermark", "fill_1", "tiles", lambda: place(marked(",fill_1,x_0,y_0")) == (0, 0, 300, 200)),
    Row(
        "watermark",
        "padx, pady",
        "gaps between tiles",
        lambda: ink(marked(",fill_1,padx_40,pady_20")) < ink(marked(",fill_1")),
    ),
]

IMAGE = [
    Row("watermark", "image", "another object of the store", lambda: place(marked("")) == (250, 170, 290, 190)),
    Row(
        "watermark", "image", "may be processed first", lambda: place(marked("", "resize,w_20")) == (270, 180, 290, 190)
    ),
    Row(
        "watermark",
        "image",
        "may be turned and cut",
        lambda: place(marked("", "crop,w_10,h_20/rotate,90")) == (270, 180, 290, 190),
    ),
    Row(
        "watermark",
        "P",
        "percent of the main picture",
        lambda: place(marked("", "resize,P_30")) == (200, 145, 290, 190),
    ),
    Row(
        "watermark",
        "times",
        "at most 3 images a request",
        lambda: (
            refused("/".join(["watermark,image_bWFyay5wbmc"] * 4)) and not refused("/".join([f"watermark,{TEXT}"] * 4))
        ),
    ),
    Row("watermark", "image, text", "one is needed", lambda: refused("watermark,t_50", MissingArgument)),
]

WORDS = [
    Row("watermark", "text", "Chinese is drawn", lambda: ink(written("")) > 100),
    Row("watermark", "text", "at most 64 characters", lambda: refused(f"watermark,text_{encode_base64('字' * 65)}")),
    Row(
        "watermark",
        "color",
        "RRGGBB",
        lambda: (255, 0, 0) in [c for _, c in written(",color_FF0000").getcolors(65536) or []],
    ),
    Row(
        "watermark",
        "size",
        "height of the letters",
        lambda: height(written(",size_80")) > 1.8 * height(written(",size_40")),
    ),
    Row("watermark", "size", "1 to 1000", lambda: allowed(f"watermark,{TEXT}", "size_", 1, 1000)),
    Row(
        "watermark",
        "rotate",
        "turns clockwise",
        lambda: height(written(",size_40,rotate_90")) > height(written(",size_40")),
    ),
    Row(
        "watermark",
        "shadow",
        "opacity of a shadow",
        lambda: ink(written(",color_FFFFFF,shadow_100")) > ink(written(",color_FFFFFF")),
    ),
    Row(
        "watermark",
        "type",
        "a font that is not there is stood in for, and a note says so",
        lambda: "nofont" in _notes(f",type_{encode_base64('nofont')}"),
    ),
    Row("watermark", "order", "0: image first; 1: text first", lambda: _red_edge(",order_0") < _red_edge(",order_1")),
    Row(
        "watermark",
        "align",
        "0 top, 1 middle, 2 bottom",
        lambda: _red_top(",align_0") < _red_top(",align_1") < _red_top(",align_2"),
    ),
    Row("watermark", "interval", "distance between both", lambda: _red_edge(",interval_50") < _red_edge(",interval_0")),
]


def _notes(arguments: str) -> str:
    return "; ".join(render(PAGE, parse_oss(f"image/watermark,{TEXT}{arguments}"), Limits()).notes)


def _red(arguments: str) -> Image.Image:
    mixed = marked(f",{TEXT},size_60{arguments}")
    return mixed.point(
        [255 if level > 200 else 0 for level in range(256)] + [255 if level < 60 else 0 for level in range(256)] * 2
    )


def _red_box(arguments: str) -> tuple[int, int, int, int]:
    """Where the red image lies in a watermark of image and text."""
    bands = _red(arguments).split()
    found = Image.composite(bands[0], Image.new("L", bands[0].size), bands[1]).getbbox()
    assert found is not None
    return found


def _red_edge(arguments: str) -> int:
    return _red_box(arguments)[0]


def _red_top(arguments: str) -> int:
    return _red_box(arguments)[1]


def _saves(text: str) -> bool:
    wish = parse_saveas(text)
    return (wish.process, wish.key, wish.bucket) == ("image/resize,w_9", "a/b.png", "mine")


def _named(name: str) -> bool:
    try:
        return name in parse_styles(f'"{name}" = "rotate/9"')
    except ValueError:
        return False


ELSEWHERE = [
    Row(
        "style",
        "name",
        "1 to 63 of A-Z a-z 0-9 _ . -",
        lambda: _named("a.B_9-" + "x" * 57) and not _named("x" * 64) and not _named("a b"),
    ),
    Row(
        "style",
        "plan",
        "a stored chain of actions",
        lambda: parse_styles('t = "image/resize,w_9"')["t"] == parse_oss("image/resize,w_9"),
    ),
    Row(
        "sys/saveas",
        "o_, b_",
        "base64 of object and bucket",
        lambda: _saves(f"image/resize,w_9|sys/saveas,o_{encode_base64('a/b.png')},b_{encode_base64('mine')}"),
    ),
    Row("sys/saveas", "GET", "400", lambda: refused("resize,w_9|sys/saveas,o_YQ", InvalidArgument)),
]

ROWS = [*COMMON, *IMAGE, *WORDS, *ELSEWHERE]
