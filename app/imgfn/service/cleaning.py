"""Removes results that nobody needs: of sources gone or replaced, not asked for in a while, over a cap."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from imgfn.core.faults import NoSuchKey
from imgfn.core.key import Key
from imgfn.core.store import Stat, Store
from imgfn.service.service import LONGEST_PREFIX, results_of

RESULT = re.compile(r"(.+)/[0-9a-f]{40}")
HASHED = re.compile(r"[0-9a-f]{64}")
ORPHANED, UNUSED, OVER = "without their source", "not asked for", "over the cap"


@dataclass
class Cleaned:
    """What was removed, by its reason, and what stays: numbers of results and of bytes."""

    removed: Counter[str] = field(default_factory=Counter)
    removed_bytes: int = 0
    kept: int = 0
    kept_bytes: int = 0


def clean(sources: Store, results: Store, *, days: int = 0, max_bytes: int = 0, dry_run: bool = False) -> Cleaned:
    """Remove results whose source is gone or newer, that were not used for `days` days, and then the longest unused
    ones until at most `max_bytes` are left. 0 means no such limit. Other objects in the store are left alone.

    It can run beside servers: a result that is removed under them is made again. Raises what the stores raise; what is
    not known to be superfluous stays.
    """
    told, stay = Cleaned(), []
    oldest = datetime.now(UTC) - timedelta(days=days) if days else None
    for stat, reason in _judged(_Sources(sources), results.list(), oldest):
        if reason is None:
            stay.append(stat)
            continue
        _remove(results, stat, reason, told, dry_run=dry_run)
    total = sum(stat.size for stat in stay)
    if max_bytes:
        stay.sort(key=_last_use, reverse=True)
        while stay and total > max_bytes:
            stat = stay.pop()
            total -= stat.size
            _remove(results, stat, OVER, told, dry_run=dry_run)
    told.kept, told.kept_bytes = len(stay), total
    return told


def _judged(sources: "_Sources", found: Iterable[Stat], oldest: datetime | None) -> Iterator[tuple[Stat, str | None]]:
    for stat in found:
        match = RESULT.fullmatch(stat.key)
        if match is None:
            continue
        changed = sources.modified(match[1])
        # Clocks of stores tell whole seconds.
        if changed is None or stat.modified + timedelta(seconds=1) < changed:
            yield stat, ORPHANED
        else:
            yield stat, UNUSED if oldest and _last_use(stat) < oldest else None


def _last_use(stat: Stat) -> datetime:
    return stat.used or stat.modified


def _remove(results: Store, stat: Stat, reason: str, told: Cleaned, *, dry_run: bool) -> None:
    if not dry_run:
        results.delete(stat.key)
    told.removed[reason] += 1
    told.removed_bytes += stat.size


class _Sources:
    """When the source of a result was stored; the results of one source follow each other."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._last: tuple[str, datetime | None] = ("", None)
        self._hashed: dict[str, datetime] | None = None

    def modified(self, prefix: str) -> datetime | None:
        """Of the source whose results' keys begin with `prefix`; None where there is none."""
        if self._last[0] != prefix:
            self._last = prefix, self._find(prefix)
        return self._last[1]

    def _find(self, prefix: str) -> datetime | None:
        try:
            return self._store.stat(Key(prefix)).modified
        except NoSuchKey:
            if not HASHED.fullmatch(prefix):
                return None
        if self._hashed is None:
            long = (stat for stat in self._store.list() if len(stat.key.encode()) > LONGEST_PREFIX)
            self._hashed = {results_of(stat.key)[:-1]: stat.modified for stat in long}
        return self._hashed.get(prefix)
