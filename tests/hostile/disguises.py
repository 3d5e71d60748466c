"""Files that are not what they say, or two things at once. Made, never kept."""

import io
import zipfile
import zlib

from PIL import Image

from tests.hostile.bombs import gif, jpeg, jpeg_with, png, png_chunk, segment

SCRIPT = b"<script>alert(document.domain)</script>"
PAYLOAD = b"PAYLOAD-9f1c"  # no result may have it
GPS_PLACE = "Somewhere near home"

# Announced as pictures by their names only: 415, none is ever handed to a decoder.
NOT_PICTURES = {
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (w) file\n",
    "dos_eps": b"\xc5\xd0\xd3\xc6" + bytes(26) + b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "pdf": b"%PDF-1.7\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n",
    "mvg": b"push graphic-context\nviewbox 0 0 9 9\nfill 'url(https://example.com/\";id\")'\npop graphic-context\n",
    "msl": b'<?xml version="1.0"?><image><read filename="/etc/passwd"/></image>',
    "csv": b"width,height\n65535,65535\n",
    "html": b"<!DOCTYPE html><html><body>" + SCRIPT + b"<svg></svg></body></html>",
    "html_with_svg": b"<html><svg xmlns='http://www.w3.org/2000/svg'>" + SCRIPT + b"</svg></html>",
    "javascript": b"alert(document.domain)//",
    "php": b"<?php system($_GET[0]); ?>",
    "xpm": b'/* XPM */ static char *x[] = {"99999 99999 1 1"};',
    "ppm": b"P6\n60000 60000\n255\n",
    "hdr": b"#?RADIANCE\n\n-Y 60000 +X 60000\n",
    "exr": b"\x76\x2f\x31\x01" + bytes(60),
    "psd": b"8BPS\0\1" + bytes(60),
    "fits": b"SIMPLE  =                    T" + b" " * 50,
    "matlab": b"MATLAB 5.0 MAT-file" + bytes(107),
    "vips": b"\xb6\xa6\xf2\x08" + bytes(60),
    "mp4": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(40),
    "zip": b"PK\x03\x04" + bytes(26),
    "elf": b"\x7fELF\x02\x01\x01" + bytes(57),
    "wmf": b"\xd7\xcd\xc6\x9a" + bytes(60),
    "nothing": b"",
    "one_byte": b"\xff",
    "spaces": b" " * 4096,
}


def gif_and_javascript() -> bytes:
    """GIF89a/*…*/=1;alert(1): a picture for the eye, a program for a <script>."""
    plain = bytearray(gif(0x2F2A // 256, 8))
    plain[6:8] = b"/*"  # the canvas' width, 10,799
    return bytes(plain) + b"*/=1;alert('" + PAYLOAD + b"')//"


def jpeg_and_html() -> bytes:
    return jpeg_with(segment(0xFE, b"<html>" + SCRIPT + PAYLOAD + b"<!--")) + b"-->" + SCRIPT + PAYLOAD


def jpeg_and_zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("payload.class", PAYLOAD)
    return jpeg() + packed.getvalue()


def jpeg_and_pdf() -> bytes:
    return jpeg_with(segment(0xFE, b"\n%PDF-1.4\n" + PAYLOAD)) + b"\n%%EOF\n"


def png_and_php() -> bytes:
    """In a text, in a chunk of our own, in the profile and behind the end."""
    profile = b"icc\0\0" + zlib.compress(PAYLOAD * 100)
    chunks = [
        png_chunk(b"tEXt", b"Comment\0<?php " + PAYLOAD),
        png_chunk(b"prVt", PAYLOAD),
        png_chunk(b"iCCP", profile),
    ]
    return png(16, 16, *chunks, depth=8) + b"<?php " + PAYLOAD


def webp_and_xmp() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (16, 16)).save(out, "WEBP", xmp=b"<x:xmpmeta>" + PAYLOAD + b"</x:xmpmeta>", exif=_exif())
    return out.getvalue() + PAYLOAD


def gif_with_comment() -> bytes:
    out = io.BytesIO()
    frames = [Image.new("P", (16, 16), colour) for colour in (0, 1)]
    frames[0].putpalette([0, 0, 0, 255, 255, 255])
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], comment=SCRIPT + PAYLOAD)
    return out.getvalue() + PAYLOAD


def tiff_with_tags() -> bytes:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[270] = exif[315] = PAYLOAD.decode()
    Image.new("RGB", (16, 16)).save(out, "TIFF", exif=exif)
    return out.getvalue() + PAYLOAD


def jpeg_from_a_telephone() -> bytes:
    """EXIF with a place, a maker's note and a thumbnail; XMP; IPTC; a comment."""
    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + PAYLOAD + b"</x:xmpmeta>")
    iptc = segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\x0f\x1c\x02\x78\0\x0a" + PAYLOAD)
    plain = jpeg(exif=_exif(), comment=PAYLOAD)
    return plain[:2] + xmp + iptc + plain[2:]


def _exif() -> bytes:
    exif = Image.Exif()
    exif[271], exif[315] = "Maker", PAYLOAD.decode()
    exif.get_ifd(0x8825).update({1: "N", 2: (31.0, 13.0, 43.0), 28: GPS_PLACE})
    exif.get_ifd(0x8769).update({0x927C: PAYLOAD, 0x9286: PAYLOAD})
    return exif.tobytes()


POLYGLOTS = {
    make.__name__: make
    for make in (
        gif_and_javascript,
        jpeg_and_html,
        jpeg_and_zip,
        jpeg_and_pdf,
        png_and_php,
        webp_and_xmp,
        gif_with_comment,
        tiff_with_tags,
        jpeg_from_a_telephone,
    )
}


def svg(inside: str, attributes: str = 'width="64" height="64"', before: str = "") -> bytes:
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"{before}<svg {names} {attributes}>{inside}</svg>".encode()


def svgs(outside: str) -> dict[str, bytes]:
    """Drawings that want more than to be drawn. `outside` is a URL of a red picture that none of them may fetch."""
    red = f'width="64" height="64" xlink:href="{outside}" href="{outside}"'
    laughs = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    uses = "".join(f'<g id="u{n}">{f"""<use xlink:href="#u{n - 1}"/>""" * 10}</g>' for n in range(1, 10))
    return {
        "script": svg("<script>alert(1)</script><rect width='64' height='64' onload='alert(1)'/>"),
        "billion_laughs": svg("<text>&a9;</text>", before=f'<!DOCTYPE svg [<!ENTITY a0 "ha">{laughs}]>'),
        "xxe": svg("<text y='20'>&x;</text>", before=f'<!DOCTYPE svg [<!ENTITY x SYSTEM "{outside}">]>'),
        "xxe_parameter": svg("", before=f'<!DOCTYPE svg [<!ENTITY % x SYSTEM "{outside}"> %x;]>'),
        "external_dtd": svg("", before=f'<!DOCTYPE svg SYSTEM "{outside}">'),
        "image": svg(f"<image {red}/>"),
        "use": svg(f"<use {red}/>"),
        "style_import": svg(f"<style>@import url({outside}); rect {{fill: url({outside})}}</style><rect/>"),
        "stylesheet": svg("<rect/>", before=f'<?xml-stylesheet href="{outside}"?>'),
        "foreign": svg(f"<foreignObject width='64' height='64'><img src='{outside}'/></foreignObject>"),
        "filter": svg(f"<filter id='f'><feImage {red}/></filter><rect width='64' height='64' filter='url(#f)'/>"),
        "use_bomb": svg(f"<g id='u0'><rect width='9' height='9'/></g>{uses}<use xlink:href='#u9'/>"),
        "pattern_loop": svg(
            "<pattern id='p' width='1' height='1'><rect width='9' height='9' fill='url(#p)'/></pattern>"
            "<rect width='64' height='64' fill='url(#p)'/>"
        ),
        "huge": svg("<rect/>", 'width="1000000" height="1000000"'),
        "huge_box": svg("<rect/>", 'width="64" height="64" viewBox="0 0 1e30 1e-30"'),
        "no_size": svg("<rect/>", ""),
        "negative": svg("<rect/>", 'width="-5" height="64"'),
        "deep": svg("<g>" * 20_000 + "</g>" * 20_000),
        "blur": svg(
            "<filter id='f'><feGaussianBlur stdDeviation='1e9'/></filter>"
            "<rect width='64' height='64' filter='url(#f)'/>"
        ),
        "turbulence": svg(
            "<filter id='f'><feTurbulence baseFrequency='1e-9' numOctaves='99999999'/></filter>"
            "<rect width='64' height='64' filter='url(#f)'/>"
        ),
        "many_paths": svg("<path d='M0 0" + "L64 64L0 0" * 200_000 + "' stroke='black'/>"),
        "dashes": svg("<path d='M0 0L1e9 1e9' stroke='black' stroke-dasharray='1e-5'/>"),
    }
