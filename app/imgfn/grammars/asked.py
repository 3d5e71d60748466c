"""What every grammar makes of a URL."""

from collections.abc import Callable
from dataclasses import dataclass, field

from imgfn.core.faults import InvalidArgument
from imgfn.core.key import Key
from imgfn.core.output import Size
from imgfn.core.plan import Plan, parse_path

SizeOf = Callable[[Key], Size]  # width and height of a source, upright; reads it, so only who is let in may call it


@dataclass(frozen=True)
class Translated:
    """A plan of ours, and the headers that the grammar wants on its answer."""

    plan: Plan
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A picture that a URL names. `translate` is called once the caller is let in: it may look at the source."""

    key: Key
    translate: Callable[[SizeOf], Translated]


def plan_of(*steps: str) -> Plan:
    """The plan of steps in the path grammar, without the empty ones."""
    return parse_path("".join(f"{step}/" for step in steps if step))[0]


def refused(parameter: str, given: str, expected: str) -> InvalidArgument:
    """The fault for a part of a foreign URL that is wrong there, or that has no counterpart here."""
    return InvalidArgument(
        f"{parameter} is {given[:80]!r}, expected {expected}", parameter=parameter, expected=expected
    )
