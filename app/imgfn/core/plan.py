"""Text to Plan and back: the path grammar and the x-oss-process grammar, which share one argument parser."""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import compress
from operator import ne
from typing import Any

from imgfn.core.faults import InvalidArgument, MissingArgument, NoSuchStyle
from imgfn.core.kinds import WatermarkImage
from imgfn.core.registry import REGISTRY, REQUIRED, Operation, Param

DEFAULTS, END, STYLE = "_", "-", "style"
MAX_STEPS = 20
MAX_WATERMARK_IMAGES = 3  # as OSS
MOST_STEPS_KNOWN = 1000  # parsed steps that are cached: a site uses a few, with every picture


@dataclass(frozen=True)
class Step:
    """One operation with all its values, in declared order."""

    operation: Operation
    values: tuple[Any, ...]

    @property
    def arguments(self) -> str:
        """Canonical: all that differ from their defaults, a first argument that OSS has no key for bare."""
        arguments = []
        changed = map(ne, self.values, self.operation.defaults.values())
        for param, value in compress(zip(self.operation.params, self.values, strict=True), changed):
            text = param.kind.text(value)
            arguments.append(text if param.bare else f"{param.key}_{text}")
        return ",".join(arguments)

    @cached_property
    def text(self) -> str:
        """This step in the path grammar."""
        return f"{self.operation.name}/{self.arguments or DEFAULTS}" if self.operation.params else self.operation.name

    @property
    def oss_text(self) -> str:
        """This step in the x-oss-process grammar."""
        return ",".join(part for part in (self.operation.name, self.arguments) if part)

    @property
    def watermarks(self) -> tuple[WatermarkImage, ...]:
        """The other objects that this step needs."""
        if not self.operation.takes_watermarks:
            return ()
        return tuple(value for value in self.values if isinstance(value, WatermarkImage))

    def __getitem__(self, name: str) -> Any:
        """The value of the parameter with this Python name."""
        return next(v for p, v in zip(self.operation.params, self.values, strict=True) if p.name == name)


@dataclass(frozen=True)
class Plan:
    """What is to be done to a picture, in order. Equal plans have equal texts, whatever grammar they came in."""

    steps: tuple[Step, ...] = ()
    styled: bool = field(default=False, compare=False)  # whether all of it is one style
    styles: tuple[str, ...] = field(default=(), compare=False)  # the names of those that it is made of

    @cached_property
    def text(self) -> str:
        """The canonical text: result key, ETag and log all use it; `parse_path` reads it back."""
        return "/".join(step.text for step in self.steps)

    @property
    def oss_text(self) -> str:
        """The same plan as the value of x-oss-process; `parse_oss` reads it back."""
        return "image/" + "/".join(step.oss_text for step in self.steps)

    @property
    def reports(self) -> bool:
        """Whether the plan ends in words, not in a picture."""
        return bool(self.steps) and self.steps[-1].operation.reports

    @property
    def watermarks(self) -> tuple[WatermarkImage, ...]:
        """The other objects that this plan needs, each once, in order."""
        return tuple(dict.fromkeys(watermark for step in self.steps for watermark in step.watermarks))

    def last(self, name: str) -> Step | None:
        """The last step of that operation, if there is one."""
        return next((step for step in reversed(self.steps) if step.operation.name == name), None)

    def __add__(self, later: "Plan") -> "Plan":
        if not self.steps or not later.steps:
            return self if self.steps else later
        return Plan(_checked(self.steps + later.steps), styles=self.styles + later.styles)


EMPTY = Plan()
FindStyle = Callable[[str], Plan]  # the plan of a name; raises NoSuchStyle


def no_styles(name: str) -> Plan:
    """The FindStyle of a caller without styles. Raises NoSuchStyle."""
    raise NoSuchStyle(f"no style is called {name[:80]!r}", parameter=STYLE)


def parse_path(path: str, find_style: FindStyle = no_styles) -> tuple[Plan, str]:
    """`rotate/10/resize/w_200/a/lena.png` -> (Plan, "a/lena.png"); `style/<name>` stands for the steps of that style.

    Takes the path below the mount, percent-decoded once. The rest after the steps is the key, unchecked (Key.parse is
    the caller's next call), and may be empty. Raises InvalidArgument or MissingArgument, naming the operation and the
    parameter, and what `find_style` raises.
    """
    segments = path.split("/")
    plan = EMPTY
    position = 0
    while position < len(segments):
        if segments[position] == STYLE and position + 1 < len(segments):
            plan += find_style(segments[position + 1])
            position += 2
            continue
        operation = REGISTRY.get(segments[position])
        if operation is None:
            break
        position += 1
        arguments: tuple[str, ...] = ()
        if operation.params:
            if position == len(segments) or not segments[position]:
                raise MissingArgument(
                    f"{operation.name} needs a segment of arguments; '{DEFAULTS}' means all defaults",
                    parameter=operation.name,
                    expected=f"{operation.name}/{operation.example or DEFAULTS}",
                )
            if segments[position] != DEFAULTS:
                arguments = tuple(segments[position].split(","))
            position += 1
        plan += Plan((parse_step(operation, arguments),))
    if position < len(segments) and segments[position] == END:
        position += 1
    return plan, "/".join(segments[position:])


def parse_oss(text: str, find_style: FindStyle = no_styles) -> Plan:
    """`image/resize,w_200/rotate,90` or `style/<name>` -> Plan.

    https://help.aliyun.com/zh/oss/user-guide/overview-17. Raises InvalidArgument or MissingArgument, and what
    `find_style` raises.
    """
    head, _, rest = text.partition("/")
    if head == STYLE and rest:
        return find_style(rest)
    if head != "image" or not rest:
        raise InvalidArgument(
            f"x-oss-process {text[:80]!r} is neither a chain of actions nor a style",
            parameter="x-oss-process",
            expected="image/<action>,<key>_<value>/… or style/<name>",
        )
    steps = []
    for part in rest.split("/"):
        name, *arguments = part.split(",")
        operation = REGISTRY.get(name)
        if operation is None:
            raise InvalidArgument(
                f"there is no action {name[:40]!r}{suggestion(name)}",
                parameter="x-oss-process",
                expected="one of " + ", ".join(REGISTRY.names()),
            )
        steps.append(parse_step(operation, tuple(arguments)))
    return Plan(_checked(tuple(steps)))


@lru_cache(MOST_STEPS_KNOWN)
def parse_step(operation: Operation, arguments: tuple[str, ...]) -> Step:
    """Bare values in declared order, then `key_value` in any order. The one argument parser of both grammars."""
    given: dict[str, Any] = {}
    bare = iter(operation.params)
    for argument in arguments:
        key, underscore, value = argument.partition("_")
        param = operation.keys.get(key) if underscore else None
        if param is None:
            param, value = _next_bare(operation, bare, given, argument), argument
        if param.name in given:
            raise InvalidArgument(
                f"{operation.name}: {param.key} is given twice", parameter=param.key, expected="it once"
            )
        try:
            given[param.name] = param.kind.parse(value)
        except ValueError as error:
            if underscore and value == argument:
                raise _unknown(operation, key) from error
            raise InvalidArgument(
                f"{operation.name}: {param.key} is {value[:80]!r}, expected {param.kind.expected}",
                parameter=param.key,
                expected=param.kind.expected,
            ) from error
    values = operation.defaults | given
    for param in operation.params if REQUIRED in values.values() else ():
        if values[param.name] is REQUIRED:
            raise MissingArgument(
                f"{operation.name} needs {param.key}", parameter=param.key, expected=param.kind.expected
            )
    if operation.one_of and not any(operation.keys[key].name in given for key in operation.one_of):
        wanted = ", ".join(operation.one_of)
        raise MissingArgument(
            f"{operation.name} needs at least one of {wanted}",
            parameter=operation.one_of[0],
            expected=f"one of {wanted}",
        )
    step = Step(operation, tuple(values.values()))
    for watermark in step.watermarks:
        _check_process(watermark)
    return step


def suggestion(name: str) -> str:
    """`; did you mean resize?` where an operation has nearly this name, else nothing."""
    near = difflib.get_close_matches(name, REGISTRY.names(), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _next_bare(operation: Operation, bare: Iterable[Param], given: dict[str, Any], argument: str) -> Param:
    """The parameter that a bare value stands for: the first in declared order that has no value yet."""
    for param in bare:
        if param.name not in given:
            return param
    raise _unknown(operation, argument)


def _unknown(operation: Operation, key: str) -> InvalidArgument:
    known = ", ".join(f"{param.key}_" for param in operation.params)
    return InvalidArgument(
        f"{operation.name} has no parameter for {key[:80]!r}",
        parameter=key[:40],
        expected=f"arguments from {known}" if known else "no arguments",
    )


def _checked(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    if len(steps) > MAX_STEPS:
        raise InvalidArgument(
            f"the plan has {len(steps)} steps", parameter="plan", expected=f"at most {MAX_STEPS} steps"
        )
    for step in steps[:-1]:
        if step.operation.reports:
            raise InvalidArgument(
                f"{step.operation.name} ends a plan", parameter=step.operation.name, expected="it as the last step"
            )
    watermarks = [watermark for step in steps for watermark in step.watermarks]
    if len(watermarks) > MAX_WATERMARK_IMAGES:
        raise InvalidArgument(
            f"the plan has {len(watermarks)} watermark images",
            parameter="image",
            expected=f"at most {MAX_WATERMARK_IMAGES} images",
        )
    return steps


def _check_process(watermark: WatermarkImage) -> None:
    """Raise InvalidArgument where a watermark's own process does more than change its pixels."""
    steps = parse_oss(watermark.process).steps if watermark.process else ()
    for step in steps:
        pixels = step.operation.stage != "output" and not step.operation.reports
        if not pixels or step.watermarks:
            raise InvalidArgument(
                f"the watermark {watermark.key} is to go through {step.operation.name}",
                parameter="image",
                expected="actions on its pixels, without other images",
            )
