"""Every rule of animation, from each format to each: loops, delays, disposal, frames of a part, default pictures."""

import io
import itertools
import struct

import pytest
from PIL import Image, ImageSequence

from imgfn.imaging.codecs import isobmff
from tests.imaging.films import KEEP, TO_BACKGROUND, TO_PREVIOUS, Patch, apng, composed, gif
from tests.imaging.rendering import pixels, rendered
from tests.pictures import animation

SIZE = (32, 24)
WHOLE, PART = (0, 0, 32, 24), (8, 4, 28, 20)
DISPOSALS = (KEEP, TO_BACKGROUND, TO_PREVIOUS)
TWO = (Patch(WHOLE, 0), Patch(WHOLE, 1))
TARGETS = ("gif", "png", "webp")


def frames(body: bytes) -> list[Image.Image]:
    return [frame.convert("RGBA") for frame in ImageSequence.Iterator(Image.open(io.BytesIO(body)))]


def delays(body: bytes) -> list[float]:
    told = []
    for frame in ImageSequence.Iterator(Image.open(io.BytesIO(body))):
        frame.load()
        told.append(frame.info["duration"])
    return told


def runs(body: bytes) -> int:
    """How often a written animation runs, 0 for ever, read from its bytes."""
    if body.startswith(b"GIF"):
        at = body.find(b"NETSCAPE2.0\x03\x01")
        repeated = struct.unpack_from("<H", body, at + 13)[0] if at >= 0 else None
        return 1 if repeated is None else repeated and repeated + 1
    if body.startswith(b"\x89PNG"):
        return int(struct.unpack_from(">I", body, body.index(b"acTL") + 8)[0])
    return int(struct.unpack_from("<H", body, body.index(b"ANIM") + 12)[0])


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("first", "second"), list(itertools.product(DISPOSALS, DISPOSALS)))
@pytest.mark.parametrize("hole", [False, True])
def test_what_is_seen_of_each_frame_is_what_the_standards_say(first: str, second: str, hole: bool, target: str) -> None:
    for box, over, source in ((WHOLE, True, gif), (PART, True, gif), (WHOLE, True, apng), (WHOLE, False, apng)):
        patches = (
            Patch(box, 0, first, hole),
            Patch((4, 4, 20, 16), 1, second, hole, over),
            Patch((12, 8, 32, 24), 2, KEEP, hole, over),
            Patch((0, 0, 8, 8), 1, KEEP, hole=True),
        )
        made = frames(rendered(f"quality/Q_100/format/{target}", source(SIZE, patches)).body)
        assert len(made) == 4
        for frame, rows in zip(made, composed(SIZE, patches), strict=True):
            # In the middle of squares of four pixels: WebP halves colour at these hard edges.
            for x, y in itertools.product(range(2, SIZE[0], 4), range(2, SIZE[1], 4)):
                red, green, blue, alpha = frame.getpixel((x, y))  # type: ignore[misc]
                seen = (red, green, blue, 255) if alpha > 127 else (0, 0, 0, 0)
                assert seen == pytest.approx(rows[y][x], abs=80), (x, y)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("repeated", "expected"), [(None, 1), (0, 0), (1, 2), (3, 4), (9, 10)])
def test_a_gif_counts_repetitions_where_others_count_runs(target: str, repeated: int | None, expected: int) -> None:
    assert runs(rendered(f"format/{target}", gif(SIZE, TWO, repeated)).body) == expected


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("plays", [0, 1, 2, 7])
def test_the_runs_of_an_apng_and_a_webp_stay(target: str, plays: int) -> None:
    source = apng(SIZE, TWO, plays)
    assert runs(rendered(f"format/{target}", source).body) == plays
    assert runs(rendered(f"format/{target}", rendered("format/webp", source).body).body) == plays


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("endless", "expected"), [(True, 0), (False, 1)])
def test_an_avif_runs_for_ever_unless_it_says_otherwise(target: str, endless: bool, expected: int) -> None:
    source = bytearray(animation("AVIF", frames=3))
    at = source.index(b"elst")
    source[at + 7] = endless  # the flag that says whether the one edit is repeated
    made = rendered(f"format/{target}", bytes(source)).body
    assert len(frames(made)) == 3
    assert runs(made) == expected


def test_the_runs_of_an_avif_are_its_duration_by_that_of_one_run() -> None:
    def box(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I4s", 8 + len(content), kind) + content

    def file(whole: int, flags: int, segment: int) -> bytes:
        edits = box(b"edts", box(b"elst", struct.pack(">IIIIHH", flags, 1, segment, 0, 1, 0)))
        header = box(b"tkhd", bytes(20) + struct.pack(">I", whole) + bytes(60))
        return box(b"ftyp", b"avis") + box(b"moov", box(b"trak", header + edits))

    assert isobmff.plays(file(900, 1, 300)) == 3
    assert isobmff.plays(file(1000, 1, 300)) == 4
    assert isobmff.plays(file(0xFFFFFFFF, 1, 300)) == 0
    assert isobmff.plays(file(300, 0, 300)) == 1
    assert isobmff.plays(file(300, 1, 0)) == 0
    assert isobmff.plays(b"") == 0


@pytest.mark.parametrize("target", TARGETS)
def test_short_delays_stay_in_their_format_and_become_what_browsers_show_elsewhere(target: str) -> None:
    patches = [Patch(WHOLE, number % 3, delay=delay) for number, delay in enumerate((0, 10, 20, 100))]
    own = target == "gif"
    told = delays(rendered(f"format/{target}", gif(SIZE, patches)).body)
    assert told == pytest.approx([0, 10, 20, 100] if own else [100, 100, 20, 100])


def test_what_hundredths_cannot_say_is_made_up_for() -> None:
    patches = [Patch(WHOLE, number % 3, delay=33) for number in range(30)]
    told = delays(rendered("format/gif", apng(SIZE, patches)).body)
    assert set(told) == {30, 40}
    assert sum(told) == pytest.approx(30 * 33, abs=5)


def test_a_delay_that_gif_would_hurry_is_not_hurried() -> None:
    patches = [Patch(WHOLE, number % 3, delay=delay) for number, delay in enumerate((12, 14, 16, 12))]
    assert min(delays(rendered("format/gif", apng(SIZE, patches)).body)) == 20


def test_a_default_picture_is_for_those_who_show_no_animation() -> None:
    source = apng(SIZE, TWO, default=(9, 9, 9, 255))
    for target in TARGETS:
        made = frames(rendered(f"quality/Q_100/format/{target}", source).body)
        assert len(made) == 2
        assert made[0].getpixel((5, 5))[0] > 240  # type: ignore[index]
    assert pixels("format/bmp", source).getpixel((5, 5)) == (9, 9, 9)
    assert pixels("frame/0", source).convert("RGB").getpixel((5, 5)) == (255, 0, 0)
    assert pixels("frame/1", source).convert("RGB").getpixel((5, 5)) == (0, 255, 0)


@pytest.mark.parametrize("box", [(0, 0, 33, 24), (4, 4, 40, 8)])
def test_a_frame_outside_of_the_picture_is_the_files_fault(box: tuple[int, int, int, int]) -> None:
    from imgfn.core.faults import BadImage

    with pytest.raises(BadImage):
        rendered("format/webp", apng(SIZE, (Patch(WHOLE, 0), Patch(box, 1))))
