"""IIIF Image API 3.0: each form of https://iiif.io/api/image/3.0/, 4.1 to 4.5, by size, format and pixels."""

import io
from collections.abc import Callable

import pytest
from PIL import Image
from werkzeug.test import Client

from imgfn.http.signing import sign
from imgfn.web.app import create_app
from tests.grammars.chart import chart
from tests.pictures import encoded

# Below /iiif/3/chart.png/: size of the answer, where to look (as a share), which square of the chart is seen there.
ROWS = [
    ("full/max/0/default.png", (500, 400), (0.1, 0.1), (0, 0)),
    ("full/max/0/color.png", (500, 400), (0.9, 0.9), (4, 3)),
    ("full/^max/0/default.jpg", (4096, 3277), (0.9, 0.1), (4, 0)),
    ("square/max/0/default.png", (400, 400), (0.0625, 0.1), (0, 0)),
    ("square/200,/0/default.png", (200, 200), (0.9375, 0.1), (4, 0)),
    ("100,100,200,100/max/0/default.png", (200, 100), (0.25, 0.5), (1, 1)),
    ("400,300,200,200/max/0/default.png", (100, 100), (0.5, 0.5), (4, 3)),
    ("0,0,500,400/max/0/default.png", (500, 400), (0.5, 0.1), (2, 0)),
    ("pct:20,25,40,50/max/0/default.png", (200, 200), (0.25, 0.25), (1, 1)),
    ("pct:60,75,40,50/max/0/default.png", (200, 100), (0.75, 0.5), (4, 3)),
    ("pct:19.9,24.9,20.2,25.2/max/0/default.png", (101, 101), (0.5, 0.5), (1, 1)),
    ("full/250,/0/default.png", (250, 200), (0.1, 0.1), (0, 0)),
    ("full/,100/0/default.png", (125, 100), (0.9, 0.9), (4, 3)),
    ("full/pct:50/0/default.png", (250, 200), (0.5, 0.1), (2, 0)),
    ("full/pct:12.5/0/default.png", (62, 50), (0.5, 0.1), (2, 0)),
    ("full/100,200/0/default.png", (100, 200), (0.1, 0.9), (0, 3)),
    ("full/!200,200/0/default.png", (200, 160), (0.1, 0.1), (0, 0)),
    ("full/!9000,100/0/default.png", (125, 100), (0.1, 0.1), (0, 0)),
    ("full/!2000,2000/0/default.png", (500, 400), (0.1, 0.1), (0, 0)),
    ("full/^1000,/0/default.png", (1000, 800), (0.9, 0.1), (4, 0)),
    ("full/^,800/0/default.png", (1000, 800), (0.9, 0.9), (4, 3)),
    ("full/^pct:150/0/default.png", (750, 600), (0.5, 0.1), (2, 0)),
    ("full/^600,300/0/default.png", (600, 300), (0.1, 0.9), (0, 3)),
    ("full/^!1000,1000/0/default.png", (1000, 800), (0.1, 0.1), (0, 0)),
    ("full/^100,/0/default.png", (100, 80), (0.1, 0.1), (0, 0)),
    ("100,100,100,100/50,/0/default.png", (50, 50), (0.5, 0.5), (1, 1)),
    ("100,100,100,100/^300,/0/default.png", (300, 300), (0.5, 0.5), (1, 1)),
    ("full/max/90/default.png", (400, 500), (0.9, 0.1), (0, 0)),
    ("full/max/180/default.png", (500, 400), (0.9, 0.9), (0, 0)),
    ("full/max/270/default.png", (400, 500), (0.1, 0.9), (0, 0)),
    ("full/max/360/default.png", (500, 400), (0.1, 0.1), (0, 0)),
    ("full/max/!0/default.png", (500, 400), (0.9, 0.1), (0, 0)),
    ("full/max/!90/default.png", (400, 500), (0.9, 0.9), (0, 0)),
    ("full/max/!180/default.png", (500, 400), (0.1, 0.9), (0, 0)),
    ("100,100,200,100/100,/90/default.png", (50, 100), (0.5, 0.25), (1, 1)),
    ("full/max/0/default.jpg", (500, 400), (0.9, 0.9), (4, 3)),
    ("full/max/0/default.webp", (500, 400), (0.9, 0.9), (4, 3)),
    ("full/max/0/default.tif", (500, 400), (0.9, 0.9), (4, 3)),
    ("full/max/0/default.gif", (500, 400), (0.9, 0.9), (4, 3)),
]
FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "tif": "TIFF", "gif": "GIF"}


def picture(web: Client, below: str, key: str = "chart.png") -> Image.Image:
    answer = web.get(f"/iiif/3/{key}/{below}")
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.data))


@pytest.mark.parametrize(("below", "size", "place", "square"), ROWS, ids=[row[0] for row in ROWS])
def test_each_form(web: Client, below: str, size: tuple[int, int], place: tuple[float, float], square: tuple[int, int]):
    seen = picture(web, below)
    assert (seen.size, seen.format) == (size, FORMATS[below.rpartition(".")[2]])
    pixel = seen.convert("RGB").getpixel((int(place[0] * size[0]), int(place[1] * size[1])))
    wanted = (square[0] * 50, square[1] * 60, 200)
    assert all(abs(a - b) <= 12 for a, b in zip(pixel, wanted, strict=True)), pixel


def test_grey_has_no_colour_and_bitonal_two_levels(web: Client):
    red, green, blue = picture(web, "full/max/0/gray.png").convert("RGB").split()
    assert red.tobytes() == green.tobytes() == blue.tobytes()
    assert len(red.getcolors()) > 2
    assert {value for _, value in picture(web, "full/max/0/bitonal.png").convert("L").getcolors()} == {0, 255}


def test_any_angle_grows_the_canvas(web: Client):
    turned = picture(web, "full/max/22.5/default.png")
    assert turned.size[0] > 600
    assert turned.size[1] > 500
    assert turned.convert("RGBA").getpixel((0, 0))[3] == 0


@pytest.mark.parametrize(
    ("below", "parameter"),
    [
        ("full/600,/0/default.png", "size"),
        ("full/,401/0/default.png", "size"),
        ("full/pct:101/0/default.png", "size"),
        ("full/pct:0/0/default.png", "size"),
        ("full/0,10/0/default.png", "size"),
        ("full/!10,/0/default.png", "size"),
        ("full/,/0/default.png", "size"),
        ("full/^4097,/0/default.png", "size"),
        ("full/full/0/default.png", "size"),
        ("500,0,10,10/max/0/default.png", "region"),
        ("0,0,0,10/max/0/default.png", "region"),
        ("-1,0,9,9/max/0/default.png", "region"),
        ("middle/max/0/default.png", "region"),
        ("full/max/361/default.png", "rotation"),
        ("full/max/-90/default.png", "rotation"),
        ("full/max/x/default.png", "rotation"),
        ("full/max/0/native.png", "quality"),
        ("full/max/0/default.jp2", "format"),
        ("full/max/0/default", "quality"),
    ],
)
def test_what_is_wrong_is_named(web: Client, below: str, parameter: str):
    answer = web.get(f"/iiif/3/chart.png/{below}")
    assert (answer.status_code, answer.json["parameter"]) == (400, parameter)


def test_a_slash_in_an_identifier_is_sent_encoded(web: Client):
    assert picture(web, "full/max/0/default.png", "a%2Fchart.png").size == (500, 400)
    assert web.get("/iiif/3/a/chart.png/full/max/0/default.png").status_code == 404
    assert web.get("/iiif/3/none.png/full/max/0/default.png").status_code == 404
    assert web.get("/iiif/3/none.png/info.json").status_code == 404


def test_the_base_uri_leads_to_the_information(web: Client):
    moved = web.get("/iiif/3/a%2Fchart.png")
    assert (moved.status_code, moved.headers["Location"]) == (303, "http://localhost/iiif/3/a%2Fchart.png/info.json")
    answer = web.get(moved.headers["Location"])
    told = answer.json
    assert (told["id"], told["width"], told["height"]) == ("http://localhost/iiif/3/a%2Fchart.png", 500, 400)
    assert (told["type"], told["profile"]) == ("ImageService3", "level2")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    linked = web.get("/iiif/3/chart.png/info.json", headers={"Accept": "application/ld+json"})
    assert linked.headers["Content-Type"].startswith("application/ld+json;profile=")
    assert linked.headers["ETag"] != web.get("/iiif/3/chart.png/info.json").headers["ETag"]
    again = web.get("/iiif/3/a%2Fchart.png/info.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_links_name_the_canonical_uri_which_is_the_same_picture(web: Client):
    answer = web.get("/iiif/3/chart.png/pct:20,25,40,50/pct:50/90.0/color.png")
    uri = "http://localhost/iiif/3/chart.png/100,100,200,200/100,100/90/default.png"
    assert answer.headers["Link"].endswith(f'<{uri}>;rel="canonical"')
    assert 'level2.json>;rel="profile"' in answer.headers["Link"]
    assert web.get(uri).headers["ETag"] == answer.headers["ETag"]
    unchanged = web.get(uri, headers={"If-None-Match": answer.headers["ETag"]})
    assert unchanged.status_code == 304
    grown = web.get("/iiif/3/chart.png/full/^1000,/0/default.png")
    assert "/full/^1000,800/0/default.png>" in grown.headers["Link"]


def test_a_picture_has_its_sides_as_it_is_seen(web: Client):
    lying = Image.Exif()
    lying[0x0112] = 6
    assert web.put("/upload/lies.png", data=encoded(chart(), exif=lying)).status_code == 201
    told = web.get("/iiif/3/lies.png/info.json").json
    assert (told["width"], told["height"]) == (400, 500)
    assert picture(web, "full/max/0/default.png", "lies.png").size == (400, 500)


@pytest.mark.parametrize("access", ["styles-only", "signed-only"])
def test_it_is_no_way_around_signatures(web: Client, configure: Callable[..., None], access: str):
    secret = "0123456789abcdef"
    configure(access=access, signing_keys=f"k:{secret}")
    served = Client(create_app())
    for below in ("full/max/0/default.png", "info.json"):
        target = f"/iiif/3/a%2Fchart.png/{below}"
        assert served.get(target).json["code"] == "AccessDenied"
        signed = sign(target, "k", secret, 99_999_999_999)
        assert served.get(signed).status_code == 200
        other = signed.replace("a%2Fchart", "chart")
        assert served.get(other).json["code"] == "SignatureDoesNotMatch"


def test_it_is_off_unless_it_is_set(web: Client, configure: Callable[..., None]):
    configure(grammars="")
    assert Client(create_app()).get("/iiif/3/chart.png/info.json").status_code == 404
