"""The Store protocol. tests/contracts/test_store.py is its contract as tests."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Protocol, Self

from imgfn.core.key import Key


@dataclass(frozen=True)
class Stat:
    """The metadata of an object."""

    key: Key
    size: int  # bytes
    etag: str  # unquoted; another one whenever the bytes are others
    modified: datetime  # UTC
    content_type: str
    meta: Mapping[str, str] = field(default_factory=dict)  # lower-case names, ASCII values
    used: datetime | None = field(default=None, compare=False)  # UTC, to a day; None: the store does not know


@dataclass(frozen=True)
class Opened:
    """An open object: `stat` and `body` are of the same version. As a context manager it closes the body."""

    stat: Stat
    body: BinaryIO

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.body.close()


class Store(Protocol):
    """Five verbs.

    A missing key raises NoSuchKey. A store out of reach raises StoreUnavailable, one that is too slow StoreTimeout, one
    without room StoreFull. A body that ends early raises StoreUnavailable: no caller ever sees a short object.
    """

    def stat(self, key: Key) -> Stat:
        """What is stored under `key`."""
        ...

    def open(self, key: Key, start: int = 0, length: int | None = None) -> Opened:
        """Read `key` from byte `start`, `length` bytes or to its end; `stat.size` stays that of the whole object."""
        ...

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
        """Store `size` bytes of `body`: all of them or none, whatever crashes; back only when they are safe.

        With `overwrite=False` a taken key raises ObjectAlreadyExists, also when two callers race for it.
        """
        ...

    def delete(self, key: Key) -> None:
        """Forget `key`. Twice is not an error."""
        ...

    def list(self, prefix: str = "", after: str = "") -> Iterator[Stat]:
        """Every object whose key starts with `prefix` and lies behind `after`, in the order of their UTF-8 bytes."""
        ...

    def check(self) -> None:
        """Say whether the store answers, for probes and the doctor; raises StoreUnavailable or StoreTimeout."""
        ...
