"""Function Compute's OSS trigger: derivatives of what was put into a bucket, made in the call.

No engine: Function Compute keeps the event, and tries again when the call raises (asynchronous invocation, three times
by default; what still fails goes to the function's failure destination). The trigger's prefix and suffix filter is the
first rule; what this function stores must lie outside of it.
"""

import functools
import json
from dataclasses import replace
from typing import Any

from imgfn import wiring
from imgfn.core.faults import Fault
from imgfn.flows.derive import derive, describe, tidy
from imgfn.flows.event import Event
from imgfn.flows.notifications import parse_notification
from imgfn.flows.pictures import Pictures
from imgfn.flows.rules import Rules
from imgfn.flows.rules_file import parse_rules
from imgfn.http.function_compute import remember_context
from imgfn.observability.log import log

Data = dict[str, Any]


class NotDerived(Exception):
    """Something could not be made: the words say what, and why."""


def initializer(context: Any) -> None:
    """Function Compute calls this once for each instance, before the first event."""
    wiring.open_service(context)
    _rules()


def handler(event: bytes | str, context: Any) -> str:
    """Make what IMGFN_FLOWS_FILE asks for; gives what became of each object as JSON. Raises NotDerived.

    What is no event of our bucket is logged and passed over, since another try would be in vain.
    """
    remember_context(context)
    told = parse_notification(event.encode() if isinstance(event, str) else event)
    for problem in told.refused:
        log.warning("event_refused", problem=problem[:300])
    outcomes: list[Data] = []
    failed: list[str] = []
    for one in told.events:
        if one.bucket != wiring.settings().s3_source_bucket:
            log.warning("event_of_foreign_bucket", bucket=one.bucket)
            continue
        outcome, problems = _answer(one)
        outcomes.append(outcome)
        failed += problems
    if failed:
        raise NotDerived("; ".join(failed))
    return json.dumps({"outcomes": outcomes, "refused": told.refused}, ensure_ascii=False)


def _answer(event: Event) -> tuple[Data, list[str]]:
    # The bucket itself tells of what is saved here.
    service = replace(wiring.service(), listener=None)
    pictures = Pictures(service, wiring.styles().find, wiring.settings().s3_source_bucket)
    outcome: Data = {"key": event.key}
    rules = _rules().derive_for(event)
    if event.kind == "deleted" or not rules:
        return outcome | tidy(pictures, event), []
    outcome["rules"], problems = [], []
    for rule in rules:
        try:
            made = derive(pictures, event, describe(rule))
        except Fault as fault:
            problems.append(f"{event.key}: {fault.code}: {fault.detail}")
        else:
            outcome["rules"].append(made)
            problems += [f"{event.key}: {plan}: {why}" for plan, why in made.get("failed", {}).items()]
    return outcome, problems


@functools.cache
def _rules() -> Rules:
    path = wiring.settings().flows_file
    if path is None:
        raise NotDerived("IMGFN_FLOWS_FILE names no file of rules")
    return parse_rules(path.read_text(encoding="utf-8"), styles=wiring.styles().all())
