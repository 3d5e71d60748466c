"""Conditions of choices: `$.price > 10 && ($.method == "alipay" || !$.test)`."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from imgfn.flows.fdl.mappings import REFERENCE, look_up

Condition = Callable[[Mapping[str, Any]], bool]
Value = Callable[[Mapping[str, Any]], Any]

TOKEN = re.compile(
    rf"\s*(?:(?P<reference>{REFERENCE})|(?P<number>-?\d+(?:\.\d+)?)|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<word>true|false|null)\b|(?P<sign>==|!=|<=|>=|&&|\|\||[<>()!]))"
)
WORDS = {"true": True, "false": False, "null": None}
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    ">": lambda a, b: bool(a > b),
    "<=": lambda a, b: bool(a <= b),
    ">=": lambda a, b: bool(a >= b),
}
MAX_CHARACTERS = 1000


def parse_condition(text: str) -> Condition:
    """A function from a scope (see `mappings`) to whether the condition holds. Raises ValueError with the place."""
    if not isinstance(text, str) or len(text) > MAX_CHARACTERS:
        raise ValueError(f"condition {str(text)[:40]!r}: expected text of at most {MAX_CHARACTERS} characters")
    parser = _Parser(text)
    condition = parser.either()
    parser.expect("end", "")
    return condition


class _Parser:
    """either := both ('||' both)*; both := one ('&&' one)*; one := '!' one | '(' either ')' | value [sign value]."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [*self._split(), ("end", "")]

    def _split(self) -> Iterator[tuple[str, str]]:
        at, text = 0, self._text.rstrip()
        while at < len(text):
            found = TOKEN.match(text, at)
            if not found or not found.lastgroup:
                raise self._wrong(f"cannot read {text[at : at + 12]!r}")
            yield found.lastgroup, found[found.lastgroup]
            at = found.end()

    def _wrong(self, words: str) -> ValueError:
        return ValueError(f"condition {self._text!r}: {words}")

    def _accept(self, *signs: str) -> str | None:
        kind, text = self._tokens[0]
        if kind != "sign" or text not in signs:
            return None
        del self._tokens[0]
        return text

    def expect(self, kind: str, text: str) -> None:
        if self._tokens[0] != (kind, text):
            raise self._wrong(f"{text!r} expected, not {self._tokens[0][1]!r}" if text else f"{self._tokens[0][1]!r}?")
        del self._tokens[0]

    def either(self) -> Condition:
        parts = [self._both()]
        while self._accept("||"):
            parts.append(self._both())
        return lambda scope: any(part(scope) for part in parts)

    def _both(self) -> Condition:
        parts = [self._one()]
        while self._accept("&&"):
            parts.append(self._one())
        return lambda scope: all(part(scope) for part in parts)

    def _one(self) -> Condition:
        if self._accept("!"):
            inner = self._one()
            return lambda scope: not inner(scope)
        if self._accept("("):
            group = self.either()
            self.expect("sign", ")")
            return group
        left = self._value()
        sign = self._accept(*COMPARISONS)
        if sign is None:
            return lambda scope: bool(left(scope))
        right, compare = self._value(), COMPARISONS[sign]

        def run(scope: Mapping[str, Any]) -> bool:
            try:
                return compare(left(scope), right(scope))
            except TypeError:  # a number and a text: neither is less
                return False

        return run

    def _value(self) -> Value:
        kind, text = self._tokens.pop(0)
        if kind == "reference":
            return lambda scope: look_up(text, scope)
        if kind == "number":
            number = float(text) if "." in text else int(text)
            return lambda _: number
        if kind == "text":
            return lambda _: text[1:-1]
        if kind == "word":
            return lambda _: WORDS[text]
        raise self._wrong(f"a value expected, not {text!r}")
