"""What holds for every key, path, header, plan and file: hypothesis looks for the one that it does not hold for."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_from_bytes

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from werkzeug.test import Client

from imgfn import wiring
from imgfn.core.faults import Fault
from imgfn.core.key import BIDI, Key
from imgfn.core.plan import parse_oss, parse_path
from imgfn.core.registry import REGISTRY
from imgfn.functions import proc, upload
from imgfn.imaging.codecs.decode import inspect
from imgfn.imaging.limits import Limits
from imgfn.ops import load_operations
from tests.hostile.bombs import BOMBS, bmp_of_4_gigapixels, gif, jpeg, png, tiff, webp_of_5k_frames
from tests.hostile.disguises import POLYGLOTS
from tests.hostile.recording import record_stores

load_operations()

# What a caller's mistake may be answered with; a 500 is a bug of ours.
REFUSALS = {400, 403, 404, 405, 409, 413, 415, 416, 422, 429}
shared_fixture = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    monkeypatch.setattr(wiring, "build_store", record_stores(calls.append))
    return calls


@pytest.fixture
def clients(configure: Callable[..., None], asked: list[str]) -> dict[str, Client]:
    return {"proc": Client(proc.handler), "upload": Client(upload.handler)}


WORDS = st.sampled_from(
    ["..", ".", "", "a", "图", "\\", "/", "\0", "\r\n", "%2e", "%", "\u202e", "\ufffd", "~", "-", "_"]
)
NAMES = st.one_of(st.text(), st.lists(WORDS).map("/".join), st.lists(WORDS).map("".join))


@given(NAMES)
def test_a_key_is_safe_or_refused(text: str):
    try:
        key = Key.parse(text)
    except Fault as fault:
        assert (fault.status, fault.code) == (400, "InvalidArgument")
        return
    assert Key.parse(key) == key
    assert 1 <= len(key.encode()) <= 1023
    assert not set(key) & ({"\\", "\0", "\r", "\n", "\ufffd"} | BIDI)
    assert not {"", ".", ".."} & set(key.split("/"))
    root = Path("/store")
    assert (root / key).resolve().is_relative_to(root)


@given(st.one_of(st.binary().map(quote_from_bytes), NAMES.map(lambda text: quote(text, errors="replace"))))
@example("%2e%2e/x")
@shared_fixture
def test_whatever_the_path_is_the_answer_is_no_bug_and_a_bad_key_asks_no_store(clients, asked, path: str):
    asked.clear()
    answer = clients["proc"].get(f"/proc/{path}")
    assert answer.status_code in REFUSALS
    assert json.loads(answer.data)["status"] == answer.status_code
    assert all(value.isprintable() for value in answer.headers.values())
    if answer.status_code == 400:
        assert asked == []
    for call in asked:
        assert Key.parse(call.split(" ", 2)[2])


@given(st.binary(max_size=64).map(quote_from_bytes), st.binary(max_size=300))
@shared_fixture
def test_whatever_is_uploaded_wherever_nothing_bad_is_stored(clients, asked, path: str, body: bytes):
    asked.clear()
    answer = clients["upload"].put(f"/upload/{path}", data=body)
    assert answer.status_code in REFUSALS
    assert not any(" put " in call for call in asked)


TOKENS = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60)
HEADERS = st.sampled_from(
    [
        "Accept",
        "Range",
        "If-Range",
        "If-None-Match",
        "If-Modified-Since",
        "Authorization",
        "Origin",
        "X-Request-Id",
        "Cookie",
    ]
)
VALUES = st.one_of(
    TOKENS,
    st.sampled_from(
        ["bytes=0-", "bytes=-0", "bytes=5-1", "bytes=0-0,1-1", "*", 'W/"x"', "Bearer ", "image/webp;q=x", "0"]
    ),
)


@given(st.dictionaries(HEADERS, VALUES))
@shared_fixture
def test_whatever_the_headers_are_the_picture_or_a_refusal_comes(clients, headers: dict[str, str]):
    if clients["proc"].get("/proc/a.jpg").status_code == 404:
        clients["upload"].put("/upload/a.jpg", data=jpeg(side=8))
    for target in ("/proc/a.jpg", "/proc/format/auto/a.jpg"):
        answer = clients["proc"].get(target, headers=headers)
        assert answer.status_code in {200, 206, 304} | REFUSALS
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert all(value.isprintable() for value in answer.headers.values())


ARGUMENTS = st.lists(st.one_of(st.integers().map(str), st.text(max_size=8), st.sampled_from(["w_5", "_", "", "l,r"])))
STEPS = st.lists(
    st.tuples(st.sampled_from([*REGISTRY.names(), "-", "nothing"]), ARGUMENTS.map(",".join)).map("/".join), max_size=25
)


@given(STEPS.map("/".join))
def test_the_path_grammar_reads_or_refuses_and_is_read_back(text: str):
    check_grammar(lambda: parse_path(text)[0], lambda plan: parse_path(f"{plan.text}/-/x")[0])


@given(STEPS.map(lambda steps: "image/" + "/".join(step.replace("/", ",", 1) for step in steps)))
@example("style/x")
@example("image/")
def test_the_grammar_of_oss_reads_or_refuses_and_is_read_back(text: str):
    check_grammar(lambda: parse_oss(text), lambda plan: parse_oss(plan.oss_text))


def check_grammar(read: Callable[[], object], again: Callable[[object], object]) -> None:
    try:
        plan = read()
    except Fault as fault:
        assert fault.status in (400, 404)
        return
    assume(plan.steps)
    assert again(plan) == plan


GOOD = [
    jpeg(side=16),
    jpeg(side=16, progressive=True),
    png(9, 9),
    gif(9, 9, 3),
    tiff(2),
    *(make() for make in POLYGLOTS.values()),
]
SEEDS = [*GOOD, bmp_of_4_gigapixels(), webp_of_5k_frames()[:2000], *(make()[:600] for make in list(BOMBS)[:5])]


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A file with some bytes changed, taken out or put in."""
    body = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, min(len(body) - 1, 200)))
        change = draw(st.binary(max_size=4))
        body[place : place + draw(st.integers(0, 4))] = change
    return bytes(body)


@given(broken())
@settings(deadline=None)
def test_a_header_check_knows_the_size_or_refuses(body: bytes):
    limits = Limits(max_pixels=1_000_000)
    try:
        header = inspect(body, limits)
    except Fault as fault:
        assert fault.status in (415, 422)
        return
    assert 0 < header.width * header.height * header.frames <= 1_000_000


@given(broken(), st.sampled_from(["rotate/10", "resize/w_20", "format/webp", "info", "trim/_"]))
@settings(deadline=None)
@pytest.mark.hard
def test_a_broken_file_is_rendered_or_refused(body: bytes, plan: str):
    from imgfn.imaging.render import render

    try:
        rendered = render(body, parse_path(f"{plan}/x")[0], Limits(max_pixels=1_000_000), {})
    except Fault as fault:
        assert fault.status in (415, 422)
        return
    assert io.BytesIO(rendered.body).read(1)
