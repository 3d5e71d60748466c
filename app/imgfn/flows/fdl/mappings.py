"""What steps hand to one another: `target: key, source: $local.key`.

A scope is a mapping: "$" is the current step's input, "$input" and "$local" are as FDL's page "Inputs and outputs"
says, "$context" tells of the run.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

REFERENCE = r"\$(?:input|local|context)?(?:\.[\w-]+|\[\d+\])*"
_WHOLE = re.compile(REFERENCE)
_PART = re.compile(r"[\w-]+|\[\d+\]")


def is_reference(text: Any) -> bool:
    """Whether `text` begins like a reference: all else is a constant."""
    return isinstance(text, str) and text.startswith("$")


def check_reference(text: str) -> str | None:
    """What is wrong with a reference, in words."""
    return (
        None if _WHOLE.fullmatch(text) else f"{text!r} is no reference; expected $input.…, $local.…, $context.… or $.…"
    )


def look_up(reference: str, scope: Mapping[str, Any]) -> Any:
    """`$local.a.b[0]`; null where there is nothing of that name, as JSONPath has it."""
    head = re.match(r"\$\w*", reference)
    name = head[0] if head else "$"
    value = scope.get(name)
    for part in _PART.findall(reference[len(name) :]):
        if part.startswith("["):
            index = int(part[1:-1])
            value = value[index] if isinstance(value, list) and index < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


def resolve(value: Any, scope: Mapping[str, Any]) -> Any:
    """`value` with each reference in it looked up, however deep it lies."""
    if is_reference(value):
        return look_up(value, scope)
    if isinstance(value, dict):
        return {name: resolve(part, scope) for name, part in value.items()}
    if isinstance(value, list):
        return [resolve(part, scope) for part in value]
    return value


def apply_mappings(mappings: Sequence[Mapping[str, Any]], scope: Mapping[str, Any]) -> dict[str, Any]:
    """An object with each target; `a.b` as a target makes an object in it."""
    made: dict[str, Any] = {}
    for mapping in mappings:
        *folders, name = str(mapping["target"]).split(".")
        place = made
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = resolve(mapping["source"], scope)
    return made
