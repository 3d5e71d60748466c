"""IMGFN_FLOWS_FILE: which objects get which derivatives, which start a flow, and what runs by the clock."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imgfn.flows.event import Event


class BadRules(Exception):
    """`faults` are sentences, each with the table that it is about."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class Filter:
    """Which objects a rule is for. What needs a look into the picture is decided by the run."""

    prefix: str = ""
    suffix: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    min_width: int = 0  # pixels
    min_height: int = 0  # pixels
    max_bytes: int = 0  # 0: any

    def matches(self, key: str, size: int | None = None) -> bool:
        """Whether name and size are the rule's; an unknown size is."""
        if not key.startswith(self.prefix) or (self.suffix and not key.lower().endswith(self.suffix)):
            return False
        return not (self.max_bytes and size and size > self.max_bytes)

    def refuses(self, width: int, height: int, format_name: str, frames: int) -> str:
        """Why a picture of this size in pixels is not meant; empty where it is."""
        if self.type and format_name not in self.type and not ("animated" in self.type and frames > 1):
            return f"it is {format_name}, the rule is for {', '.join(self.type)}"
        if width < self.min_width or height < self.min_height:
            return f"it has {width} x {height} pixels, the rule is for {self.min_width} x {self.min_height} and more"
        return ""

    @property
    def looks_inside(self) -> bool:
        """Whether `refuses` has a say."""
        return bool(self.type or self.min_width or self.min_height)


@dataclass(frozen=True)
class DeriveRule:
    """Results to be made ahead (`styles`, `plan`), or a picture of its own (`plan` or one style, with `saveas`)."""

    filter: Filter
    styles: tuple[str, ...] = ()
    plan: str = ""
    saveas: str = ""
    bucket: str = ""

    @property
    def digest(self) -> str:
        """Another one for another rule: a changed rule makes new runs."""
        return _digest([repr(self.filter), self.styles, self.plan, self.saveas, self.bucket])

    def to_json(self) -> dict[str, Any]:
        """What a run takes along."""
        return {"styles": list(self.styles), "plan": self.plan, "saveas": self.saveas, "bucket": self.bucket}


@dataclass(frozen=True)
class FlowRule:
    """Objects that start a flow."""

    filter: Filter
    start: str
    input: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return _digest([repr(self.filter), self.start, self.input])


@dataclass(frozen=True)
class Schedule:
    """What runs by the clock; `cron` has five fields, in `timezone` (IANA)."""

    name: str
    cron: str
    run: str
    timezone: str = "UTC"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Robot:
    """A chat robot that takes notices. `url` and `secret` may come from the environment: "env:NAME"."""

    kind: str
    url: str
    secret: str = ""


@dataclass(frozen=True)
class Rules:
    """The whole file."""

    derive: tuple[DeriveRule, ...] = ()
    flow: tuple[FlowRule, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    robots: Mapping[str, Robot] = field(default_factory=dict)

    def derive_for(self, event: Event) -> list[DeriveRule]:
        """The derive rules that an event meets."""
        return [rule for rule in self.derive if rule.filter.matches(event.key, event.size)]

    def flows_for(self, event: Event) -> list[FlowRule]:
        """The flow rules that an event meets."""
        return [rule for rule in self.flow if rule.filter.matches(event.key, event.size)]


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=list).encode()).hexdigest()[:12]
