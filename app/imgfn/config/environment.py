"""How a setting is written as an environment variable, in words."""

import os
import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

SERVICE_LINK = re.compile(r"(tcp|udp|sctp)://\S+:\d+")
# What Kubernetes sets in every pod for a Service called imgfn, beside IMGFN_PORT.
SERVICE_VARIABLE = re.compile(r"IMGFN_(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")


def is_service_link(value: object) -> bool:
    """Whether a value is what Kubernetes writes into <SERVICE>_PORT: tcp://10.96.0.7:80, meant for nobody.

    https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
    """
    return isinstance(value, str) and SERVICE_LINK.fullmatch(value) is not None


def note_service_link() -> str | None:
    """What to say of IMGFN_PORT where Kubernetes has set it; None where it is ours."""
    value = os.environ.get("IMGFN_PORT")
    if not is_service_link(value):
        return None
    return (
        f"IMGFN_PORT={value} is Kubernetes' link to a Service called imgfn and no setting of ours; it is left aside "
        "(enableServiceLinks: false in the pod stops it, and the container may set IMGFN_PORT itself)"
    )


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
