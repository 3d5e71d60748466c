import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from imgfn import wiring
from tests.entries.doors import Answer, Ask, Door, alone, through_cloud_2, through_cloud_3, through_server
from tests.servers import runtime_folder, serving

ADMIN = "an-admin-token-of-the-tests"
UNLIKE = {
    # What may differ from door to door: the time, who made the result first, and the servers' own.
    *("date", "server", "connection", "server-timing", "x-imgfn-result", "x-request-id", "transfer-encoding"),
    "content-length",  # Function Compute sets its own; `body` is compared
}


def draw(colour: str, kind: str = "PNG") -> bytes:
    image = Image.new("RGB", (64, 48), colour)
    image.paste("white", (8, 8, 24, 16))
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


PICTURE, OTHER = draw("navy"), draw("maroon")


def multipart(*parts: tuple[str, str, bytes]) -> tuple[dict[str, str], bytes]:
    body = b"".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n\r\n'.encode() + data + b"\r\n"
        for name, file, data in parts
    )
    return {"Content-Type": "multipart/form-data; boundary=x"}, body + b"--x--\r\n"


def post(*parts: tuple[str, str, bytes], path: str = "/") -> Ask:
    headers, body = multipart(*parts)
    return Ask("upload", path, "POST", headers, body)


UPLOADS = [
    post(("new.png", "x.png", PICTURE)),
    post(("new.png", "x.png", PICTURE)),  # again: 200
    post(("new.png", "x.png", OTHER)),  # 409
    post(("a/图 1.png", "x.png", PICTURE), ("b.png", "y.png", OTHER)),
    post(("c.png", "x.png", PICTURE), ("d.txt", "y.txt", b"words, not a picture")),  # 415, and c.png is not stored
    post(("c.png", "x.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 40)),
    post(("../x.png", "x.png", PICTURE)),
    post(("file", "x.png", PICTURE), path="/?key=hash"),
    Ask("upload", "/", "POST", {"Content-Type": "text/plain"}, b"hello"),
    Ask("upload", "/put%20it/%E5%9B%BE.png", "PUT", {"Content-Type": "image/png"}, PICTURE),
    Ask("upload", "/new.png", "DELETE"),
    Ask("upload", "/new.png", "DELETE", {"Authorization": f"Bearer {ADMIN}"}),
    Ask("upload", "/new.png", "GET"),
    Ask("upload", "/", "OPTIONS", {"Origin": "http://a.example"}),
]
PICTURES = [
    Ask("proc", "/rotate/10/lena.png"),
    Ask("proc", "/rotate/10/lena.png", "HEAD"),
    Ask("proc", "/rotate/10/lena.png", headers={"Range": "bytes=10-29"}),
    Ask("proc", "/rotate/10/lena.png", headers={"Range": "bytes=999999999-"}),
    Ask("proc", "/rotate/10/lena.png", headers={"If-None-Match": "*"}),
    Ask("proc", "/lena.png"),
    Ask("proc", "/lena.png?x-oss-process=image/resize,w_20/format,webp"),
    Ask("proc", "/resize/w_20/format/auto/lena.png", headers={"Accept": "image/webp,*/*;q=0.5"}),
    Ask("proc", "/resize/w_20/format/auto/lena.png", headers={"Accept": "image/png", "Origin": "http://a.example"}),
    Ask("proc", "/info/lena.png"),
    Ask("proc", "/rotate/90/a/%E5%9B%BE%201%2B.png"),
    Ask("proc", "/-/rotate/x.png"),
    Ask("proc", "/rotate/361/lena.png"),
    Ask("proc", "/rotate/361/lena.png", headers={"Accept": "application/xml"}),
    Ask("proc", "/rotat/10/lena.png"),
    Ask("proc", "/no/such.png"),
    Ask("proc", "/../x.png"),
    Ask("proc", "/a//x.png"),
    Ask("proc", "//lena.png"),
    Ask("proc", "/%00.png"),
    Ask("proc", "/%FF.png"),
    Ask("proc", "/" + "x" * 5000),  # over the limit of the path and the query
    Ask("proc", "/lena.png", "POST"),
]


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Door]]:
    """Four doors to one store."""
    folder = tmp_path_factory.mktemp("entries")
    settings = {"folder": str(folder / "data"), "runtime_dir": runtime_folder(folder), "admin_token": ADMIN}
    arguments = ("--bind", "127.0.0.1:0", "--worker-class", "gthread", "--threads", "4", "--limit-request-line", "8190")
    with (
        serving(folder / "whole", **settings) as server,
        serving(folder / "proc", *arguments, "functions.proc:handler", ready="/", **settings) as proc,
        serving(folder / "upload", *arguments, "functions.upload:handler", ready="/", **settings) as upload,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in settings.items():
            patch.setenv(f"IMGFN_{name.upper()}", value)
        patch.setenv("IMGFN_RENDER", "inline")
        forget_wiring()
        whole = through_server(server, "")
        for ask in (
            post(("lena.png", "x", PICTURE), ("a/图 1+.png", "x", PICTURE), ("rotate/x.png", "x", PICTURE)),
            Ask("proc", "/rotate/10/lena.png"),
        ):
            assert whole(ask).status in (200, 201)
        yield {
            "mounted": whole,
            "mounted, with the tutorial's prefix": through_server(server, "/2016-08-15/proxy/pydemo"),
            "alone": alone({"proc": proc, "upload": upload}),
            "Function Compute 2.0": through_cloud_2,
            "Function Compute 3.0": through_cloud_3,
        }
        forget_wiring()


def forget_wiring() -> None:
    wiring.settings.cache_clear()
    wiring.service.cache_clear()


def normalise(answer: Answer) -> tuple[int, dict[str, str], object]:
    """What has to be the same; two uploads of the same bytes have different etags, and every door another host."""
    headers = {name.lower(): value for name, value in answer.headers.items() if name.lower() not in UNLIKE}
    body: object = answer.body
    if headers.get("content-type", "").startswith(("application/json", "application/problem+json")) and answer.body:
        body = json.loads(answer.body)
        for file in body.get("files", []) if isinstance(body, dict) else []:
            file["etag"] = bool(file["etag"])
    elif headers.get("content-type") == "application/xml":
        body = re.sub(rb"<HostId>[^<]+</HostId>", b"", answer.body)
    return answer.status, headers, body


@pytest.mark.parametrize("ask", PICTURES, ids=lambda ask: str(ask)[:50])
def test_every_door_gives_the_same_picture_or_problem(doors: dict[str, Door], ask: Ask):
    ask = Ask(ask.function, ask.path, ask.method, {**ask.headers, "X-Request-Id": "the-same"}, ask.body)
    answers = {name: normalise(door(ask)) for name, door in doors.items()}
    wanted = answers["mounted"]
    assert wanted[0] < 500
    for name, answer in answers.items():
        assert answer == wanted, name


def test_every_door_takes_the_same_uploads(doors: dict[str, Door]):
    told = {name: tell_uploads(door) for name, door in doors.items()}
    assert [answer[0] for answer in told["mounted"]] == [
        *(201, 200, 409, 201, 415, 422, 400, 201, 400, 201, 403, 204, 405, 204)
    ]
    for name, answers in told.items():
        assert answers == told["mounted"], name


def tell_uploads(door: Door) -> list[tuple[int, dict[str, str], object]]:
    answers = [
        normalise(door(Ask(ask.function, ask.path, ask.method, {**ask.headers, "X-Request-Id": "u"}, ask.body)))
        for ask in UPLOADS
    ]
    assert door(Ask("proc", "/c.png")).status == 404  # of a refused upload nothing is stored
    hashed = answers[7][2]["files"][0]["key"]  # type: ignore[index]
    for key in ("a/%E5%9B%BE%201.png", "b.png", hashed, "put%20it/%E5%9B%BE.png"):
        assert door(Ask("upload", f"/{key}", "DELETE", {"Authorization": f"Bearer {ADMIN}"})).status == 204
    return answers


def test_a_picture_uploaded_at_one_door_comes_out_at_all_others(doors: dict[str, Door]):
    for name, door in doors.items():
        key = f"{list(doors).index(name)}.png"
        assert door(post((key, "x", PICTURE))).status == 201
        for other in doors.values():
            assert other(Ask("proc", f"/{key}")).body == PICTURE


def test_the_turned_picture_is_larger_and_has_transparent_corners(doors: dict[str, Door]):
    for door in doors.values():
        image = Image.open(io.BytesIO(door(Ask("proc", "/rotate/10/lena.png")).body))
        assert image.width > 64
        assert image.height > 48
        assert image.getpixel((0, 0))[3] == 0


def test_a_service_name_with_a_qualifier_is_no_part_of_the_key(doors: dict[str, Door]):
    assert through_cloud_2(Ask("proc", "/lena.png")).body == PICTURE  # /2016-08-15/proxy/pydemo.prod/proc/lena.png


def test_the_server_writes_one_line_for_each_request_with_its_id(tmp_path: Path):
    with serving(tmp_path, workers="1") as server:
        server.ask("/upload/a.png", "PUT", PICTURE, {"X-Request-Id": "up"})
        server.ask("/proc/rotate/10/a.png", headers={"X-Request-Id": "made"})
        private = {"X-Request-Id": "kept", "Authorization": "Bearer do-not-log"}
        while server.ask("/proc/rotate/10/a.png", headers=private).headers["X-Imgfn-Result"] == "made":
            pass  # the result is put into the store after the answer
        lines = [json.loads(line) for line in server.log.splitlines()]
    told = {line["request_id"]: line for line in lines if line["event"] == "request"}
    assert told["made"]["result"] == "made"
    assert told["made"].keys() >= {
        *("function", "plan", "key", "status", "bytes", "ms"),
        *("fetch_ms", "decode_ms", "steps_ms", "encode_ms"),
    }
    assert told["made"]["plan"] == "rotate/10"
    assert told["kept"]["result"] == "kept"
    assert told["up"]["received_bytes"] == len(PICTURE)
    assert "do-not-log" not in json.dumps(lines)
