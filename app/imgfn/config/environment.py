"""How a setting is written as an environment variable, in words."""

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo


def is_secret(field: FieldInfo) -> bool:
    """Whether the value is never to be shown."""
    return SecretStr in get_args(field.annotation)


def describe_format(field: FieldInfo) -> str:
    """What the variable takes, in words: 'a whole number over 0'."""
    annotation = next(
        (kind for kind in get_args(field.annotation) if kind is SecretStr or kind is Path), field.annotation
    )
    if get_origin(annotation) is Literal:
        return ", ".join(get_args(annotation)[:-1]) + f" or {get_args(annotation)[-1]}"
    names: dict[Any, str] = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        Path: "a path",
        SecretStr: "text",
    }
    words = names.get(annotation, "words with commas between them" if get_origin(annotation) is tuple else "text")
    bounds = []
    for bound in field.metadata:
        if isinstance(bound, Gt):
            bounds.append(f"over {bound.gt}")
        elif isinstance(bound, Ge):
            bounds.append(f"from {bound.ge}")
        elif isinstance(bound, Le):
            bounds.append(f"to {bound.le}")
    return " ".join([words, *bounds])


def describe_default(field: FieldInfo) -> str:
    """The default as it would be written into the environment."""
    if field.default_factory is not None:
        return str(field.default_factory.__doc__)
    if isinstance(field.default, bool):
        return str(field.default).lower()
    if isinstance(field.default, tuple):
        return ",".join(field.default)
    return "none" if field.default in (None, "") else str(field.default)
