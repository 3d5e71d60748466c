"""Request bodies to files: multipart parts and raw bodies, spooled to disk past 1 MB, never over the limit."""

import hashlib
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from typing import IO, Any

from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header
from werkzeug.wrappers import Request

from imgfn.core.faults import BadRequest, EntityTooLarge, InvalidArgument, MissingArgument
from imgfn.core.key import Key
from imgfn.service.content import CHUNK_BYTES, SPOOL_BYTES
from imgfn.service.service import Upload

FIELD_BYTES = 500_000  # below the parser's buffer size (64 kB and a part's header) good uploads would get 413
FILE_FIELDS = ("file", "image")  # names of a field that say nothing of the object


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
    """Every file of a multipart body (RFC 7578). A field's name is the key; `file` and `image` take their file's name.

    Raises BadRequest for a body that is not well-formed or ends early, EntityTooLarge for a file over `max_bytes` or
    too many parts, InvalidArgument for a bad or repeated name, MissingArgument where there is no file.
    """
    kind, options = parse_options_header(request.content_type)
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise BadRequest("the body is not multipart/form-data with a boundary", expected='curl -F "name.png=@file.png"')
    longest = max_parts * (max_bytes + FIELD_BYTES)
    if (request.content_length or 0) > longest:
        raise EntityTooLarge(expected=f"at most {longest} bytes in all")

    def open_spool(*_: Any, **__: Any) -> IO[bytes]:
        return stack.enter_context(Spool(max_bytes))

    parser = FormDataParser(open_spool, FIELD_BYTES, longest, silent=False, max_form_parts=max_parts)
    try:
        _, _, files = parser.parse(request.stream, "multipart/form-data", request.content_length, options)
    except RequestEntityTooLarge as error:
        raise EntityTooLarge(
            "the body has too many parts or too long headers", expected=f"at most {max_parts} parts"
        ) from error
    except (ValueError, ClientDisconnected) as error:
        raise BadRequest(f"the multipart body is broken: {error}") from error
    incoming: list[Upload] = []
    for field, part in files.items(multi=True):
        name = (part.filename or "") if field in FILE_FIELDS else field
        key = None if by_content else Key.parse(name.rpartition("/")[2] if field in FILE_FIELDS else name, "field name")
        if key is not None and key in [file.key for file in incoming]:
            raise InvalidArgument(f"two parts are called {key!r}", parameter="field name", expected="it once")
        incoming.append(part.stream.incoming(key))  # type: ignore[attr-defined]  # open_spool made it
    if not incoming:
        raise MissingArgument("no part of the body is a file", parameter="file", expected='-F "name.png=@file.png"')
    return incoming


def receive_one(request: Request, stack: ExitStack, key: Key | None, *, max_bytes: int, max_parts: int) -> Upload:
    """The one file of a request whose URL names it: a raw body, or a form with one file in it (mini-programs and
    browsers' forms can send nothing else). Raises as `receive_parts` and `receive_body` do.
    """
    if request.mimetype != "multipart/form-data":
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
