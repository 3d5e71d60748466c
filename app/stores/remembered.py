"""A store whose stats are believed for a while: saves a round trip for each request to a store that is far away."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO

from cachetools import TTLCache

from app.core.key import Key
from app.core.store import Opened, Stat, Store

MAX_STATS = 10_000


class Remembered:
    """`store`, with every Stat kept for `seconds`.

    A change made by another process is seen only after that time; one made through this object at once. Missing keys
    are not remembered: what was just uploaded elsewhere is there.
    """

    def __init__(self, store: Store, seconds: float) -> None:
        self._store = store
        self._stats: TTLCache[Key, Stat] = TTLCache(MAX_STATS, seconds)
        self._mutex = threading.Lock()

    def stat(self, key: Key) -> Stat:
        with self._mutex:
            known = self._stats.get(key)
        if known is None:
            known = self._store.stat(key)
            with self._mutex:
                self._stats[key] = known
        return known

    @contextmanager
    def open(self, key: Key, start: int = 0, length: int | None = None) -> Iterator[Opened]:
        with self._store.open(key, start, length) as opened:
            with self._mutex:
                self._stats[key] = opened.stat
            yield opened

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

    def list(self, prefix: str = "") -> Iterator[Stat]:
        return self._store.list(prefix)

    def check(self) -> None:
        self._store.check()

    def _forget(self, key: Key) -> None:
        with self._mutex:
            self._stats.pop(key, None)
