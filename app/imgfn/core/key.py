"""Object keys, checked once before any store is asked."""

import unicodedata

from imgfn.core.faults import InvalidArgument

MAX_BYTES = 1023
EXPECTED = (
    "1 to 1023 bytes of UTF-8 without '..', '.' or empty segments, backslash, control or bidirectional characters, "
    "or a leading '/'"
)

# Explicit bidirectional formatting (Unicode TR 9) makes a name look like another one.
BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Key(str):
    """An object's key: NFC-normalised and safe as a path, a URL and a header.

    Made by `Key.parse` only. It is a `str`, so stores and logs take it as it is; under mypy a function that asks for a
    `Key` cannot be given unchecked text.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str, parameter: str = "key") -> "Key":
        """Check `text` and normalise it to NFC. Raises InvalidArgument, naming `parameter`."""
        key = unicodedata.normalize("NFC", text)
        reason = _fault_in(key)
        if reason:
            raise InvalidArgument(f"the {parameter} {text[:80]!r} {reason}", parameter=parameter, expected=EXPECTED)
        return cls(key)


def _fault_in(key: str) -> str | None:
    if not key:
        return "is empty"
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        return "is not valid Unicode"
    if length > MAX_BYTES:
        return f"is {length} bytes long"
    if "\\" in key:
        return "has a backslash"
    if "\ufffd" in key:
        return "is not valid UTF-8"
    # A printable key has no such character, and nearly every key is printable.
    if not key.isprintable() and any(map(_is_control, key)):
        return "has a control character"
    for segment in key.split("/"):
        if segment in ("", ".", ".."):
            return f"has the segment {segment!r}" if segment else "has an empty segment"
    return None


def _is_control(character: str) -> bool:
    return character in BIDI or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
