"""Objects in a bucket of MinIO or of any other S3 service."""

import io
import mimetypes
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from typing import BinaryIO

import urllib3
from minio import Minio
from minio.credentials.credentials import Credentials
from minio.credentials.providers import Provider
from minio.error import MinioException, S3Error
from urllib3.exceptions import NewConnectionError

from imgfn.core.faults import (
    EntityTooLarge,
    Fault,
    InvalidArgument,
    NoSuchKey,
    ObjectAlreadyExists,
    RangeNotSatisfiable,
    StoreFull,
    StoreTimeout,
    StoreUnavailable,
)
from imgfn.core.key import Key
from imgfn.core.store import Opened, Stat
from imgfn.stores.s3.breaker import Breaker
from imgfn.stores.s3.credentials import KeySource
from imgfn.stores.s3.http_pool import Call, Wire
from imgfn.stores.s3.objects import META, Body, CountedBody, differs, release, stat_of

PART_BYTES = 5 * 1024 * 1024  # S3's least; larger objects go up in parts, one after the other, to save memory

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and MinIO's own. All others mean: out of reach.
FAULTS: dict[str | None, type[Fault]] = {
    "NoSuchKey": NoSuchKey,
    "PreconditionFailed": ObjectAlreadyExists,
    "ConditionalRequestConflict": ObjectAlreadyExists,
    "BucketAlreadyOwnedByYou": ObjectAlreadyExists,
    "XMinioParentIsObject": ObjectAlreadyExists,
    "XMinioObjectExistsAsDirectory": ObjectAlreadyExists,
    "InvalidRange": RangeNotSatisfiable,
    "KeyTooLongError": InvalidArgument,
    "InvalidObjectName": InvalidArgument,
    "XMinioInvalidObjectName": InvalidArgument,
    "EntityTooLarge": EntityTooLarge,
    "RequestTimeout": StoreTimeout,
    "XMinioStorageFull": StoreFull,
    "XMinioAdminBucketQuotaExceeded": StoreFull,
}
LATE = (TimeoutError, urllib3.exceptions.TimeoutError)


class MinioStore:
    """A Store in one bucket. One for each process, made after fork.

    `deadline_seconds` bounds all waiting of one operation. `create_bucket` makes a missing bucket at its first use.
    `list` knows neither types nor metadata: it guesses the type from the name.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        region: str,
        bucket: str,
        keys: KeySource,
        secure: bool = True,
        virtual_host: bool = False,
        create_bucket: bool = False,
        connect_seconds: float = 1.0,
        read_seconds: float = 2.0,
        deadline_seconds: float = 10.0,
        retries: int = 1,
        connections: int = 16,
    ) -> None:
        self._client = Minio(
            endpoint=endpoint,
            region=region,
            secure=secure,
            credentials=_FreshKeys(keys),
            http_client=Wire(connect_seconds, read_seconds, retries, connections),
        )
        if virtual_host:
            self._client.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]  # minio-py types it not
        self.bucket = bucket
        self._bucket_known = not create_bucket
        self._deadline_seconds = deadline_seconds
        self._breaker = Breaker()

    def stat(self, key: Key) -> Stat:
        with self._call(key):
            known = self._client.stat_object(bucket_name=self.bucket, object_name=key)
        return stat_of(key, known.metadata or {})

    def open(self, key: Key, start: int = 0, length: int | None = None) -> Opened:
        self._make_sure_of_bucket()
        self._breaker.admit()
        call = Call(self._deadline_seconds)
        with self._talk(call, key):
            response = self._client.get_object(
                bucket_name=self.bucket, object_name=key, offset=start, length=length or 0
            )
        try:
            known = stat_of(key, response.headers)
        except Fault:
            release(response)
            raise
        body = Body(response, known, lambda: self._talk(call, key), self._breaker.succeeded)
        return Opened(known, io.BufferedReader(body))

    def put(
        self,
        key: Key,
        body: BinaryIO,
        size: int,
        content_type: str,
        meta: Mapping[str, str] | None = None,
        *,
        overwrite: bool = True,
    ) -> Stat:
        self._make_sure_of_bucket()
        call = Call(self._deadline_seconds, create=not overwrite)
        if not overwrite:
            self._refuse_taken(key, call)
        counted = CountedBody(body, size)
        with self._call(key, call):
            made = self._client.put_object(
                bucket_name=self.bucket,
                object_name=key,
                data=counted,  # type: ignore[arg-type]  # all it does is read
                length=size,
                content_type=content_type,
                metadata={META + name: value for name, value in (meta or {}).items()},
                part_size=PART_BYTES,
                num_parallel_uploads=1,
            )
        headers = made.http_headers
        if not made.etag or (size <= PART_BYTES and differs(made.etag, headers, counted.md5())):
            raise StoreUnavailable(f"the object store did not confirm the bytes of {key!r}")
        return Stat(
            key=key,
            size=size,
            etag=made.etag,
            modified=parsedate_to_datetime(headers["Date"]),
            content_type=content_type,
            meta=dict(meta or {}),
        )

    def delete(self, key: Key) -> None:
        with suppress(NoSuchKey), self._call(key):
            self._client.remove_object(bucket_name=self.bucket, object_name=key)

    def list(self, prefix: str = "", after: str = "") -> Iterator[Stat]:
        if not _may_begin_key(prefix):
            return
        self._make_sure_of_bucket()
        found = iter(
            self._client.list_objects(bucket_name=self.bucket, prefix=prefix, recursive=True, start_after=after or None)
        )
        while True:
            with self._call(prefix):  # one page at most
                listed = next(found, None)
            if listed is None:
                return
            with suppress(InvalidArgument):  # no caller could ask for it, such as the `a/` that consoles make
                yield Stat(
                    key=Key.parse(listed.object_name),
                    size=listed.size,
                    etag=listed.etag,
                    modified=listed.last_modified,
                    content_type=mimetypes.guess_type(listed.object_name)[0] or "application/octet-stream",
                )

    def check(self) -> None:
        with self._call(self.bucket):
            exists = self._client.bucket_exists(bucket_name=self.bucket)
        if not exists:
            if self._bucket_known:
                raise StoreUnavailable(f"there is no bucket {self.bucket!r}, or we may not see it")
            with suppress(ObjectAlreadyExists), self._call(self.bucket):
                self._client.make_bucket(bucket_name=self.bucket)
        self._bucket_known = True

    def _make_sure_of_bucket(self) -> None:
        """Make it where it is missing and may be made: its first reader must not be told that it is not there."""
        if not self._bucket_known:
            self.check()

    def _refuse_taken(self, key: Key, call: Call) -> None:
        """For services that know no conditional PUT; where there is one, it decides a race."""
        with suppress(NoSuchKey):
            with self._call(key, call):
                self._client.stat_object(bucket_name=self.bucket, object_name=key)
            raise ObjectAlreadyExists(f"{key!r} is taken")

    @contextmanager
    def _call(self, name: str, call: Call | None = None) -> Iterator[None]:
        """One request and its answer: in time, errors as Faults, the outcome known to the breaker."""
        self._breaker.admit()
        with self._talk(call or Call(self._deadline_seconds), name):
            yield
        self._breaker.succeeded()

    @contextmanager
    def _talk(self, call: Call, name: str) -> Iterator[None]:
        try:
            with call.waiting():
                yield
        except (MinioException, urllib3.exceptions.HTTPError) as error:
            if isinstance(error, S3Error) and error.response.status < 500:
                self._breaker.succeeded()  # it says no, so it is there
            else:
                self._breaker.failed()
            raise _fault_of(error, name) from error


class _FreshKeys(Provider):
    def __init__(self, keys: KeySource) -> None:
        self._keys = keys

    def retrieve(self) -> Credentials:
        keys = self._keys()
        return Credentials(keys.access_key, keys.secret_key, keys.session_token)


def _fault_of(error: Exception, name: str) -> Fault:
    if isinstance(error, S3Error):
        kind = FAULTS.get(error.code, StoreUnavailable)
        if error.code == "BadRequest" and any(len(segment.encode()) > 255 for segment in name.split("/")):
            kind = InvalidArgument  # MinIO keeps files; the answer to a HEAD has no body that says so
        return kind(f"{name!r}: {'there is no such object' if kind is NoSuchKey else error.code}")
    # MaxRetryError has the last try's error as its reason, ProtocolError the socket's among its arguments.
    reason = getattr(error, "reason", None) or error
    if any(isinstance(part, LATE) and not isinstance(part, NewConnectionError) for part in (reason, *reason.args)):
        return StoreTimeout(f"{name!r}: no answer in time")
    return StoreUnavailable(f"{name!r}: {type(reason).__name__}")


def _may_begin_key(prefix: str) -> bool:
    """Some services answer an error, not an empty list, to a prefix that no key has."""
    try:
        Key.parse(prefix.removesuffix("/") or "x")
    except InvalidArgument:
        return False
    return prefix != "/"
