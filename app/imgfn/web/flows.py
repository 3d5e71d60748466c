"""/flows: runs to look at and to mend. The page itself holds nothing; its data needs the admin token."""

from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify, request, send_from_directory

from imgfn import wiring
from imgfn.core.faults import InvalidArgument, NotReady
from imgfn.http.authorization import require_admin_token
from imgfn.web.pictures import picture_url
from imgfn.wiring import flows as wiring_flows

PAGE = Path(__file__).parent / "flows_page"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
VERBS = ("cancel", "redo")

flows = Blueprint("flows", __name__)


@flows.get("/flows")
def show_page() -> Response:
    """The page."""
    response = send_from_directory(PAGE, "flows.html")
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["Cache-Control"] = "no-cache"
    return response


@flows.get("/flows/page/<name>")
def send_page_file(name: str) -> Response:
    """One of the page's own files."""
    return send_from_directory(PAGE, name)


@flows.get("/flows/runs")
def list_runs() -> Response:
    """Runs, newest first; `state`, `kind`, `limit`, `offset`. Needs the admin token, as all below."""
    asked = {name: request.args.get(name, "") for name in ("state", "kind")}
    found = _call("runs", **asked, limit=_number("limit", 50), offset=_number("offset", 0))
    return jsonify({"runs": found})


@flows.get("/flows/runs/<run>")
def show_run(run: str) -> Response:
    """One run with its steps, its picture, and the ticket of what it asks."""
    told = _call("run", run=run)
    given = told.get("at", {}).get("given") or {}
    return jsonify(
        told | {"picture": picture_url(str(given.get("key") or told["key"]) if told["kind"] != "backfill" else "")}
    )


@flows.post("/flows/runs/<run>/<verb>")
def change_run(run: str, verb: str) -> Response:
    """`cancel` or `redo` it."""
    if verb not in VERBS:
        raise InvalidArgument(f"no verb {verb!r}", parameter="verb", expected=" or ".join(VERBS))
    return jsonify(_call(verb, run=run))


@flows.post("/flows/runs/<run>/answer")
def answer_run(run: str) -> Response:
    """Answer what it waits for: {"decision": "approve", "reason": …}."""
    told = request.get_json(silent=True)
    if not isinstance(told, dict) or not isinstance(told.get("decision"), str):
        raise InvalidArgument("no decision", parameter="decision", expected='{"decision": "approve"}')
    topic = _call("run", run=run)["at"].get("topic")
    if not topic:
        raise InvalidArgument("it waits for no answer", parameter="run")
    outcome, counts = _call("answer", run=run, topic=topic, answer={"output": {"by": "admin", **told}})
    return jsonify({"outcome": outcome, "answer": counts})


@flows.get("/flows/health")
def tell_health() -> Response:
    """Faults of the file of rules, what waits in the journal, what became of events."""
    return jsonify(_call("health"))


@flows.get("/flows/state")
def tell_state() -> Response:
    """Where the review of an upload is: waiting, approved, rejected, expired, failed or none.

    Open to whoever knows the key and the etag, which is who uploaded it.
    """
    key, etag = request.args.get("key", ""), request.args.get("etag", "")
    if not key or not etag:
        raise InvalidArgument("whose state?", parameter="key", expected="?key=…&etag=… of an upload's receipt")
    settings = wiring.settings()
    if not wiring_flows.wanted(settings):
        return jsonify({"state": "none"})
    return jsonify({"state": wiring_flows.control(settings).call("review_state", key=key, etag=etag)})


def _call(verb: str, **given: Any) -> Any:
    settings = wiring.settings()
    require_admin_token(request, settings, "look at flows")
    if not wiring_flows.installed():
        raise NotReady(wiring_flows.EXTRA)
    if not wiring_flows.wanted(settings):
        raise NotReady("flows are off here; IMGFN_FLOWS_FILE names a file of rules (docs/flows.md)")
    return wiring_flows.control(settings).call(verb, **given)


def _number(name: str, default: int) -> int:
    text = request.args.get(name, str(default))
    if not text.isascii() or not text.isdigit():
        raise InvalidArgument(f"{name} is {text[:20]!r}", parameter=name, expected="a whole number from 0")
    return int(text[:6])
