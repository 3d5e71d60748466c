import jsonschema_rs

import imgfn.ops  # noqa: F401  fills the registry
from imgfn.core.plan import parse_path
from imgfn.core.registry import REGISTRY
from imgfn.http.openapi import openapi_document


def test_the_document_is_valid_openapi() -> None:
    document = openapi_document()
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **document["components"]["schemas"]["Problem"]}
    problem = {"type": "t", "title": "t", "status": 400, "detail": "d", "code": "c", "request_id": "r"}
    assert jsonschema_rs.is_valid(schema, problem)
    assert not jsonschema_rs.is_valid(schema, {"type": "t"})
    references = _references(document)
    assert references
    for reference in references:
        target = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


def test_every_operation_has_a_path_whose_example_is_a_plan() -> None:
    paths = openapi_document()["paths"]
    for operation in REGISTRY:
        template = f"/proc/{operation.name}{'/{arguments}' if operation.params else ''}/{{key}}"
        values = {parameter["name"]: parameter["example"] for parameter in paths[template]["parameters"]}
        plan, key = parse_path(template.removeprefix("/proc/").format(**values))
        assert [step.operation for step in plan.steps] == [operation]
        assert key == "lena.png"


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        found = [node["$ref"]] if "$ref" in node else []
        return found + [reference for child in node.values() for reference in _references(child)]
    if isinstance(node, list):
        return [reference for child in node for reference in _references(child)]
    return []
