"""What S3 says in headers and bodies, as Stat and streams."""

import hashlib
import io
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, BinaryIO

from urllib3.response import BaseHTTPResponse

from imgfn.core.faults import BadRequest, StoreUnavailable
from imgfn.core.key import Key
from imgfn.core.store import Stat

if TYPE_CHECKING:
    from typing_extensions import Buffer  # collections.abc has it from Python 3.12 on

META = "x-amz-meta-"
MD5 = re.compile(r"[0-9a-fA-F]{32}")

Talk = Callable[[], AbstractContextManager[None]]


class CountedBody:
    """What minio-py reads of an upload: `size` bytes, or BadRequest."""

    def __init__(self, body: BinaryIO, size: int) -> None:
        self._body = body
        self._size = self._left = size
        self._digest = hashlib.md5(usedforsecurity=False)

    def read(self, count: int) -> bytes:
        chunk = self._body.read(min(count, self._left))
        if not chunk:
            raise BadRequest(f"the body ended after {self._size - self._left} of {self._size} bytes")
        self._left -= len(chunk)
        self._digest.update(chunk)
        return chunk

    def md5(self) -> str:
        return self._digest.hexdigest()


def release(response: BaseHTTPResponse) -> None:
    """Close a connection that may have more to tell, or put it back where all was read."""
    response.close()
    response.release_conn()


class Body(io.RawIOBase):
    """The bytes of an answer; StoreUnavailable where they are fewer than announced or not those of the etag.

    It owns the answer.
    """

    def __init__(self, response: BaseHTTPResponse, known: Stat, talk: Talk, finish: Callable[[], None]) -> None:
        self._response = response
        self._known = known
        self._talk = talk
        self._finish = finish
        self._left = int(response.headers["Content-Length"])
        self._whole = self._left == known.size
        self._digest = hashlib.md5(usedforsecurity=False)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int:
        view = memoryview(buffer)
        if not self._left:
            return 0
        with self._talk():
            chunk = self._response.read(min(len(view), self._left), decode_content=False)
        if not chunk:
            raise StoreUnavailable(f"{self._known.key!r} ended {self._left} bytes early")
        view[: len(chunk)] = chunk
        self._left -= len(chunk)
        self._digest.update(chunk)
        if not self._left:
            if self._whole and differs(self._known.etag, self._response.headers, self._digest.hexdigest()):
                raise StoreUnavailable(f"{self._known.key!r} has other bytes than its etag says")
            self._finish()
        return len(chunk)

    def close(self) -> None:
        release(self._response)
        super().close()


def differs(etag: str, headers: Mapping[str, str], md5: str) -> bool:
    """Whether the etag is an MD5 (not so for parts, nor under KMS or customers' keys) and another one than `md5`."""
    encrypted = headers.get("x-amz-server-side-encryption", "AES256") != "AES256"
    customer = "x-amz-server-side-encryption-customer-algorithm" in headers
    return not encrypted and not customer and MD5.fullmatch(etag) is not None and etag.lower() != md5


def stat_of(key: Key, headers: Mapping[str, str]) -> Stat:
    """What the answer to a HEAD or a GET tells; StoreUnavailable where it is not S3 that answered."""
    try:
        length = int(headers["Content-Length"])
        whole = headers.get("Content-Range", "").rpartition("/")[2]
        return Stat(
            key=key,
            size=int(whole) if whole else length,
            etag=headers["ETag"].strip('"'),
            modified=parsedate_to_datetime(headers["Last-Modified"]),
            content_type=headers.get("Content-Type", "application/octet-stream"),
            meta={name.lower().removeprefix(META): headers[name] for name in headers if name.lower().startswith(META)},
        )
    except (KeyError, ValueError) as error:
        raise StoreUnavailable("what answers at the store's address does not speak S3") from error
