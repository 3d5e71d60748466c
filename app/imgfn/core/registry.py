"""What an operation is: @operation, and the registry of all operations."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeVar, get_type_hints

from imgfn.core.kinds import Kind, ObjectKey
from imgfn.core.output import Output, Report

REQUIRED: Any = inspect.Parameter.empty
Stage = Literal["frame", "picture", "output"]


@dataclass(frozen=True)
class Param:
    """One argument of an operation: `key` in URLs, `name` in Python; a `bare` one is canonical without its key."""

    name: str
    key: str
    kind: Kind
    default: Any
    bare: bool

    @property
    def required(self) -> bool:
        return self.default is REQUIRED


@dataclass(frozen=True, eq=False)
class Operation:
    """One declared operation.

    `stage` tells what its function takes: a `frame` (a Pillow image; called once for each frame), the whole `picture`
    (imgfn.imaging.picture.Picture), or the `output` settings. `reports` is true where it ends the plan with a Report.
    """

    name: str
    summary: str
    params: tuple[Param, ...]
    example: str
    apply: Callable[..., Any]
    stage: Stage
    reports: bool
    category: str  # the module it is declared in: geometry, colour, …
    one_of: tuple[str, ...]

    @cached_property
    def keys(self) -> dict[str, Param]:
        """The parameters by their names in URLs."""
        return {param.key: param for param in self.params}

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The default values by their names in Python, in declared order."""
        return {param.name: param.default for param in self.params}

    @cached_property
    def takes_watermarks(self) -> bool:
        """Whether it may need other objects."""
        return any(isinstance(param.kind, ObjectKey) for param in self.params)


class Registry:
    """All operations by name, in the order of their declaration."""

    def __init__(self) -> None:
        self._operations: dict[str, Operation] = {}

    def add(self, operation: Operation) -> None:
        if operation.name in self._operations:
            raise RuntimeError(f"two operations are called {operation.name!r}")
        self._operations[operation.name] = operation

    def get(self, name: str) -> Operation | None:
        return self._operations.get(name)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._operations.values())

    def names(self) -> list[str]:
        return list(self._operations)


REGISTRY = Registry()

F = TypeVar("F", bound=Callable[..., Any])


def operation(*, example: str = "", one_of: tuple[str, ...] = (), name: str = "") -> Callable[[F], F]:
    """Register a plain function as an operation; its signature is the whole declaration.

    The first parameter's annotation is the stage; every other one is `Annotated[type, Kind(...)]`. `example` is an
    argument segment that works on any picture (tests, docs and forms run it). `one_of` lists keys of which at least one
    must be given. The docstring's first line is the summary that users read.
    """

    def register(function: F) -> F:
        hints = get_type_hints(function, include_extras=True)
        parameters = list(inspect.signature(function).parameters.values())
        stage = _stage(function, parameters, hints)
        params: list[Param] = []
        for parameter in parameters[1:]:
            kind = _kind(function, parameter, hints.get(parameter.name))
            bare = not params and kind.key is None
            params.append(Param(parameter.name, kind.key or parameter.name, kind, parameter.default, bare))
        unknown = set(one_of) - {param.key for param in params}
        if unknown:
            raise TypeError(f"{_name(function)}: one_of has {', '.join(sorted(unknown))}, which is no parameter of it")
        REGISTRY.add(
            Operation(
                name=name or function.__name__.replace("_", "-"),
                summary=inspect.getdoc(function) or "",
                params=tuple(params),
                example=example,
                apply=function,
                stage=stage,
                reports=hints.get("return") is Report,
                category=function.__module__.rpartition(".")[2],
                one_of=one_of,
            )
        )
        return function

    return register


def _stage(function: Callable[..., Any], parameters: list[inspect.Parameter], hints: dict[str, Any]) -> Stage:
    annotation = hints.get(parameters[0].name) if parameters else None
    if annotation is Output:
        return "output"
    # core knows neither Pillow nor imgfn.imaging, so the two other subjects are told apart by name.
    stages: dict[str, Stage] = {"Image": "frame", "Picture": "picture"}
    stage = stages.get(getattr(annotation, "__name__", ""))
    if stage is None:
        first = f"parameter {parameters[0].name!r}" if parameters else "the signature"
        raise TypeError(
            f"{_name(function)}: {first} has {_say(annotation)}; "
            "expected the first parameter to be a PIL.Image.Image, an imgfn.Picture or an imgfn.Output"
        )
    return stage


def _kind(function: Callable[..., Any], parameter: inspect.Parameter, annotation: Any) -> Kind:
    """The Kind in `Annotated[type, kind]`. Raises TypeError that names the parameter where there is none."""
    if parameter.kind not in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY):
        raise TypeError(
            f"{_name(function)}: parameter {parameter.name!r} is {parameter.kind.description}; "
            "expected one that can be given by position"
        )
    kinds = [found for found in getattr(annotation, "__metadata__", ()) if isinstance(found, Kind)]
    if len(kinds) != 1:
        raise TypeError(
            f"{_name(function)}: parameter {parameter.name!r} has {_say(annotation)}; "
            'expected Annotated[<type>, <kind>] with one kind such as Int(0, 100), Choice(("a", "b")) or Colour()'
        )
    return kinds[0]


def _name(function: Callable[..., Any]) -> str:
    return f"operation {function.__module__}.{function.__qualname__}"


def _say(annotation: Any) -> str:
    if annotation is None:
        return "no annotation"
    return f"the annotation {getattr(annotation, '__qualname__', None) or annotation}"
