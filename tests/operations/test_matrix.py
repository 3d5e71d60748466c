"""Every operation on every kind of every format: a right picture, or a 4xx that says why."""

import io

import pytest
from PIL import Image

from imgfn.core.faults import Fault
from imgfn.core.kinds import ObjectKey
from imgfn.core.plan import parse_path
from imgfn.core.registry import REGISTRY
from imgfn.imaging.codecs.decode import inspect
from imgfn.imaging.limits import Limits
from tests.operations.drawing import made, marked
from tests.operations.samples import SAMPLES, decoded

IDS = [f"{format_name} {kind}" for format_name, kind in SAMPLES]
MARK = {"mark.png": Image.new("RGBA", (6, 4), (0, 0, 255, 128))}


def example_of(operation):
    if not operation.params:
        return operation.name
    if any(isinstance(param.kind, ObjectKey) for param in operation.params):
        return f"{operation.name}/image_{marked('mark.png')},t_60,g_center"
    return f"{operation.name}/{operation.example or '_'}"


PLANS = [
    *map(example_of, REGISTRY),
    "resize/w_10,h_10,m_fill,g_smart",
    "resize/w_50,h_50,m_pad,bg_blur,limit_0",
    "resize/w_7/blur/r_2,s_2/rotate/30/circle/r_3",
    *(f"format/{name}/rotate/90" for name in ("jpg", "png", "png8", "webp", "avif", "gif", "bmp", "tiff", "heic")),
    "frame/2/format/png",
]  # fmt: skip


@pytest.mark.parametrize(("format_name", "kind"), SAMPLES, ids=IDS)
def test_each_sample_is_what_its_name_says(format_name, kind):
    header = inspect(SAMPLES[format_name, kind], Limits())
    assert header.format.name == format_name
    assert header.animated == kind.startswith("animated")
    assert header.frames == (3 if kind.startswith("animated") or kind == "pages" else 1)
    assert (header.size == (1, 1)) == (kind == "1x1")


@pytest.mark.parametrize(("format_name", "kind"), SAMPLES, ids=IDS)
def test_every_operation_takes_every_kind_of_input_or_says_why_not(format_name, kind):
    source = SAMPLES[format_name, kind]
    for plan in PLANS:
        try:
            answer = made(plan, source, MARK)
        except Fault as fault:
            assert 400 <= fault.status < 500, plan
            assert (fault.code, plan.split("/")[0]) == ("InvalidArgument", "frame"), f"{plan}: {fault.detail}"
            continue
        if answer.content_type.startswith("image/"):
            frames = decoded(answer.body)
            assert all(frame.width > 0 and frame.height > 0 for frame in frames), plan
        else:
            assert parse_path(plan)[0].reports


@pytest.mark.parametrize(("format_name", "kind"), SAMPLES, ids=IDS)
def test_every_kind_of_input_keeps_its_colours(format_name, kind):
    """The disc is red, the rest is not; what is clear stays clear."""
    if kind in ("1x1", "bilevel", "16-bit grey", "16-bit alpha") or (format_name, kind) == ("heic", "16-bit"):
        pytest.skip("has no disc")
    answer = made("resize/w_36,h_24,m_fixed,limit_0/format/png", SAMPLES[format_name, kind])
    first = decoded(answer.body)[0]
    red, green, blue, alpha = first.getpixel((10, 12))
    assert alpha == 255
    if "grey" in kind:
        assert abs(red - green) < 3
    else:
        assert red > 190
        assert max(green, blue) < 100
    corner = first.getpixel((33, 3))[3]
    assert corner == {"svg": 128}.get(format_name, 0) if "alpha" in kind or kind == "palette" else corner == 255


def test_an_animation_keeps_its_frames_and_times_through_pixels_and_geometry():
    for format_name in ("gif", "webp", "png"):
        source = SAMPLES[format_name, "animated"]
        for plan in ("resize/w_18", "blur/r_1,s_1", "trim/10", "resize/w_20,h_8,m_fill,g_smart", "rounded-corners/r_4"):
            image = Image.open(io.BytesIO(made(plan, source).body))
            assert image.n_frames == 3
            image.seek(1)
            image.load()
            assert image.info["duration"] == 40


def test_an_animation_that_the_format_cannot_hold_is_not_dropped_in_silence():
    answer = made("format/jpg", SAMPLES["gif", "animated"])
    assert any("animation dropped" in note for note in answer.notes)
    assert made("format/jpg/frame/0", SAMPLES["gif", "animated"]).notes == ()
