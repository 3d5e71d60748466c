"""The kinds of parameters: each as text in a URL, as JSON schema, and as test data."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from imgfn.core.key import Key


@runtime_checkable
class Kind(Protocol):
    """The type of a parameter: as text in a URL, as JSON schema, and as test data."""

    @property
    def key(self) -> str | None:
        """The name in a URL where it differs from the Python parameter's; OSS's where OSS has it."""
        ...

    @property
    def expected(self) -> str:
        """What is accepted, in words that end a sentence: 'a whole number from 0 to 360'."""
        ...

    def parse(self, text: str) -> Any:
        """The value that `text` stands for; ValueError where it stands for none."""
        ...

    def text(self, value: Any) -> str:
        """The one canonical spelling of `value`; `parse` reads it back."""
        ...

    def schema(self) -> dict[str, Any]:
        """JSON Schema (2020-12) of the value; the forms of the clients are drawn from it."""
        ...

    def good(self) -> list[str]:
        """Canonical texts that must pass, the edges among them."""
        ...

    def bad(self) -> list[str]:
        """Texts that must be refused."""
        ...


@dataclass(frozen=True)
class Int:
    """A whole number in a closed range; `unit` is what it counts (px, percent, degrees)."""

    low: int
    high: int
    key: str | None = None
    unit: str = ""

    @property
    def expected(self) -> str:
        return f"a whole number from {self.low} to {self.high}"

    def parse(self, text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,9}", text) or not self.low <= int(text) <= self.high:
            raise ValueError(text)
        return int(text)

    def text(self, value: int) -> str:
        return str(value)

    def schema(self) -> dict[str, Any]:
        unit = {"x-unit": self.unit} if self.unit else {}
        return {"type": "integer", "minimum": self.low, "maximum": self.high, **unit}

    def good(self) -> list[str]:
        return [str(self.low), str(self.high)]

    def bad(self) -> list[str]:
        return [str(self.low - 1), str(self.high + 1), "x", "", "1.5", "٣", "1e2"]


@dataclass(frozen=True)
class Float:
    """A decimal number in a closed range, with at most `places` digits after the point."""

    low: float
    high: float
    key: str | None = None
    unit: str = ""
    places: int = 2

    @property
    def expected(self) -> str:
        return f"a number from {self.text(self.low)} to {self.text(self.high)} with at most {self.places} decimals"

    def parse(self, text: str) -> float:
        if not re.fullmatch(rf"-?[0-9]{{1,9}}(\.[0-9]{{1,{self.places}}})?", text):
            raise ValueError(text)
        if not self.low <= float(text) <= self.high:
            raise ValueError(text)
        return float(text) + 0.0  # -0.0 and 0.0 are one value and get one result key

    def text(self, value: float) -> str:
        return f"{value:.{self.places}f}".rstrip("0").rstrip(".")

    def schema(self) -> dict[str, Any]:
        unit = {"x-unit": self.unit} if self.unit else {}
        return {"type": "number", "minimum": self.low, "maximum": self.high, "multipleOf": 10**-self.places, **unit}

    def good(self) -> list[str]:
        return [self.text(self.low), self.text(self.high)]

    def bad(self) -> list[str]:
        return [self.text(self.low - 1), self.text(self.high + 1), "x", "", "1e2", "nan", "1."]


@dataclass(frozen=True)
class Choice:
    """One of a few words. `aliases` maps other spellings to a word of `words`."""

    words: tuple[str, ...]
    key: str | None = None
    aliases: tuple[tuple[str, str], ...] = ()

    @property
    def expected(self) -> str:
        return "one of " + ", ".join(self.words)

    def parse(self, text: str) -> str:
        word = dict(self.aliases).get(text, text)
        if word not in self.words:
            raise ValueError(text)
        return word

    def text(self, value: str) -> str:
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.words)}

    def good(self) -> list[str]:
        return list(self.words)

    def bad(self) -> list[str]:
        return ["no-such-word", "", self.words[0].upper() + "?"]


@dataclass(frozen=True)
class Colour:
    """Six hex digits RRGGBB, or eight with alpha (00 is transparent)."""

    key: str | None = None

    expected: ClassVar[str] = "six or eight hex digits, RRGGBB or RRGGBBAA"

    def parse(self, text: str) -> str:
        if not re.fullmatch(r"[0-9a-fA-F]{6}(?:[0-9a-fA-F]{2})?", text):
            raise ValueError(text)
        return text.lower()

    def text(self, value: str) -> str:
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "colour", "pattern": "^[0-9a-fA-F]{6}([0-9a-fA-F]{2})?$"}

    def good(self) -> list[str]:
        return ["000000", "ff00ff80"]

    def bad(self) -> list[str]:
        return ["red", "#ffffff", "", "fff", "gggggg"]


@dataclass(frozen=True)
class Flag:
    """0 or 1."""

    key: str | None = None

    expected: ClassVar[str] = "0 or 1"

    def parse(self, text: str) -> bool:
        if text not in ("0", "1"):
            raise ValueError(text)
        return text == "1"

    def text(self, value: bool) -> str:
        return "1" if value else "0"

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "enum": [0, 1], "format": "flag"}

    def good(self) -> list[str]:
        return ["0", "1"]

    def bad(self) -> list[str]:
        return ["2", "true", ""]


def encode_base64(text: str) -> str:
    """URL-safe base64 of UTF-8 without the trailing '=', as OSS writes text arguments."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_base64(text: str) -> str:
    """Undo `encode_base64`; padding is tolerated. ValueError where `text` is not that."""
    bare = text.rstrip("=")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", bare):
        raise ValueError(text)
    try:
        return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(text) from error


@dataclass(frozen=True)
class Text:
    """Free text as URL-safe base64 without padding, at most `longest` characters."""

    longest: int
    key: str | None = None

    @property
    def expected(self) -> str:
        return f"URL-safe base64 of 1 to {self.longest} characters of UTF-8"

    def parse(self, text: str) -> str:
        value = decode_base64(text)
        if not 1 <= len(value) <= self.longest:
            raise ValueError(text)
        return value

    def text(self, value: str) -> str:
        return encode_base64(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "base64-text", "minLength": 1, "maxLength": self.longest}

    def good(self) -> list[str]:
        return [encode_base64("a"), encode_base64("水" * self.longest)]

    def bad(self) -> list[str]:
        return ["", "***", encode_base64("x" * (self.longest + 1)), "_w"]


@dataclass(frozen=True)
class WatermarkImage:
    """Another object, and the actions that it goes through before it is used."""

    key: Key
    process: str = ""  # image/resize,P_30: the value of its x-oss-process

    def __str__(self) -> str:
        return f"{self.key}?x-oss-process={self.process}" if self.process else str(self.key)


@dataclass(frozen=True)
class ObjectKey:
    """Another object of the store, as base64 of `key[?x-oss-process=image/…]`; the service loads it."""

    key: str | None = None

    expected: ClassVar[str] = "URL-safe base64 of an object's key, with ?x-oss-process=image/… if it is to be processed"

    def parse(self, text: str) -> WatermarkImage:
        name, _, process = decode_base64(text).partition("?x-oss-process=")
        return WatermarkImage(Key.parse(name), process)

    def text(self, value: WatermarkImage) -> str:
        return encode_base64(str(value))

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "object-key"}

    def good(self) -> list[str]:
        return [encode_base64("mark.png"), encode_base64("a/mark.png?x-oss-process=image/resize,P_30")]

    def bad(self) -> list[str]:
        return ["", "***", encode_base64("../x")]
