"""What a plan costs, in seconds of CPU, before it is done: pixels x steps x what each was measured to cost.

All numbers are for a million pixels on the machine of docs/performance.md, and none is above what was measured there:
a plan is refused only if it could not end.
"""

from collections.abc import Iterable
from dataclasses import replace

from imgfn.core.faults import Fault, PlanTooCostly
from imgfn.core.kinds import WatermarkImage
from imgfn.core.output import Output, Size
from imgfn.core.plan import Step
from imgfn.imaging import kernels
from imgfn.imaging.picture import Picture, Source
from imgfn.imaging.view import View

DECODE = {"jpg": 0.01, "png": 0.02, "webp": 0.02, "gif": 0.02, "tiff": 0.01, "avif": 0.03, "heic": 0.04, "svg": 0.02}
ENCODE = {"jpg": 0.01, "png": 0.03, "webp": 0.05, "avif": 0.09, "gif": 0.1, "tiff": 0.03, "heic": 0.3, "png8": 0.1}
OPERATIONS = {
    "sharpen": 0.05,
    "bright": 0.003,
    "contrast": 0.003,
    "saturation": 0.015,
    "circle": 0.02,
    "rounded-corners": 0.02,
    "blurhash": 0.02,
    "grayscale": 0.006,
    "rotate": 0.015,
    "trim": 0.01,
    "average-hue": 0.002,
}
BLUR, BLUR_OF_EACH_PIXEL = 0.005, 0.0015  # it grows with the radius
OURS = "imgfn.ops."  # others' operations are not tried out
MILLION = 1_000_000


class _NeedsPixels(Exception):
    """An operation wants to look at pixels, of which there are none; `size` is what it has come to."""

    def __init__(self, size: Size) -> None:
        super().__init__(size)
        self.size = size


class _Outline(Picture):
    """A picture of which the size is known, and no pixel."""

    @property
    def pixels(self) -> None:  # type: ignore[override]  # it has none
        raise _NeedsPixels(self.size)

    def settled(self) -> "_Outline":
        return replace(self, view=View.of(self.size))

    def new_canvas(self, size: Size, colour: str) -> None:  # type: ignore[override]  # noqa: ARG002  nor room
        self.check(size)
        raise _NeedsPixels(size)


def refuse_too_costly(source: Source, steps: Iterable[Step], output: Output) -> None:
    """Raise PlanTooCostly where the plan cannot end within the limits' `max_seconds`."""
    most = source.limits.max_seconds
    if most is None:
        return
    seconds = estimate(source, steps, output)
    if seconds > most:
        width, height = source.header.size
        frames = f", {source.header.frames} frames" if source.header.animated else ""
        raise PlanTooCostly(
            f"this plan would take about {seconds:.0f} seconds on this image of {width}x{height}{frames}",
            parameter="plan",
            expected=f"fewer or smaller steps: what ends within {most:g} seconds",
        )


def estimate(source: Source, steps: Iterable[Step], output: Output) -> float:
    """Seconds of CPU that a render takes at least; what is not known costs nothing."""
    outline = _Outline.of(source, output)
    assert isinstance(outline, _Outline)  # noqa: S101  # what a class method of it makes
    decoded = 1 if outline.still or not source.header.animated else source.header.frames
    seconds = DECODE.get(source.header.format.name, 0.0) * _millions(source.header.size, decoded)
    for step in steps:
        if step.operation.stage == "output":
            continue
        before = outline
        try:
            outline = _after(outline, step)
        except Fault:  # the render will say so
            return 0.0
        size = max(before.size, outline.size, key=lambda size: size[0] * size[1])
        seconds += _cost(step) * _millions(size, outline.frame_count)
        if step.operation.reports:
            return seconds
    name = "png8" if output.format == "png8" else outline.format.name
    return seconds + ENCODE.get(name, 0.0) * _millions(outline.size, outline.frame_count)


def _after(outline: _Outline, step: Step) -> _Outline:
    """The outline after a step. Raises what the step does."""
    operation = step.operation
    if operation.stage != "picture" or operation.reports or not operation.apply.__module__.startswith(OURS):
        return outline
    if operation.takes_watermarks or any(isinstance(value, WatermarkImage) for value in step.values):
        return outline
    try:
        changed = operation.apply(outline, *step.values)
    except _NeedsPixels as needs:
        size = needs.size
        if operation.name == "rotate":
            size = kernels.rotated_size(outline.size, step["angle"])
        return replace(outline, view=View.of(size))
    return changed if isinstance(changed, _Outline) else outline


def _cost(step: Step) -> float:
    if step.operation.name == "blur":
        return BLUR + BLUR_OF_EACH_PIXEL * int(step["radius"])
    return OPERATIONS.get(step.operation.name, 0.0)


def _millions(size: Size, frames: int) -> float:
    return size[0] * size[1] * frames / MILLION
