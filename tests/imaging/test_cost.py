"""A plan that cannot end in time is refused before a pixel is decoded; what can end is not."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from imgfn.core.faults import PlanTooCostly
from imgfn.core.plan import parse_path
from imgfn.imaging import cost
from imgfn.imaging.codecs import effort
from imgfn.imaging.limits import Limits
from imgfn.imaging.picture import Source
from imgfn.imaging.render import _output, render
from imgfn.ops import load_operations

load_operations()

LIMITS = Limits(max_seconds=10.0)


def draw(width: int, height: int, frames: int = 1) -> bytes:
    file = io.BytesIO()
    images = [Image.new("RGB", (width, height), (number, 0, 0)) for number in range(frames)]
    images[0].save(file, "PNG", save_all=frames > 1, append_images=images[1:])
    return file.getvalue()


def seconds(plan: str, source: bytes) -> float:
    steps = parse_path(plan)[0].steps
    return cost.estimate(Source.of(source, LIMITS), steps, _output(steps))


LARGE = draw(4000, 3000)
BLURS = "/".join(["blur/r_50,s_50"] * 18)


@pytest.mark.parametrize("plan", [BLURS, f"{BLURS}/resize/w_20", f"resize/w_3900/{BLURS}", f"rotate/10/{BLURS}"])
def test_what_cannot_end_is_refused_with_the_reason(plan):
    with pytest.raises(PlanTooCostly, match=r"about \d+ seconds on this image of 4000x3000") as caught:
        render(LARGE, parse_path(plan)[0], LIMITS)
    assert caught.value.status == 422
    assert "10 seconds" in (caught.value.expected or "")


@pytest.mark.parametrize(
    "plan",
    [
        f"resize/w_100/{BLURS}",
        f"crop/w_100,h_100/{BLURS}",
        f"circle/r_50/{BLURS}",
        "rotate/10/sharpen/50/blur/r_50,s_50/format/heic",
        "format/gif",
        "info",
    ],
)
def test_what_can_end_is_not_refused(plan):
    steps = parse_path(plan)[0].steps
    cost.refuse_too_costly(Source.of(LARGE, LIMITS), steps, _output(steps))


def test_all_frames_of_an_animation_count():
    film, still = draw(200, 100, frames=20), draw(200, 100)
    assert seconds("sharpen/50", film) > 15 * seconds("sharpen/50", still)
    assert seconds("sharpen/50/format/jpg", film) < 2 * seconds("sharpen/50", still)


def test_other_peoples_operations_are_not_tried_out():
    step = parse_path("resize/w_20")[0].steps[0]

    def stranger(*_: object) -> None:
        raise AssertionError("it was called")

    foreign = replace(step, operation=replace(step.operation, apply=stranger))
    assert cost.estimate(Source.of(LARGE, LIMITS), [foreign], _output([])) > 0


def test_without_a_deadline_nothing_is_refused():
    steps = parse_path(BLURS)[0].steps
    cost.refuse_too_costly(Source.of(LARGE, Limits()), steps, _output(steps))


def test_the_larger_a_picture_the_less_an_encoder_tries():
    sizes = [100_000, 1_000_000, 2_000_000, 4_000_000, 12_000_000]
    efforts = [effort.gif_options(size)["effort"] for size in sizes]
    assert efforts == sorted(efforts, reverse=True)
    assert [effort.heic_options(size)["enc_params"]["preset"] for size in sizes][:: len(sizes) - 1] == [
        "slow",
        "ultrafast",
    ]


def test_a_large_gif_keeps_its_colours():
    source = io.BytesIO()
    Image.radial_gradient("L").resize((2600, 2000)).convert("RGB").save(source, "PNG")
    made = Image.open(io.BytesIO(render(source.getvalue(), parse_path("format/gif")[0], Limits()).body))
    assert (made.format, made.size) == ("GIF", (2600, 2000))
    wanted = Image.open(source).convert("L").resize((26, 20), Image.Resampling.BOX)
    shown = made.convert("L").resize((26, 20), Image.Resampling.BOX)
    assert max(abs(a - b) for a, b in zip(wanted.tobytes(), shown.tobytes(), strict=True)) <= 4
