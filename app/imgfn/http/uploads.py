"""Request bodies to files: multipart parts and raw bodies, spooled to disk past 1 MB, never over the limit."""

import hashlib
import re
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wrappers import Request

from imgfn.core.faults import BadRequest, EntityTooLarge, InvalidArgument, MissingArgument
from imgfn.core.key import Key
from imgfn.http.multipart import FormReader, Part, Read, header_parameters
from imgfn.service.content import CHUNK_BYTES, SPOOL_BYTES
from imgfn.service.service import Upload

FORM = "multipart/form-data"
FIELD_BYTES = 500_000  # of a field that is no file
FILE_TYPES = ("image/", "application/octet-stream")  # of a part that is a file although it has no file name
# Names of a field that say nothing of the object; Dropzone and Uppy number theirs or add brackets.
NAMELESS_FIELD = re.compile(r"(file|image)s?(\[\d*\])?")


class Spool(tempfile.SpooledTemporaryFile[bytes]):
    """A file that takes at most `limit` bytes, in memory up to 1 MB, and knows its digest."""

    def __init__(self, limit: int) -> None:
        super().__init__(max_size=SPOOL_BYTES)
        self._limit = limit
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, chunk: Any) -> int:
        self.size += len(chunk)
        if self.size > self._limit:
            raise EntityTooLarge(f"a file has more than {self._limit} bytes", expected=f"at most {self._limit} bytes")
        self._digest.update(chunk)
        return super().write(chunk)

    def incoming(self, key: Key | None) -> Upload:
        """This file, received whole, to be stored under `key`."""
        self.seek(0)
        return Upload(key, self, self.size, self._digest.hexdigest())  # type: ignore[arg-type]  # has BinaryIO's methods


def receive_parts(
    request: Request, stack: ExitStack, *, max_bytes: int, max_parts: int, by_content: bool
) -> list[Upload]:
    """Every file of a multipart body (RFC 7578). A field's name is the key; `file`, `image` and the like take their
    file's name, and so does a part without a name. File inputs that were not filled in count as none.

    Raises BadRequest for a body that is not well-formed or ends early, EntityTooLarge for a file over `max_bytes` or
    too many parts, InvalidArgument for a bad or repeated name, MissingArgument where there is no file.
    """
    boundary = header_parameters(request.content_type or "").get("boundary", "")
    if request.mimetype != FORM or not boundary:
        raise BadRequest("the body is not multipart/form-data with a boundary", expected='curl -F "name.png=@file.png"')
    longest = max_parts * (max_bytes + FIELD_BYTES)
    if (request.content_length or 0) > longest:
        raise EntityTooLarge(expected=f"at most {longest} bytes in all")
    named: list[tuple[str | None, str, Spool]] = []
    try:
        reader = FormReader(_bounded(request.stream.read, longest), boundary.encode("latin-1", "replace"))
        for count, part in enumerate(reader, 1):
            if count > max_parts:
                raise EntityTooLarge("the body has too many parts", expected=f"at most {max_parts} parts")
            parameters = part.parameters
            field, name = parameters.get("name"), parameters.get("filename")
            if name is None and not part.content_type.startswith(FILE_TYPES):
                _skip(part)
                continue
            spool = stack.enter_context(Spool(max_bytes))
            for chunk in part.chunks:
                spool.write(chunk)
            if name or spool.size:
                _refuse_encoded(part)
                named.append((field, name or "", spool))
    except ClientDisconnected as error:
        raise BadRequest("the body ended early") from error
    incoming: list[Upload] = []
    for field, name, spool in named:
        key = None if by_content else _key_of(field, name)
        if key is not None and key in [file.key for file in incoming]:
            raise InvalidArgument(f"two parts are called {key!r}", parameter="field name", expected="it once")
        incoming.append(spool.incoming(key))
    if not incoming:
        raise MissingArgument("no part of the body is a file", parameter="file", expected='-F "name.png=@file.png"')
    return incoming


def _key_of(field: str | None, name: str) -> Key:
    """The key that a part's names ask for. Raises InvalidArgument where there is none in them."""
    if field is not None and not NAMELESS_FIELD.fullmatch(field):
        return Key.parse(field, "field name")
    # Some send the whole path on their own disk, and Windows' has backslashes.
    return Key.parse(re.split(r"[/\\]", name)[-1], "file name")


def _skip(part: Part) -> None:
    """Read over a field that is no file: forms carry what their own pages need. Raises EntityTooLarge."""
    size = 0
    for chunk in part.chunks:
        size += len(chunk)
        if size > FIELD_BYTES:
            raise EntityTooLarge("a field of the form is too long", expected=f"at most {FIELD_BYTES} bytes")


def _refuse_encoded(part: Part) -> None:
    encoding = part.headers.get("content-transfer-encoding", "binary").lower()
    if encoding not in ("binary", "8bit", "7bit"):
        raise BadRequest(
            f"a part is encoded as {encoding[:40]!r} (RFC 7578, 4.7)",
            parameter="Content-Transfer-Encoding",
            expected="the bytes themselves",
        )


def _bounded(read: Read, most: int) -> Read:
    """`read` that raises EntityTooLarge after `most` bytes: a chunked body does not say how long it is."""
    left = most

    def read_bounded(count: int) -> bytes:
        nonlocal left
        chunk = read(count)
        left -= len(chunk)
        if left < 0:
            raise EntityTooLarge(expected=f"at most {most} bytes in all")
        return chunk

    return read_bounded


def receive_one(request: Request, stack: ExitStack, key: Key | None, *, max_bytes: int, max_parts: int) -> Upload:
    """The one file of a request whose URL names it: a raw body, or a form with one file in it (mini-programs and
    browsers' forms can send nothing else). Raises as `receive_parts` and `receive_body` do.
    """
    if request.mimetype != FORM:
        return receive_body(request, stack, key, max_bytes=max_bytes)
    files = receive_parts(request, stack, max_bytes=max_bytes, max_parts=max_parts, by_content=True)
    if len(files) > 1:
        raise InvalidArgument(f"{len(files)} files for one key", parameter="file", expected="one")
    return replace(files[0], key=key)


def receive_body(request: Request, stack: ExitStack, key: Key | None, *, max_bytes: int) -> Upload:
    """The raw body of a PUT. Raises EntityTooLarge, and BadRequest where it ends before its Content-Length."""
    length = request.content_length
    if (length or 0) > max_bytes:
        raise EntityTooLarge(f"the body has {length} bytes", expected=f"at most {max_bytes} bytes")
    spool = stack.enter_context(Spool(max_bytes))
    try:
        while chunk := request.stream.read(CHUNK_BYTES):
            spool.write(chunk)
    except ClientDisconnected as error:
        raise BadRequest("the body ended early") from error
    if length is not None and spool.size != length:
        raise BadRequest(f"the body ended after {spool.size} of {length} bytes")
    return spool.incoming(key)
