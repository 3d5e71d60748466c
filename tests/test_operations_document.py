import json

import jsonschema_rs

import imgfn.ops  # noqa: F401  fills the registry
from imgfn.core.registry import REGISTRY
from imgfn.http.openapi import operations_document


def test_every_operation_is_in_the_document_in_order():
    assert [operation["name"] for operation in operations_document()["operations"]] == REGISTRY.names()


def test_the_document_is_plain_json():
    assert json.loads(json.dumps(operations_document())) == operations_document()


def test_every_default_fits_its_schema():
    for operation in operations_document()["operations"]:
        for parameter in operation["parameters"]:
            if parameter["default"] is not None and parameter["schema"].get("format") != "base64-text":
                jsonschema_rs.validate(parameter["schema"], parameter["default"])
