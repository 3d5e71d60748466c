"""A flow's file, checked whole before anything of it runs: all faults at once, each with its step."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from imgfn.flows.fdl.conditions import parse_condition
from imgfn.flows.fdl.mappings import check_reference, is_reference

MAX_BYTES = 256_000
COMMON = {"type", "name", "description", "inputMappings", "outputMappings", "end"}
FIELDS: dict[str, set[str]] = {
    "task": COMMON | {"resource", "resourceArn", "pattern", "timeoutSeconds", "retry", "catch", "serviceParams"},
    "choice": COMMON | {"choices", "default"},
    "pass": COMMON,
    "wait": COMMON | {"duration", "timestamp"},
    "succeed": COMMON,
    "fail": COMMON | {"error", "cause"},
}
NOT_HERE = {"parallel": "start several flows instead", "foreach": "use imgfn backfill", "flow": "start it by a rule"}
FLOW_FIELDS = {"version", "type", "name", "description", "steps", "timeoutSeconds", "inputMappings", "outputMappings"}
PATTERNS = ("requestComplete", "waitForCallback")
RETRY_FIELDS = {"errors", "intervalSeconds", "maxAttempts", "multiplier", "maxIntervalSeconds", "description"}
MAX_SECONDS = 366 * 86400


class BadDefinition(ValueError):
    """`faults` are sentences, each with the step that it is about."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class Definition:
    """A checked flow; `document` is what runs take along, so that an edited file changes none of them."""

    name: str
    document: dict[str, Any]


def load_definition(text: str, name: str, resources: Collection[str]) -> Definition:
    """Read YAML (or JSON, which is YAML). `resources` are the actions that exist. Raises BadDefinition."""
    import yaml

    if len(text) > MAX_BYTES:
        raise BadDefinition([f"the file has {len(text)} characters, at most {MAX_BYTES} are read"])
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadDefinition([f"it is not YAML: {error}"]) from error
    faults = list(check(document, resources))
    if faults:
        raise BadDefinition(faults)
    return Definition(str(document.get("name", name)), document)


def check(document: Any, resources: Collection[str]) -> Iterator[str]:
    """Every fault of a definition."""
    if not isinstance(document, dict):
        yield "expected a mapping with version, type and steps"
        return
    if document.get("version") not in ("v1", "v1beta1"):
        yield f"version is {document.get('version')!r}; expected v1"
    if document.get("type") != "flow":
        yield f"type is {document.get('type')!r}; expected flow"
    yield from _unknown(document, FLOW_FIELDS, "the flow")
    yield from _check_mappings(document, "the flow")
    yield from _check_seconds(document, "timeoutSeconds", "the flow")
    yield from _Checker(resources).sequence(document.get("steps"), "the flow", frozenset())


class _Checker:
    def __init__(self, resources: Collection[str]) -> None:
        self._resources = resources
        self._seen: set[str] = set()

    def sequence(self, steps: Any, where: str, outer: frozenset[str]) -> Iterator[str]:
        """The faults of some steps; `outer` are the names that their gotos may leave to."""
        if not isinstance(steps, list) or not steps or not all(isinstance(step, dict) for step in steps):
            yield f"{where}: steps: expected a list of at least one step"
            return
        names = outer | {step["name"] for step in steps if isinstance(step.get("name"), str)}
        for step in steps:
            yield from self._step(step, names)

    def _step(self, step: dict[str, Any], names: frozenset[str]) -> Iterator[str]:
        name, kind = step.get("name"), step.get("type")
        where = f"step {name!r}"
        if not isinstance(name, str) or not 0 < len(name) <= 128:
            yield f"{where}: name: expected text of 1 to 128 characters"
        elif name in self._seen:
            yield f"{where}: another step has this name"
        self._seen.add(str(name))
        if kind in NOT_HERE:
            yield f"{where}: {kind} is not supported here; {NOT_HERE[kind]}"
            return
        if not isinstance(kind, str) or kind not in FIELDS:
            yield f"{where}: type is {kind!r}; expected {', '.join(FIELDS)}"
            return
        yield from _unknown(step, FIELDS[kind], where)
        yield from _check_mappings(step, where)
        yield from getattr(self, f"_{kind}")(step, where, names)

    def _task(self, step: dict[str, Any], where: str, names: frozenset[str]) -> Iterator[str]:
        resource = step.get("resource", step.get("resourceArn"))
        if resource not in self._resources:
            yield f"{where}: resource {resource!r} is not supported; expected {', '.join(sorted(self._resources))}"
        if step.get("pattern", PATTERNS[0]) not in PATTERNS:
            yield f"{where}: pattern {step['pattern']!r} is not supported; expected {' or '.join(PATTERNS)}"
        yield from _check_seconds(step, "timeoutSeconds", where)
        if not isinstance(step.get("serviceParams", {}), dict):
            yield f"{where}: serviceParams: expected a mapping"
        for rule in _entries(step, "retry"):
            yield from _unknown(rule, RETRY_FIELDS, f"{where}: retry")
            yield from _check_errors(rule, f"{where}: retry")
            for field in ("intervalSeconds", "maxAttempts", "multiplier", "maxIntervalSeconds"):
                if not _is_number(rule.get(field, 1), 0, MAX_SECONDS):
                    yield f"{where}: retry: {field} is {rule[field]!r}; expected a number from 0"
        for rule in _entries(step, "catch"):
            yield from _unknown(rule, {"errors", "goto", "description"}, f"{where}: catch")
            yield from _check_errors(rule, f"{where}: catch")
            yield from _check_goto(rule, where, names, needed=True)
        for field in ("retry", "catch"):
            if field in step and _entries(step, field) != step[field]:
                yield f"{where}: {field}: expected a list of mappings"

    def _choice(self, step: dict[str, Any], where: str, names: frozenset[str]) -> Iterator[str]:
        choices = _entries(step, "choices")
        if not choices or choices != step.get("choices"):
            yield f"{where}: choices: expected a list of at least one mapping with condition"
        default = step.get("default")
        if default is not None and not isinstance(default, dict):
            yield f"{where}: default: expected a mapping with goto or steps"
        for choice in choices:
            yield from _unknown(choice, {"condition", "goto", "steps", "description"}, f"{where}: choices")
            try:
                parse_condition(choice.get("condition", ""))
            except ValueError as error:
                yield f"{where}: {error}"
        for way in (*choices, *([default] if isinstance(default, dict) else [])):
            yield from _check_goto(way, where, names, needed="steps" not in way)
            if "steps" in way:
                yield from self.sequence(way["steps"], where, names)
        if isinstance(default, dict):
            yield from _unknown(default, {"goto", "steps", "description"}, f"{where}: default")

    def _wait(self, step: dict[str, Any], where: str, _: frozenset[str]) -> Iterator[str]:
        if ("duration" in step) == ("timestamp" in step):
            yield f"{where}: expected either duration (seconds) or timestamp (RFC 3339)"
        duration = step.get("duration", 0)
        if not is_reference(duration) and not _is_number(duration, 0, MAX_SECONDS):
            yield f"{where}: duration is {duration!r}; expected seconds from 0 to {MAX_SECONDS}"

    def _pass(self, *_: Any) -> Iterator[str]:
        return iter(())

    _succeed = _pass

    def _fail(self, step: dict[str, Any], where: str, _: frozenset[str]) -> Iterator[str]:
        if not isinstance(step.get("error", ""), str):
            yield f"{where}: error: expected the error's name"


def _unknown(given: dict[str, Any], known: set[str], where: str) -> Iterator[str]:
    for field in given:
        if field not in known:
            yield f"{where}: {field} is not supported; expected {', '.join(sorted(known))}"


def _entries(step: dict[str, Any], field: str) -> list[dict[str, Any]]:
    told = step.get(field)
    return [entry for entry in told if isinstance(entry, dict)] if isinstance(told, list) else []


def _check_errors(rule: dict[str, Any], where: str) -> Iterator[str]:
    errors = rule.get("errors")
    if not isinstance(errors, list) or not errors or not all(isinstance(error, str) for error in errors):
        yield f"{where}: errors: expected a list of names such as FnF.TaskTimeout, or FnF.ALL"


def _check_goto(way: dict[str, Any], where: str, names: frozenset[str], *, needed: bool) -> Iterator[str]:
    if needed and "goto" not in way:
        yield f"{where}: goto is missing"
    elif "goto" in way and way["goto"] not in names:
        yield f"{where}: goto {way['goto']!r} names no step that it can reach"


def _check_mappings(given: dict[str, Any], where: str) -> Iterator[str]:
    for field in ("inputMappings", "outputMappings"):
        mappings = given.get(field, [])
        if not isinstance(mappings, list) or not all(
            isinstance(m, dict) and {*m} == {"target", "source"} for m in mappings
        ):
            yield f"{where}: {field}: expected a list of target and source"
            continue
        for mapping in mappings:
            fault = check_reference(mapping["source"]) if is_reference(mapping["source"]) else None
            if fault:
                yield f"{where}: {field}: {fault}"


def _check_seconds(given: dict[str, Any], field: str, where: str) -> Iterator[str]:
    if field in given and not _is_number(given[field], 1, MAX_SECONDS):
        yield f"{where}: {field} is {given[field]!r}; expected seconds from 1 to {MAX_SECONDS}"


def _is_number(value: Any, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
