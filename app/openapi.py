"""The registry as documents for programs: what the clients draw their forms from."""

from typing import Any

from app.core.spec import REGISTRY, Mark, Operation, Param


def operations_document() -> dict[str, Any]:
    """Every registered operation, in the order of its declaration, as plain JSON.

    A default is given as the value that `schema` describes (0 or 1 for a flag, the words themselves for a text); null
    where there is none.
    """
    return {"operations": [_operation(operation) for operation in REGISTRY]}


def _operation(operation: Operation) -> dict[str, Any]:
    return {
        "name": operation.name,
        "summary": operation.summary.partition("\n")[0],
        "room": operation.room,
        "stage": operation.stage,
        "reports": operation.reports,
        "example": operation.example,
        "one_of": list(operation.one_of),
        "parameters": [_parameter(param) for param in operation.params],
    }


def _parameter(param: Param) -> dict[str, Any]:
    return {
        "name": param.name,
        "key": param.key,
        "required": param.required,
        "default": None if param.required else _plain(param.default),
        "schema": param.kind.schema(),
    }


def _plain(default: Any) -> Any:
    if isinstance(default, bool):
        return int(default)
    return str(default) if isinstance(default, Mark) else default
