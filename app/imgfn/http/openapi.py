"""The registry as documents for programs: what the clients draw their forms from, and OpenAPI 3.1."""

from importlib.metadata import version
from typing import Any

from imgfn.core.faults import Fault
from imgfn.core.formats import FORMATS
from imgfn.core.kinds import WatermarkImage
from imgfn.core.registry import REGISTRY, Operation, Param

PICTURES = [fmt.content_type for fmt in FORMATS.values() if fmt.written]
KEY = {
    "name": "key",
    "in": "path",
    "required": True,
    "description": "the object's key; slashes are part of it",
    "schema": {"type": "string", "minLength": 1, "maxLength": 1023},
    "example": "lena.png",
}
PROCESS = {
    "name": "x-oss-process",
    "in": "query",
    "description": "actions in the grammar of Alibaba OSS, run after those of the path",
    "schema": {"type": "string", "pattern": "^(image|style)/.+"},
    "example": "image/resize,w_200/rotate,90",
}


def operations_document() -> dict[str, Any]:
    """Every registered operation, in the order of its declaration, as plain JSON.

    `bare` tells that the canonical text has this argument without its key (rotate/10). A default is given as the value
    that `schema` describes (0 or 1 for a flag, the words themselves for a text); null where there is none.
    """
    return {"operations": [_operation(operation) for operation in REGISTRY]}


def openapi_document() -> dict[str, Any]:
    """The service as OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1): a path for each operation, and the rest."""
    paths: dict[str, Any] = {
        "/upload/": {"post": _post_upload()},
        "/upload/{key}": {"parameters": [KEY], "put": _put_upload(), "delete": _delete_upload()},
        "/proc/{key}": {"parameters": [KEY], "get": _picture("The stored picture, or its plan done", [PROCESS])},
        "/operations.json": {"get": _document("The operations and their parameters")},
        "/openapi.json": {"get": _document("This document")},
        "/healthz": {"get": _document("Whether the process lives")},
        "/readyz": {"get": _document("Whether this process can answer, its stores left aside", 503)},
        "/healthz/stores": {"get": _document("Whether the stores answer", 503)},
    }
    for operation in REGISTRY:
        arguments = [_arguments(operation)] if operation.params else []
        middle = "/{arguments}" if operation.params else ""
        get = _picture(operation.summary.partition("\n")[0], [PROCESS], reports=operation.reports)
        get |= {"operationId": operation.name, "description": operation.summary, "tags": [operation.category]}
        paths[f"/proc/{operation.name}{middle}/{{key}}"] = {"parameters": [*arguments, KEY], "get": get}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "imgfn",
            "version": version("imgfn"),
            "summary": "Upload a picture, GET any transformation of it by URL",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": {"Problem": _problem_schema(), "Stored": _stored_schema()},
            "responses": {str(status): _problem_response(status) for status in sorted(_codes())},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    return {
        "name": operation.name,
        "summary": operation.summary.partition("\n")[0],
        "category": operation.category,
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
        "bare": param.bare,
        "required": param.required,
        "default": None if param.required else _json_default(param.default),
        "schema": param.kind.schema(),
    }


def _json_default(default: Any) -> Any:
    if isinstance(default, bool):
        return int(default)
    return str(default) if isinstance(default, WatermarkImage) else default


def _arguments(operation: Operation) -> dict[str, Any]:
    """One segment that holds all arguments; `x-parameters` says what each of them takes."""
    lines = [f"`{param.key}_` {param.kind.expected}" for param in operation.params]
    return {
        "name": "arguments",
        "in": "path",
        "required": True,
        "description": "`_` for all defaults, or with commas between: " + "; ".join(lines),
        "schema": {"type": "string", "pattern": "^[^/]+$", "maxLength": 2000},
        "example": operation.example or "_",
        "x-parameters": [_parameter(param) for param in operation.params],
    }


def _picture(summary: str, parameters: list[dict[str, Any]], *, reports: bool = False) -> dict[str, Any]:
    types = ["application/json", "text/plain; charset=utf-8"] if reports else PICTURES
    body = {"description": "the answer", "content": {kind: {} for kind in types}}
    found = {"200": body, "206": {"description": "the part of a stored one that Range asks for"}}
    return {
        "summary": summary,
        "parameters": parameters,
        "responses": {**found, "304": {"description": "the caller has this version"}, **_refusals(*_codes())},
    }


def _document(summary: str, *refusals: int) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": {"description": "as it is now"}, **_refusals(*refusals)}}


def _post_upload() -> dict[str, Any]:
    files = {"type": "object", "additionalProperties": {"type": "string", "format": "binary"}}
    body = {"required": True, "content": {"multipart/form-data": {"schema": files}}}
    return _upload("Store every file part; the field's name is the key") | {"requestBody": body}


def _put_upload() -> dict[str, Any]:
    return _upload("Store the raw body under this key") | {"requestBody": {"content": {kind: {} for kind in PICTURES}}}


def _upload(summary: str) -> dict[str, Any]:
    stored = {"description": "stored", "content": {"application/json": {"schema": {"$ref": _ref("schemas/Stored")}}}}
    name = {
        "name": "key",
        "in": "query",
        "description": "`hash`: the object is named by its content",
        "schema": {"const": "hash"},
    }
    return {
        "summary": summary,
        "parameters": [name],
        "security": [{}, {"token": []}],
        "responses": {
            "201": stored,
            "200": stored | {"description": "the same bytes were there"},
            **_refusals(*_codes()),
        },
    }


def _delete_upload() -> dict[str, Any]:
    return {
        "summary": "Remove a picture and all its results",
        "security": [{"token": []}],
        "responses": {"204": {"description": "gone"}, **_refusals(*_codes())},
    }


def _refusals(*statuses: int) -> dict[str, Any]:
    return {str(status): {"$ref": _ref(f"responses/{status}")} for status in statuses}


def _codes() -> dict[int, list[str]]:
    """The codes of all faults by status."""
    codes: dict[int, list[str]] = {}
    for kind in Fault.__subclasses__():
        codes.setdefault(kind.status, []).append(kind.code)
    return codes


def _problem_response(status: int) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": _ref("schemas/Problem")}}, "application/xml": {}}
    return {"description": " or ".join(_codes()[status]), "content": content}


def _problem_schema() -> dict[str, Any]:
    members = _typed("string", "type", "title", "detail", "code", "request_id", "parameter", "expected")
    needed = ["type", "title", "status", "detail", "code", "request_id"]
    return {"type": "object", "required": needed, "properties": {**members, "status": {"type": "integer"}}}


def _stored_schema() -> dict[str, Any]:
    file = {
        **_typed("string", "key", "url", "format", "etag", "sha256"),
        **_typed("integer", "size", "width", "height"),
    }
    listed = {"type": "array", "items": {"type": "object", "required": list(file), "properties": file}}
    return {"type": "object", "required": ["files"], "properties": {"files": listed}}


def _typed(kind: str, *names: str) -> dict[str, Any]:
    return {name: {"type": kind} for name in names}


def _ref(name: str) -> str:
    return f"#/components/{name}"
