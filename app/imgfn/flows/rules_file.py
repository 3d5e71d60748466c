"""TOML to rules: every fault of a file at once, each with its table."""

import os
import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from imgfn.core.faults import Fault
from imgfn.core.formats import FORMATS
from imgfn.core.plan import Plan, parse_oss, parse_path
from imgfn.flows.rules import BadRules, DeriveRule, Filter, FlowRule, Robot, Rules, Schedule
from imgfn.flows.target import Target, check_target

NAME = re.compile(r"[A-Za-z0-9_.-]{1,63}")
FILTERS = {"prefix", "suffix", "type", "min_width", "min_height", "max_bytes"}
ROBOT_KINDS = ("dingtalk", "feishu", "wecom", "slack")
TASKS = ("reconcile", "expire-results", "retention", "flow")
TYPES = (*FORMATS, "animated")


def parse_rules(
    text: str,
    *,
    styles: Mapping[str, Plan] | None = None,
    flows: Collection[str] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Rules:
    """Read TOML. `styles` and `flows` are those that exist; None: not known here. Raises BadRules with every fault."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadRules([f"it is not TOML: {error}"]) from error
    reader = _Reader(styles, flows, environ)
    rules = reader.read(document)
    faults = reader.faults + list(_loops(rules))
    if faults:
        raise BadRules(faults)
    return rules


class _Reader:
    def __init__(
        self, styles: Mapping[str, Plan] | None, flows: Collection[str] | None, environ: Mapping[str, str]
    ) -> None:
        self.faults: list[str] = []
        self._styles, self._flows, self._environ = styles, flows, environ

    def read(self, document: dict[str, Any]) -> Rules:
        for name in document.keys() - {"derive", "flow", "schedule", "robot"}:
            self.faults.append(f"{name}: no such table; expected [[derive]], [[flow]], [[schedule]], [robot.<name>]")
        return Rules(
            tuple(self._each(document, "derive", self._derive)),
            tuple(self._each(document, "flow", self._flow)),
            tuple(self._each(document, "schedule", self._schedule)),
            self._robots(document.get("robot", {})),
        )

    def _each(self, document: dict[str, Any], name: str, read: Callable[[dict[str, Any], str], Any]) -> Iterator[Any]:
        tables = document.get(name, [])
        if not isinstance(tables, list):
            self.faults.append(f"{name}: expected [[{name}]], with two brackets")
            return
        for number, table in enumerate(tables, 1):
            made = read(table, f"[[{name}]] number {number}")
            if made is not None:
                yield made

    def _filter(self, table: dict[str, Any], where: str, more: set[str]) -> Filter:
        for name in table.keys() - FILTERS - more:
            self.faults.append(f"{where}: {name} is not known; expected {', '.join(sorted(FILTERS | more))}")
        numbers = {name: self._number(table, name, where) for name in ("min_width", "min_height", "max_bytes")}
        kinds = self._words(table, "type", where)
        for kind in kinds:
            if kind not in TYPES:
                self.faults.append(f"{where}: type {kind!r} is no format; expected {', '.join(TYPES)}")
        prefix = self._text(table, "prefix", where)
        if prefix.startswith("/"):
            self.faults.append(f"{where}: prefix {prefix!r}: no key begins with a slash")
        suffix = tuple(word.lower() for word in self._words(table, "suffix", where))
        return Filter(prefix, suffix, tuple(kinds), **numbers)

    def _derive(self, table: dict[str, Any], where: str) -> DeriveRule:
        chosen = self._filter(table, where, {"styles", "plan", "saveas", "bucket"})
        styles, plan = tuple(self._words(table, "styles", where)), self._text(table, "plan", where)
        saveas, bucket = self._text(table, "saveas", where), self._text(table, "bucket", where)
        if bool(styles) == bool(plan):
            self.faults.append(f"{where}: expected either styles or plan")
        if saveas and len(styles) > 1:
            self.faults.append(f"{where}: saveas stores one result; expected one style or a plan")
        if bucket and not saveas:
            self.faults.append(f"{where}: bucket goes with saveas")
        for name in styles:
            if self._styles is not None and name not in self._styles:
                self.faults.append(f"{where}: no style is called {name!r}")
        if plan:
            try:
                if parse_plan(plan).reports and saveas:
                    self.faults.append(f"{where}: saveas stores pictures; expected a plan without a report")
            except (Fault, ValueError) as error:
                self.faults.append(f"{where}: plan {plan!r}: {error}")
        if saveas and (fault := check_target(saveas)):
            self.faults.append(f"{where}: saveas {saveas!r}: {fault}")
        return DeriveRule(chosen, styles, plan, saveas, bucket)

    def _flow(self, table: dict[str, Any], where: str) -> FlowRule:
        chosen = self._filter(table, where, {"start", "input"})
        start = self._text(table, "start", where)
        if not start or (self._flows is not None and start not in self._flows):
            known = f"; expected {', '.join(sorted(self._flows))}" if self._flows else ""
            self.faults.append(f"{where}: start {start!r} names no flow{known}")
        given = table.get("input", {})
        if not isinstance(given, dict):
            self.faults.append(f"{where}: input: expected a table")
            given = {}
        return FlowRule(chosen, start, given)

    def _schedule(self, table: dict[str, Any], where: str) -> Schedule:
        from imgfn.flows.cron import fault_in_cron, fault_in_timezone

        name, cron, run = (self._text(table, word, where) for word in ("name", "cron", "run"))
        timezone = self._text(table, "timezone", where) or "UTC"
        if not NAME.fullmatch(name):
            self.faults.append(f"{where}: name {name!r}: expected 1 to 63 of A-Z a-z 0-9 _ . -")
        if run not in TASKS:
            self.faults.append(f"{where}: run is {run!r}; expected {', '.join(TASKS)}")
        for fault in (fault_in_cron(cron), fault_in_timezone(timezone)):
            if fault:
                self.faults.append(f"{where}: {fault}")
        options = {key: value for key, value in table.items() if key not in ("name", "cron", "run", "timezone")}
        for option in options.keys() - {"prefix", "styles", "days", "rate", "start", "input"}:
            self.faults.append(f"{where}: {option} is not known; expected prefix, styles, days, rate, start, input")
        if run == "expire-results" and not isinstance(options.get("days"), int):
            self.faults.append(f"{where}: expire-results needs days, a whole number")
        if run == "flow" and self._flows is not None and options.get("start") not in self._flows:
            self.faults.append(f"{where}: start {options.get('start')!r} names no flow")
        return Schedule(name, cron, run, timezone, options)

    def _robots(self, tables: Any) -> dict[str, Robot]:
        robots = {}
        for name, table in tables.items() if isinstance(tables, dict) else ():
            where = f"[robot.{name}]"
            if not isinstance(table, dict) or table.get("kind") not in ROBOT_KINDS:
                self.faults.append(f"{where}: expected kind, one of {', '.join(ROBOT_KINDS)}, and url")
                continue
            url = self._secret(table, "url", where)
            if not url.startswith("https://") and not url.startswith("http://"):
                self.faults.append(f"{where}: url: expected https://…, or env:NAME of a variable that has it")
            robots[name] = Robot(table["kind"], url, self._secret(table, "secret", where))
        return robots

    def _secret(self, table: dict[str, Any], name: str, where: str) -> str:
        text = self._text(table, name, where)
        if not text.startswith("env:"):
            return text
        variable = text.removeprefix("env:")
        if variable not in self._environ:
            self.faults.append(f"{where}: {name}: the environment has no {variable}")
        return self._environ.get(variable, "")

    def _text(self, table: dict[str, Any], name: str, where: str) -> str:
        value = table.get(name, "")
        if not isinstance(value, str):
            self.faults.append(f"{where}: {name} is {value!r}; expected text")
            return ""
        return value

    def _words(self, table: dict[str, Any], name: str, where: str) -> list[str]:
        value = table.get(name, [])
        words = [value] if isinstance(value, str) else value
        if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
            self.faults.append(f"{where}: {name} is {value!r}; expected text, or a list of texts")
            return []
        return words

    def _number(self, table: dict[str, Any], name: str, where: str) -> int:
        value = table.get(name, 0)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self.faults.append(f"{where}: {name} is {value!r}; expected a whole number from 0")
            return 0
        return value


def parse_plan(text: str) -> Plan:
    """A plan in either grammar, whole. Raises Fault and ValueError."""
    plan, rest = (parse_oss(text), "") if text.startswith("image/") else parse_path(text)
    if rest or not plan.steps:
        raise ValueError(f"{rest or text!r} is no operation")
    return plan


def _loops(rules: Rules) -> Iterator[str]:
    """A target that meets a rule would start it again: refused before the first picture."""
    filters = [("derive", rule.filter) for rule in rules.derive] + [("flow", rule.filter) for rule in rules.flow]
    for number, rule in enumerate(rules.derive, 1):
        if not rule.saveas or rule.bucket:
            continue
        for kind, chosen in filters:
            if Target(rule.saveas).may_meet(chosen.prefix, chosen.suffix):
                yield (
                    f"[[derive]] number {number}: saveas {rule.saveas!r} meets a [[{kind}]] rule with prefix "
                    f"{chosen.prefix!r}, which would start again; expected a folder that no rule is for"
                )
                break
