"""Frames survive what leaves an animation one; where they cannot, a note says so."""

import pytest
from PIL import Image, ImageSequence

from imgfn.core.faults import ImageTooLarge
from imgfn.imaging.limits import Limits
from tests.imaging.rendering import rendered
from tests.pictures import animation, encoded, opened

ANIMATED = {"gif": "GIF", "webp": "WEBP", "png": "PNG"}


def bars(body: bytes) -> list[int]:
    """Where the white bar starts in each frame, in percent of the width; 100 where it is out of sight."""
    image = opened(body)
    places = []
    for frame in ImageSequence.Iterator(image):
        row = frame.convert("L").crop((0, frame.height // 2, frame.width, frame.height // 2 + 1))
        places.append(100 * next((x for x in range(row.width) if row.getpixel((x, 0)) > 127), row.width) // row.width)  # type: ignore[operator]
    return places


@pytest.mark.parametrize("target", ANIMATED)
@pytest.mark.parametrize("source", ANIMATED)
def test_frames_times_and_loop_survive_from_each_format_to_each(source: str, target: str) -> None:
    made = opened(rendered(f"format/{target}", animation(ANIMATED[source])).body)
    assert made.format == ANIMATED[target]
    assert made.n_frames == 5  # type: ignore[attr-defined]
    assert made.info["loop"] == 0
    assert bars(rendered(f"format/{target}", animation(ANIMATED[source])).body) == pytest.approx(
        [0, 20, 40, 60, 80], abs=2
    )
    for frame in ImageSequence.Iterator(made):
        frame.load()
        assert frame.info["duration"] == 80


@pytest.mark.parametrize(
    ("plan", "places", "size"),
    [
        ("resize/w_30", [0, 20, 40, 60, 80], (30, 20)),
        ("flip/h", [80, 60, 40, 20, 0], (60, 40)),
        ("crop/w_30,h_20", [0, 40, 80], (30, 20)),
        ("rotate/180", [80, 60, 40, 20, 0], (60, 40)),
    ],
)
@pytest.mark.parametrize("source", ANIMATED)
def test_every_frame_is_moved_alike(source: str, plan: str, places: list[int], size: tuple[int, int]) -> None:
    body = rendered(plan, animation(ANIMATED[source])).body
    assert opened(body).size == size
    assert bars(body)[: len(places)] == pytest.approx(places, abs=4)


def test_rotating_an_animation_grows_each_frame_and_leaves_its_corners_clear() -> None:
    made = opened(rendered("rotate/30/format/webp", animation("GIF")).body)
    assert made.n_frames == 5  # type: ignore[attr-defined]
    for frame in ImageSequence.Iterator(made):
        assert frame.convert("RGBA").getpixel((0, 0))[3] == 0  # type: ignore[index]


@pytest.mark.parametrize("target", ["jpg", "avif", "bmp", "tiff", "heic"])
def test_a_still_format_keeps_the_first_frame_and_says_how_many_went(target: str) -> None:
    made = rendered(f"format/{target}", animation("GIF"))
    assert f"animation dropped: 5 frames, {target} keeps the first" in made.notes


def test_pages_of_a_tiff_are_dropped_aloud() -> None:
    pages = [Image.new("L", (20, 20), level) for level in (10, 200, 90)]
    made = rendered("format/png", encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert opened(made.body).getpixel((5, 5)) == 10
    assert made.notes == ("pages dropped: 3 frames, png keeps the first",)


def test_an_animated_gif_is_never_enlarged() -> None:
    assert opened(rendered("resize/w_600,limit_0", animation("GIF")).body).size == (60, 40)


def test_all_frames_count_when_the_size_of_a_result_is_limited() -> None:
    with pytest.raises(ImageTooLarge):
        rendered("resize/w_600,limit_0", animation("WEBP"), Limits(max_pixels=60 * 40 * 5 * 10))
