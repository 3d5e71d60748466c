"""A store whose stats are remembered: saves round trips to one that is far away, and bridges the time it is away."""

import threading
import time
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from cachetools import LRUCache

from imgfn.core.faults import NoSuchKey, StoreTimeout, StoreUnavailable
from imgfn.core.key import Key
from imgfn.core.store import Opened, Stat, Store

MAX_STATS = 10_000


class Remembered:
    """`store`, with every Stat believed for `seconds`; 0 asks each time.

    A change made by another process is seen only after that time; one made through this object at once. While the store
    is out of reach the last known Stat stands in, however old (stale-if-error, RFC 5861): results that are kept
    elsewhere go on being served. Missing keys are not remembered.
    """

    def __init__(self, store: Store, seconds: float) -> None:
        self._store = store
        self._seconds = seconds
        self._stats: LRUCache[Key, tuple[float, Stat]] = LRUCache(MAX_STATS)
        self._mutex = threading.Lock()

    def stat(self, key: Key) -> Stat:
        with self._mutex:
            seen, known = self._stats.get(key, (0.0, None))
        if known is not None and time.monotonic() - seen < self._seconds:
            return known
        try:
            fresh = self._store.stat(key)
        except NoSuchKey:
            self._forget(key)
            raise
        except (StoreUnavailable, StoreTimeout):
            if known is None:
                raise
            return known
        self._remember(fresh)
        return fresh

    def open(self, key: Key, start: int = 0, length: int | None = None) -> Opened:
        opened = self._store.open(key, start, length)
        self._remember(opened.stat)
        return opened

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
        try:
            return self._store.put(key, body, size, content_type, meta, overwrite=overwrite)
        finally:
            self._forget(key)

    def delete(self, key: Key) -> None:
        try:
            self._store.delete(key)
        finally:
            self._forget(key)

    def list(self, prefix: str = "", after: str = "") -> Iterator[Stat]:
        return self._store.list(prefix, after)

    def check(self) -> None:
        self._store.check()

    def _remember(self, stat: Stat) -> None:
        with self._mutex:
            self._stats[stat.key] = (time.monotonic(), stat)

    def _forget(self, key: Key) -> None:
        with self._mutex:
            self._stats.pop(key, None)
