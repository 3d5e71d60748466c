"""/flows/answer/<token>: a page for people whom a flow asks, and where their answer goes.

A GET changes nothing: mail and chat programs follow links to look at them.
"""

from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from imgfn import wiring
from imgfn.core.faults import AlreadyAnswered, BadRequest, EntityTooLarge, Fault, NoLongerAsked, NotReady
from imgfn.flows.answers import MAX_BYTES, hand_in, read_answer
from imgfn.flows.tokens import Ticket, open_token
from imgfn.web.pictures import picture_url
from imgfn.wiring import flows as wiring_flows

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
WORDS = {
    "accepted": "Thank you, the answer counts.",
    "kept": "Thank you, the answer is kept and will be handed in soon.",
    "answered": "Somebody has answered before; that answer counts.",
    "timed out": "The time to answer was over before.",
    "over": "Nobody waits for this answer any more.",
}
FIELDS = ("decision", "reason", "by")

answers = Blueprint("answers", __name__, template_folder="flows_page")


@answers.get("/flows/answer/<token>")
def show_question(token: str) -> Response:
    """The picture and what is asked. Raises SignatureDoesNotMatch, Expired."""
    ticket = _open(token)
    about: dict[str, Any] = {}
    problem = ""
    try:
        about = wiring_flows.control(wiring.settings()).call("question", run=ticket.run, topic=ticket.topic)
    except NotReady:
        pass  # the answer will be kept for a worker
    except Fault as fault:
        problem = fault.detail
    given = about.get("given", {})
    return _page(
        "answer.html",
        waits=about.get("waits", True) and not problem,
        key=about.get("key", ""),
        picture=picture_url(str(given.get("key") or about.get("key") or "")),
        text=given.get("question") or given.get("text") or "",
        run=ticket.run,
        words="" if about.get("waits", True) and not problem else problem or WORDS["over"],
    )


@answers.post("/flows/answer/<token>")
def take_answer(token: str) -> Response:
    """A form or a JSON object. 200: it counts; 202: it is kept; 409: another came first; 410: too late."""
    ticket = _open(token)
    if (request.content_length or 0) > MAX_BYTES:
        raise EntityTooLarge(f"an answer has at most {MAX_BYTES} bytes", parameter="body")
    answer = read_answer(_told())
    if answer is None:
        return _tell(202, "ignored", "This event decides nothing yet.", {})
    settings = wiring.settings()
    box = wiring_flows.answer_box(wiring.flows_folder(settings))
    outcome, counts = hand_in(wiring_flows.control(settings), box, ticket, answer)
    if outcome in ("accepted", "kept"):
        return _tell(200 if outcome == "accepted" else 202, outcome, WORDS[outcome], counts)
    if _wants_page():
        return _page("answer.html", 409 if outcome == "answered" else 410, words=WORDS[outcome], run=ticket.run)
    kind = AlreadyAnswered if outcome == "answered" else NoLongerAsked
    raise kind(WORDS[outcome])


def _open(token: str) -> Ticket:
    return open_token(token, wiring_flows.secret(wiring.settings()))


def _told() -> Any:
    if request.is_json:
        try:
            return request.get_json()
        except Exception as error:
            raise BadRequest("the body is not JSON", parameter="body") from error
    told = {name: request.form[name] for name in FIELDS if request.form.get(name)}
    if "decision" not in told:
        raise BadRequest("the answer has no decision", parameter="decision", expected="approve, reject …, or JSON")
    return told


def _tell(status: int, outcome: str, words: str, counts: dict[str, Any]) -> Response:
    if _wants_page():
        return _page("answer.html", status, words=words)
    response = jsonify({"outcome": outcome, "answer": counts})
    response.status_code = status
    return response


def _wants_page() -> bool:
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def _page(name: str, status: int = 200, **values: Any) -> Response:
    response = Response(render_template(name, **values), status)
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["Cache-Control"] = "no-store"
    return response
