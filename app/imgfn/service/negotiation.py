"""Content negotiation for format/auto (RFC 9110, 12.5.1)."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from imgfn.core.formats import FORMATS, Format
from imgfn.core.plan import Plan, Step

Quality = Callable[[str], tuple[float, bool]]  # media type -> q-value, and whether Accept names it itself

# What stands in where a browser cannot show the source's own format.
_SHOWN_AS = {"heic": "jpg", "tiff": "jpg", "bmp": "png", "ico": "png", "svg": "png"}


def settle_format(plan: Plan, source_type: str, quality: Quality, enabled: Sequence[str]) -> tuple[Plan, bool]:
    """`plan` with every format/auto made concrete, and whether there was one (the answer then varies by Accept).

    The highest q-value wins (RFC 9110, 12.5.1) among the enabled formats that Accept names and the source's own. A bare
    wildcard does not prove that a client can read AVIF, so it only speaks for the source's own format; among equals the
    enabled formats come first, in their order.
    """
    if not any(_is_auto(step) for step in plan.steps):
        return plan, False
    own = next((fmt for fmt in FORMATS.values() if fmt.content_type == source_type), FORMATS["jpg"])
    own = FORMATS[_SHOWN_AS.get(own.name, own.name)]
    best = max(_candidates(own, quality, enabled), key=lambda ranked: ranked[0])[1]
    steps = (replace(step, values=(best.name, *step.values[1:])) if _is_auto(step) else step for step in plan.steps)
    return Plan(tuple(steps)), True


def _is_auto(step: Step) -> bool:
    return step.operation.name == "format" and step.values[0] == "auto"


def _candidates(own: Format, quality: Quality, enabled: Sequence[str]) -> list[tuple[float, Format]]:
    ranked = []
    for fmt in (FORMATS[name] for name in enabled):
        q, named = quality(fmt.content_type)
        # A GIF is most likely animated, and a format without animation would lose that.
        if named and q > 0 and (fmt.animation or own.name != "gif"):
            ranked.append((q, fmt))
    return [*ranked, (quality(own.content_type)[0], own)]
