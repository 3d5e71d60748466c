"""Forms as real clients send them, read in pieces of every length."""

import hashlib
import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from werkzeug.test import Client

from imgfn import wiring
from imgfn.core.faults import BadRequest, Fault
from imgfn.core.key import Key
from imgfn.http.multipart import READ_BYTES, FormReader, header_parameters
from tests.servers import need, serving

BOUNDARY = b"----WebKitFormBoundary7MA4YWxkTrZu0gW"
FORM = f"multipart/form-data; boundary={BOUNDARY.decode()}"
LINE_ENDS = [pytest.param(b"\r\n", id="CRLF"), pytest.param(b"\n", id="LF")]
# What a boundary, a line end or the end of a file could be taken for.
CONTENTS = [
    b"",
    b"x",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"ends with \r",
    b"ends with --\r\n-",
    b"\r\n--" + BOUNDARY[:-1] + b"\r\n",
    b"\r\n--" + BOUNDARY + b"x\r\n",
    b"\n--" + BOUNDARY + b" \tx",
    b"x--" + BOUNDARY + b"--",
    bytes(range(256)),
]


def form(*parts: tuple[str, bytes], line_end: bytes = b"\r\n", boundary: bytes = BOUNDARY) -> bytes:
    """A body of parts: the lines of their headers, and their bytes."""
    lines = []
    for headers, body in parts:
        head = line_end.join(line.encode() for line in headers.split("\n"))
        lines += [b"--" + boundary, head, b"", body]
    return line_end.join([*lines, b"--" + boundary + b"--", b""])


def named(name: str, body: bytes) -> tuple[str, bytes]:
    return f'Content-Disposition: form-data; name="{name}"; filename="x"\nContent-Type: image/png', body


def in_pieces(body: bytes, length: int) -> Iterator[tuple[str, bytes]]:
    """What a reader that gets at most `length` bytes at once makes of `body`."""
    stream = io.BytesIO(body)
    for part in FormReader(lambda count: stream.read(min(count, length)), BOUNDARY):
        yield part.parameters["name"], b"".join(part.chunks)


@pytest.mark.parametrize("line_end", LINE_ENDS)
def test_parts_are_the_same_in_pieces_of_every_length(line_end: bytes) -> None:
    parts = [(str(number), content) for number, content in enumerate(CONTENTS)]
    body = b"preamble" + line_end + form(*(named(*part) for part in parts), line_end=line_end) + b"epilogue"
    for length in range(1, len(body)):
        assert list(in_pieces(body, length)) == parts, length


@pytest.mark.parametrize("line_end", LINE_ENDS)
def test_files_of_every_length_around_a_read(line_end: bytes) -> None:
    head = len(form(named("0", b""), line_end=line_end))
    for size in range(READ_BYTES - head - 8, READ_BYTES + 8):
        parts = [("0", b"\r" * size), ("1", b"\n" * (READ_BYTES - 1)), ("2", b"-\r" * (size // 2))]
        body = form(*(named(*part) for part in parts), line_end=line_end)
        assert list(in_pieces(body, READ_BYTES)) == parts, size


def test_a_boundary_may_have_white_space_after_it_and_the_last_no_line_end() -> None:
    body = form(named("a", b"1"), named("b", b"2")).replace(BOUNDARY + b"\r\n", BOUNDARY + b" \t\r\n")
    for length in (1, 7, len(body)):
        assert list(in_pieces(body.removesuffix(b"\r\n"), length)) == [("a", b"1"), ("b", b"2")]


def test_a_part_that_is_passed_over_is_read_past() -> None:
    stream = io.BytesIO(form(named("a", b"1" * 200_000), named("b", b"2")))
    assert [part.parameters["name"] for part in FormReader(stream.read, BOUNDARY)] == ["a", "b"]


def test_every_cut_of_a_body_is_refused_in_words() -> None:
    body = form(named("a", b"1" * 100)).removesuffix(b"--\r\n")
    for length in range(len(body)):
        with pytest.raises(BadRequest, match="ends before"):
            list(in_pieces(body[:length], 13))


def test_any_bytes_are_read_or_refused() -> None:
    body = form(named("a", b"1\r\n2"), named("b", b"3"))
    for position in range(len(body)):
        for byte in b'\r\n-;:"\\\x00\xff':
            broken = body[:position] + bytes([byte]) + body[position + 1 :]
            with suppress(Fault, KeyError):  # a part without `name`
                list(in_pieces(broken, 50))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            r'form-data; name="file"; filename="C:\Users\me\pic.jpg"',
            {"name": "file", "filename": r"C:\Users\me\pic.jpg"},
        ),
        (r'form-data; name="a\"b"; filename="c\\d"', {"name": 'a"b', "filename": r"c\d"}),
        ('form-data; name="a%22b"; filename="c;d=e.png"', {"name": 'a"b', "filename": "c;d=e.png"}),
        ("form-data;name=file;filename=a.png", {"name": "file", "filename": "a.png"}),
        ("form-data; name=file ; filename=图 1.png ", {"name": "file", "filename": "图 1.png"}),
        ('Form-Data; NAME="file"; FileName="a.png"', {"name": "file", "filename": "a.png"}),
        ('form-data; filename="a.png"; name="file"', {"name": "file", "filename": "a.png"}),
        (
            'form-data; name="file"; filename*=UTF-8\'\'%e5%9b%be.png; filename="x"',
            {"name": "file", "filename": "图.png"},
        ),
        (
            'form-data; name="file"; filename="x"; filename*=utf-8\'zh-CN\'%e5%9b%be.png',
            {"name": "file", "filename": "图.png"},
        ),
        ("form-data; name=\"file\"; filename*=gbk''%cd%bc.png", {"name": "file", "filename": "图.png"}),
        ("form-data; name=\"file\"; filename*=nothing''%cd%bc.png", {"name": "file", "filename": "\ufffd"}),
        ('form-data; name="file"; filename="=?UTF-8?B?5Zu+LnBuZw==?="', {"name": "file", "filename": "图.png"}),
        ('form-data; name="file"; filename="=?nothing?B?5Zu+?="', {"name": "file", "filename": "=?nothing?B?5Zu+?="}),
        ('form-data; name="file"; filename=""', {"name": "file", "filename": ""}),
        ('form-data; name="file"; filename="open', {"name": "file", "filename": "open"}),
        ('attachment; filename="a.png"', {"filename": "a.png"}),
        ("form-data", {}),
        ("form-data;;; =x; name", {}),
        (
            "multipart/form-data; charset=utf-8; boundary=----=_Part_1/2:3",
            {"charset": "utf-8", "boundary": "----=_Part_1/2:3"},
        ),
    ],
)
def test_parameters_however_they_are_quoted(header: str, expected: dict[str, str]) -> None:
    assert header_parameters(header) == expected


def disposition(text: str, kind: str = "image/png") -> str:
    return f"Content-Disposition: {text}\nContent-Type: {kind}"


FIELD = 'Content-Disposition: form-data; name="uuid"', b"0b2d"
UNFILLED = disposition('form-data; name="file"; filename=""', "application/octet-stream"), b""

# By client: the headers of the part that has the picture, other parts of the form, and the key that it asks for.
CLIENTS = {
    "Chrome": (disposition('form-data; name="file"; filename="图 1.png"'), [FIELD, UNFILLED], "图 1.png"),
    "Firefox": (disposition('form-data; name="file"; filename="a%22b.png"'), [UNFILLED], 'a"b.png'),
    "Safari": (disposition('form-data; name="image"; filename="IMG_0001.png"'), [], "IMG_0001.png"),
    "Internet Explorer": (disposition(r'form-data; name="file"; filename="C:\Users\me\pic.png"'), [], "pic.png"),
    "a share of Windows": (disposition(r'form-data; name="file"; filename="\\host\me\pic.png"'), [], "pic.png"),
    "a folder in Chrome": (disposition('form-data; name="file"; filename="album/pic.png"'), [], "pic.png"),
    "antd": (disposition('form-data; name="file"; filename="antd.png"'), [FIELD], "antd.png"),
    "Dropzone": (disposition('form-data; name="file[0]"; filename="drop.png"'), [FIELD], "drop.png"),
    "Uppy": (disposition('form-data; name="files[]"; filename="uppy.png"'), [FIELD], "uppy.png"),
    "axios": (disposition('form-data; name="image"; filename="blob"'), [], "blob"),
    "okhttp": (
        'Content-Disposition: form-data; name="file"; filename="ok.png"\nContent-Type: image/png\nContent-Length: {}',
        [],
        "ok.png",
    ),
    "Retrofit, without a file name": (
        'Content-Disposition: form-data; name="a/b.png"\nContent-Transfer-Encoding: binary\nContent-Type: image/png',
        [],
        "a/b.png",
    ),
    "Apache HttpClient": (
        'Content-Disposition: form-data; name="file"; filename="a.png"\nContent-Type: application/octet-stream\n'
        "Content-Transfer-Encoding: binary",
        [],
        "a.png",
    ),
    ".NET": (
        "Content-Type: image/png\n"
        "Content-Disposition: form-data; name=file; filename=a.png; filename*=utf-8''%E5%9B%BE.png",
        [],
        "图.png",
    ),
    "Alipay": ('content-disposition: form-data; name="file"; filename="tmp.image"', [FIELD], "tmp.image"),
    "WeChat": (
        'Content-Disposition: form-data; name="file"; filename="wx_tmp_9.png"\nContent-Type: image/png',
        [FIELD],
        "wx_tmp_9.png",
    ),
    "no name": (disposition('form-data; filename="nameless.png"'), [], "nameless.png"),
    "attachment": (disposition('attachment; filename="attached.png"'), [], "attached.png"),
    "attachment with a name": (disposition('attachment; name="b/c.png"; filename="x"'), [], "b/c.png"),
    "a folded header": ('Content-Disposition: form-data;\n name="file";\n\tfilename="fold.png"', [], "fold.png"),
}


@pytest.mark.parametrize("line_end", LINE_ENDS)
@pytest.mark.parametrize("client", CLIENTS)
def test_the_forms_of_clients(web_upload: Client, photo: bytes, client: str, line_end: bytes) -> None:
    headers, others, key = CLIENTS[client]
    body = form(*others, (headers.replace("{}", str(len(photo))), photo), line_end=line_end)
    answer = web_upload.post("/upload/", data=body, content_type=FORM)
    assert answer.status_code == 201, answer.text
    assert [told["key"] for told in answer.json["files"]] == [key]
    with wiring.service().sources.open(Key(key)) as stored:
        assert stored.body.read() == photo


@pytest.mark.parametrize(
    "content_type",
    [
        "Multipart/Form-Data; Boundary=b=1",
        'MULTIPART/FORM-DATA; charset=utf-8; boundary="b=1"',
        "multipart/form-data;boundary=b=1 ",
    ],
)
def test_media_types_are_the_same_in_every_case(web_upload: Client, photo: bytes, content_type: str) -> None:
    body = form(named("a.png", photo), boundary=b"b=1")
    for method, path in (("POST", "/upload/"), ("PUT", "/upload/b.png")):
        answer = web_upload.open(path, method=method, data=body, content_type=content_type)
        assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("parts", "code", "says"),
    [
        ([UNFILLED, UNFILLED], "MissingArgument", "no part of the body is a file"),
        ([FIELD], "MissingArgument", "no part of the body is a file"),
        ([(disposition("form-data"), b"x")], "InvalidArgument", "file name"),
        ([(disposition('form-data; name="file"'), b"x")], "InvalidArgument", "file name"),
        ([(disposition('form-data; name=""; filename="x"'), b"x")], "InvalidArgument", "field name"),
        ([("Content-Type: image/png", b"x")], "BadRequest", "Content-Disposition"),
        (
            [(disposition('form-data; name="a"; filename="x"') + "\nContent-Transfer-Encoding: base64", b"eA==")],
            "BadRequest",
            "base64",
        ),
    ],
)
def test_forms_that_cannot_be_stored_are_refused_in_words(
    web_upload: Client, parts: list[tuple[str, bytes]], code: str, says: str
) -> None:
    answer = web_upload.post("/upload/", data=form(*parts), content_type=FORM)
    assert (answer.status_code, answer.json["code"]) == (400, code)
    assert says in answer.json["detail"]


def test_without_a_name_a_part_is_named_by_its_content(web_upload: Client, photo: bytes) -> None:
    body = form((disposition("form-data"), photo))
    answer = web_upload.post("/upload/?key=hash", data=body, content_type=FORM)
    assert answer.json["files"][0]["key"] == f"{hashlib.sha256(photo).hexdigest()}.png"


CURL = {
    "a/b.png": ["-F", "a/b.png=@{}"],
    'a"b.png': ["-F", 'file=@{};filename=a"b.png'],
    "图": ["-F", "file=@{};filename=图 ;x.png"],
    "a;b,c.png": ["-F", 'file=@{};filename="a;b,c.png"'],
    "a'b.png": ["-F", "file=@{};type=image/png;filename=a'b.png", "-F", "other=1"],
    "pic.png": ["-F", r"file=@{};filename=C:\Users\me\pic.png"],
    "c.png": ["-F", "file=@{};headers=X-Note: 1;filename=c.png", "-H", "Transfer-Encoding: chunked"],
}


def test_curl_with_odd_quoting(tmp_path: Path, photo: bytes) -> None:
    if not shutil.which("curl"):
        need("curl", "apt-get install curl")
    picture = tmp_path / "photo.png"
    picture.write_bytes(photo)
    with serving(tmp_path / "server", render="inline", workers="1") as server:
        for key, options in CURL.items():
            arguments = [option.replace("{}", str(picture)) for option in options]
            sent = subprocess.run(["curl", "-s", f"{server.url}/upload/", *arguments], capture_output=True, timeout=30)
            assert json.loads(sent.stdout)["files"][0]["key"] == key
    for key in CURL:
        assert (tmp_path / "server" / "data" / "sources" / key).read_bytes() == photo
