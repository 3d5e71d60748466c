"""Answers to questions of flows, as they come in over HTTP: what they say, and where they wait while no worker runs."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imgfn.core.faults import InvalidArgument, NotReady
from imgfn.flows.control import Worker
from imgfn.flows.journal import read_json, write_durably
from imgfn.flows.tokens import Ticket

MAX_BYTES = 32 * 1024  # FDL's own limit of a callback's output
DINGTALK = {"agree": "approve", "refuse": "reject"}

Answer = dict[str, Any]


def read_answer(told: Any) -> Answer | None:
    """An answer from a JSON object or a form: {"output": …}, or {"error", "cause"} as ReportTaskFailed has it.

    DingTalk's approval event (EventType bpms_instance_change) becomes a decision; None where it decides nothing yet.
    Raises InvalidArgument.
    """
    if not isinstance(told, Mapping):
        raise InvalidArgument(
            "the answer is no object", parameter="body", expected='a JSON object: {"decision": "approve"}'
        )
    if len(json.dumps(dict(told))) > MAX_BYTES:
        raise InvalidArgument("the answer is too long", parameter="body", expected=f"at most {MAX_BYTES} bytes")
    if str(told.get("EventType", "")).startswith("bpms_"):
        return _read_dingtalk(told)
    if "error" in told:
        return {"error": str(told["error"])[:200], "cause": str(told.get("cause", ""))[:1000]}
    return {"output": dict(told)}


def _read_dingtalk(told: Mapping[str, Any]) -> Answer | None:
    """https://open.dingtalk.com/document/orgapp/approval-events"""
    if told.get("type") not in ("finish", "terminate"):
        return None  # started, or passed on to the next approver
    decision = DINGTALK.get(str(told.get("result", "")), "reject")
    output = {"decision": decision, "by": str(told.get("staffId", "")), "reason": str(told.get("remark") or "")}
    return {"output": output | {"instance": str(told.get("processInstanceId", ""))}}


class AnswerBox:
    """Answers that wait for a worker: of two to one question the first stays."""

    def __init__(self, folder: Path) -> None:
        self._new, self._draft = folder / "answers", folder / "draft"
        for made in (self._new, self._draft):
            made.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, ticket: Ticket, answer: Answer) -> bool:
        """Safe on the disk when this returns; False where another answer waits already."""
        name = hashlib.sha256(f"{ticket.run}~{ticket.topic}".encode()).hexdigest()[:32]
        body = json.dumps({"run": ticket.run, "topic": ticket.topic, "answer": answer}).encode()
        try:
            write_durably(self._draft / f"{name}.{os.getpid()}", self._new / name, body, exclusive=True)
        except FileExistsError:
            return False
        return True

    def waiting(self) -> list[tuple[Path, Answer]]:
        """Each with its file."""
        return [(path, read_json(path)) for path in sorted(self._new.iterdir())]


def hand_in(worker: Worker, box: AnswerBox, ticket: Ticket, answer: Answer) -> tuple[str, Answer]:
    """What became of an answer: accepted, answered (another came first), timed out, over, or kept for a worker."""
    try:
        told, counts = worker.call("answer", run=ticket.run, topic=ticket.topic, answer=answer)
        return str(told), counts
    except NotReady:
        return ("kept", answer) if box.put(ticket, answer) else ("answered", {})
