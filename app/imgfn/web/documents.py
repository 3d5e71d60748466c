"""The service described: /openapi.json for programs, /docs for people, both from the registry."""

from pathlib import Path
from urllib.parse import quote

from flask import Blueprint, Response, jsonify, render_template, request, send_from_directory

from imgfn.core.key import Key
from imgfn.core.plan import parse_path
from imgfn.core.registry import REGISTRY, Operation
from imgfn.http.openapi import openapi_document
from imgfn.web.sample import SAMPLE_KEY

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PAGE = Path(__file__).parent / "docs"

documents = Blueprint("documents", __name__, template_folder="docs")


@documents.get("/openapi.json")
def tell_openapi() -> Response:
    """OpenAPI 3.1."""
    return jsonify(openapi_document())


@documents.get("/docs")
def show_docs() -> Response:
    """Every operation with its example, done live to the picture that `?key=` names."""
    key = Key.parse(request.args.get("key", SAMPLE_KEY))
    categories: dict[str, list[dict[str, object]]] = {}
    for operation in REGISTRY:
        categories.setdefault(operation.category, []).append(_entry(operation, key))
    response = Response(render_template("docs.html", categories=categories, key=key))
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response


@documents.get("/docs/docs.css")
def send_style() -> Response:
    """The page's looks."""
    return send_from_directory(PAGE, "docs.css")


def _entry(operation: Operation, key: Key) -> dict[str, object]:
    path = f"{operation.name}/{operation.example or '_'}" if operation.params else operation.name
    plan, _ = parse_path(path)
    summary, _, rest = operation.summary.partition("\n")
    return {
        "operation": operation,
        "summary": summary,
        "rest": " ".join(rest.split()),
        "url": f"/proc/{path}/{quote(key)}",
        "oss": f"?x-oss-process={plan.oss_text}",
    }
