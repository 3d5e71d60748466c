"""A plan done to a source: bytes in, bytes out, nothing else touched."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from imgfn.core.faults import BadImage, UnsupportedMediaType, WatermarkError
from imgfn.core.kinds import WatermarkImage
from imgfn.core.output import Output, Report
from imgfn.core.plan import Plan, Step, parse_oss
from imgfn.imaging.codecs.encode import encode
from imgfn.imaging.cost import refuse_too_costly
from imgfn.imaging.limits import Limits
from imgfn.imaging.picture import Picture, Source


@dataclass(frozen=True)
class Rendered:
    """The answer: a file or a report, what was dropped on the way, and where the time went."""

    body: bytes
    content_type: str
    notes: tuple[str, ...]
    milliseconds: Mapping[str, float]  # wall clock: decode, steps, encode


def render(
    source: bytes, plan: Plan, limits: Limits, watermarks: Mapping[WatermarkImage, bytes] | None = None
) -> Rendered:
    """Do `plan` to `source`; `watermarks` are the other objects that the plan names.

    Raises UnsupportedMediaType, BadImage, ImageTooLarge, PlanTooCostly, and InvalidArgument where an argument does not
    suit this picture.
    """
    start = time.perf_counter()
    opened = Source.of(source, limits)
    output = _output(plan.steps)
    picture = Picture.of(opened, output)
    refuse_too_costly(opened, plan.steps, output)
    answer = _do(plan.steps, picture, watermarks or {})
    if isinstance(answer, Report):
        spent = (time.perf_counter() - start) * 1000
        return Rendered(answer.body, answer.content_type, tuple(opened.notes), _shares(opened, spent, 0.0))
    _ = answer.frames  # what is pending counts as steps, not as encoding
    done = time.perf_counter()
    encoded = encode(answer)
    shares = _shares(opened, (done - start) * 1000, (time.perf_counter() - done) * 1000)
    return Rendered(encoded.body, encoded.content_type, (*opened.notes, *answer.notes, *encoded.notes), shares)


def _output(steps: Iterable[Step]) -> Output:
    """All settings of the output, wherever in the plan they stand: the first pixel step may need them."""
    output = Output()
    for step in steps:
        if step.operation.stage == "output":
            output = step.operation.apply(output, *step.values)
    return output


def _do(steps: Iterable[Step], picture: Picture, watermarks: Mapping[WatermarkImage, bytes]) -> Any:
    """The picture after all steps, or the report that the last one gives."""
    answer: Any = picture
    for step in steps:
        values = [
            _watermark(value, answer, watermarks) if isinstance(value, WatermarkImage) else value
            for value in step.values
        ]
        match step.operation.stage:
            case "frame":
                answer = answer.map(lambda frame, do=step.operation.apply, values=values: do(frame, *values))
            case "picture":
                answer = step.operation.apply(answer, *values)
    return answer


def _watermark(watermark: WatermarkImage, picture: Picture, watermarks: Mapping[WatermarkImage, bytes]) -> Picture:
    """Another object as a picture of one frame, its own process done.

    Raises WatermarkError where it is no image that we read.
    """
    try:
        source = Source.of(watermarks[watermark], picture.source.limits)
    except (UnsupportedMediaType, BadImage) as error:
        raise WatermarkError(f"the watermark {watermark.key}: {error.detail}", parameter="image") from error
    opened = replace(Picture.of(source, Output(format="png", frame=0)), under=picture.size)
    return _do(parse_oss(watermark.process).steps, opened, watermarks) if watermark.process else opened


def _shares(source: Source, before_encode: float, encode_share: float) -> Mapping[str, float]:
    decode = source.milliseconds.get("decode", 0.0)
    return {"decode": decode, "steps": before_encode - decode, "encode": encode_share}
