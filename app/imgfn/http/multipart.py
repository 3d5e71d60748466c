"""multipart/form-data (RFC 7578, RFC 2046) in a stream, part by part, whatever lengths it is read in.

Werkzeug's decoder adds a carriage return to the last file where a read ends within the closing boundary (its issue
3285), and takes backslashes out of file names. `multipart` refuses line feeds alone, Content-Disposition: attachment,
and white space after a boundary, all of which clients send.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from urllib.parse import unquote_to_bytes

from imgfn.core.faults import BadRequest, EntityTooLarge

READ_BYTES = 64 * 1024
HEADER_BYTES = 16 * 1024  # of all headers of one part
PADDING_BYTES = 1024  # of white space behind a boundary (RFC 2046, 5.1.1: transport padding)
CONTINUATION = re.compile(r"\r?\n[ \t]+")
PARAMETER = re.compile(r'[;\s]*([^\s=;"]+)\s*=\s*')
ENCODED_WORD = re.compile(r"=\?[\w-]+\?[bBqQ]\?[^?\s]*\?=")

Read = Callable[[int], bytes]  # at most so many bytes; none where there are no more


@dataclass(frozen=True)
class Part:
    """The headers of a part, their names in lower case, and its bytes, which are read once and in order."""

    headers: dict[str, str]
    chunks: Iterator[bytes]

    @property
    def content_type(self) -> str:
        """In lower case and without parameters; empty where the part does not say."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def parameters(self) -> dict[str, str]:
        """Of its Content-Disposition: `name` and `filename`, as far as they are there."""
        return header_parameters(self.headers["content-disposition"])


class FormReader:
    """The parts of a body. Iterating reads past what is left of the part before.

    A line of the body ends as the line of its first boundary does: with CRLF as the RFC has it, or with LF alone.
    Raises BadRequest where the body is not well-formed or ends early, EntityTooLarge for headers over 16 kB.
    """

    def __init__(self, read: Read, boundary: bytes) -> None:
        self._read = read
        self._dash_boundary = b"--" + boundary
        self._buffer = b""

    def __iter__(self) -> Iterator[Part]:
        line_end = self._skip_preamble()
        while line_end:
            headers = self._headers(line_end)
            more: list[bool] = []
            chunks = self._content(line_end, more)
            yield Part(headers, chunks)
            for _ in chunks:
                pass
            if not more[0]:
                break
        while self._read(READ_BYTES):  # the epilogue, which says nothing
            pass

    def _fill(self) -> None:
        chunk = self._read(READ_BYTES)
        if not chunk:
            raise BadRequest("the multipart body is broken: it ends before its last boundary")
        self._buffer += chunk

    def _skip_preamble(self) -> bytes:
        """Find the first boundary; gives how lines end, nothing where it is the last one too."""
        at_start, searched = True, 0
        while True:
            found = self._buffer.find(self._dash_boundary, searched)
            if found == -1:
                keep = len(self._dash_boundary) + 1
                at_start = at_start and len(self._buffer) <= keep
                self._buffer = self._buffer if at_start else self._buffer[-keep:]
                searched = 0
                self._fill()
                continue
            end = found + len(self._dash_boundary)
            if (found or not at_start) and self._buffer[found - 1 : found] != b"\n":
                searched = end
                continue
            for line_end in (b"\r\n", b"\n"):
                after = self._after_boundary(end, line_end)
                if after is not None:
                    self._buffer = self._buffer[after[0] :]
                    return line_end if after[1] else b""
            searched = end

    def _after_boundary(self, end: int, line_end: bytes) -> tuple[int, bool] | None:
        """Where the line of a boundary that stops at `end` ends, and whether another part follows.

        None where these bytes only begin like a boundary. May read more, which adds to the buffer and moves nothing.
        """
        while True:
            tail = self._buffer[end : end + PADDING_BYTES]
            if tail.startswith(b"--"):
                return end + 2, False
            padding = len(tail) - len(tail.lstrip(b" \t"))
            rest = tail[padding:]
            if rest.startswith(line_end):
                return end + padding + len(line_end), True
            if tail != b"-" and not line_end.startswith(rest):
                return None
            if len(tail) == PADDING_BYTES:
                return None
            self._fill()

    def _headers(self, line_end: bytes) -> dict[str, str]:
        """Read up to the blank line, whose line end stays: it may belong to the boundary that follows at once."""
        while not self._buffer.startswith(line_end) and (end := self._buffer.find(line_end * 2)) == -1:
            if len(self._buffer) > HEADER_BYTES:
                raise _headers_too_long()
            self._fill()
        if self._buffer.startswith(line_end):
            block = b""
        elif end > HEADER_BYTES:
            raise _headers_too_long()
        else:
            block, self._buffer = self._buffer[:end], self._buffer[end + len(line_end) :]
        # A name that is not UTF-8 matters only where it becomes a key, which then refuses it.
        lines = CONTINUATION.sub(" ", block.decode(errors="replace")).split(line_end.decode())
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        if "content-disposition" not in headers:
            raise BadRequest("the multipart body is broken: a part has no Content-Disposition")
        return headers

    def _content(self, line_end: bytes, more: list[bool]) -> Iterator[bytes]:
        """What lies before the next boundary; `more` is told whether another part follows it."""
        delimiter = line_end + self._dash_boundary
        begun, searched = False, 0
        while True:
            found = self._buffer.find(delimiter, searched)
            if found != -1:
                after = self._after_boundary(found + len(delimiter), line_end)
                if after is None:
                    searched = found + 1
                    continue
                content = self._buffer[:found]
                self._buffer = self._buffer[after[0] :]
                more.append(after[1])
                if content := content if begun else content[len(line_end) :]:
                    yield content
                return
            # All but what may be the beginning of a boundary.
            safe = len(self._buffer) - len(delimiter) + 1
            if safe > len(line_end):
                content = self._buffer[:safe]
                self._buffer = self._buffer[safe:]
                yield content if begun else content[len(line_end) :]
                begun, searched = True, 0
            self._fill()


def _headers_too_long() -> EntityTooLarge:
    return EntityTooLarge("the body has a part with too long headers", expected=f"at most {HEADER_BYTES} bytes of them")


def header_parameters(header: str) -> dict[str, str]:
    r"""The parameters of a Content-Disposition or a Content-Type by their names in lower case.

    Clients do not agree on how they quote (RFC 7578, 4.2 and 5.1; https://html.spec.whatwg.org/#multipart-form-data):
    browsers write %22 for a quote and nothing for a backslash, curl writes \" and \\, others RFC 5987 or RFC 2047.
    `filename*` counts more than `filename`.
    """
    found: dict[str, str] = {}
    extended: dict[str, str] = {}
    position = header.find(";")
    while position != -1 and (match := PARAMETER.match(header, position)):
        name = match[1].lower()
        value, position = _value(header, match.end())
        if name.endswith("*"):
            extended.setdefault(name[:-1], _extended(value))
        else:
            found.setdefault(name, _unescaped(value))
        position = header.find(";", position)
    return found | extended


def _value(header: str, start: int) -> tuple[str, int]:
    """A quoted string without its quotes or a token, and where it ends."""
    if header[start : start + 1] != '"':
        end = header.find(";", start)
        end = len(header) if end == -1 else end
        return header[start:end].strip(), end
    position, characters = start + 1, []
    while position < len(header) and header[position] != '"':
        position += header[position] == "\\" and header[position + 1 : position + 2] in ('"', "\\")
        characters.append(header[position])
        position += 1
    return "".join(characters), position + 1


def _unescaped(value: str) -> str:
    """What browsers encode and, in Java, RFC 2047's words."""
    if ENCODED_WORD.search(value):
        try:
            return str(make_header(decode_header(value)))
        except (HeaderParseError, LookupError, UnicodeError, ValueError):
            return value
    return value.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")


def _extended(value: str) -> str:
    """RFC 5987: charset'language'percent-encoded; a charset that nobody knows gives what no key may have."""
    charset, _, rest = value.partition("'")
    encoded = rest.partition("'")[2]
    try:
        return unquote_to_bytes(encoded).decode(charset, errors="replace")
    except LookupError:
        return "\ufffd"
