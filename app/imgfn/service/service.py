"""What imgfn does, free of HTTP: locate a result, produce it, take uploads in, delete."""

import hashlib
import io
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from imgfn.core.faults import (
    AccessDenied,
    Fault,
    ImageTooLarge,
    NoSuchKey,
    ObjectAlreadyExists,
    StoreTimeout,
    StoreUnavailable,
)
from imgfn.core.key import Key
from imgfn.core.kinds import Mark
from imgfn.core.plan import Plan
from imgfn.core.store import Stat, Store
from imgfn.imaging.render import Rendered
from imgfn.observability.events import observe_mishap, observe_render
from imgfn.service.content import Choose, Produced, as_file, digest, read, read_original
from imgfn.service.negotiation import Quality, settle_format
from imgfn.service.rate_limit import PlanRate
from imgfn.service.renderer import Renderer
from imgfn.service.singleflight import Flights

RECIPE = "2"  # another one when the same plan starts to give other pixels
LONGEST_PREFIX = 960  # bytes of a source's key that results are kept under


@dataclass(frozen=True)
class Wanted:
    """Where the answer to (plan, key) is, or will be: known before any pixel is read."""

    plan: Plan  # its format is settled
    source: Stat
    marks: Mapping[Mark, Stat]
    etag: str
    varies: bool  # whether Accept had a say

    @property
    def key(self) -> Key:
        """The result's key in the result store."""
        return Key(results_of(self.source.key) + self.etag)


@dataclass(frozen=True)
class Incoming:
    """A file that was received whole and is not stored yet."""

    key: Key | None  # None: named by its content
    body: BinaryIO
    size: int
    sha256: str


@dataclass(frozen=True)
class Received:
    """A file that is safely in the store."""

    stat: Stat
    width: int
    height: int
    format: str
    sha256: str
    created: bool  # False: the same bytes were there already


@dataclass(frozen=True)
class Service:
    """The verbs. They raise Faults for all that a caller, a picture or a store can do wrong."""

    sources: Store
    results: Store
    renderer: Renderer
    flights: Flights[Produced]
    plan_rate: PlanRate
    auto_formats: Sequence[str]
    max_source_bytes: int
    keep_results: bool

    def locate(self, plan: Plan, key: Key, quality: Quality) -> Wanted:
        """Find the ETag from the stats of the sources alone. Raises NoSuchKey.

        It covers the recipe, the etags of the source and of every mark, and the canonical plan with its format settled:
        so a changed source, and another format for another Accept, each have another ETag.
        """
        source = self.sources.stat(key)
        if not plan.steps:
            return Wanted(plan, source, {}, source.etag, varies=False)
        settled, varies = settle_format(plan, source.content_type, quality, self.auto_formats)
        marks = {mark: self.sources.stat(mark.key) for mark in settled.marks}
        parts = [RECIPE, source.etag, settled.text, *(stat.etag for stat in marks.values())]
        return Wanted(settled, source, marks, hashlib.sha256("\n".join(parts).encode()).hexdigest()[:40], varies)

    def produce(self, wanted: Wanted, choose: Choose | None = None, *, unbounded: bool = False) -> Produced:
        """The stored original, the kept result, or a new one. Of what is stored `choose` may want a part only.

        A new result counts against its source's rate unless `unbounded`; raises TooManyPlans where that is used up.
        """
        if not wanted.plan.steps:
            return read_original(self.sources, wanted.source.key, choose)
        try:
            if self.keep_results:
                return read(self.results, wanted.key, choose)
        except NoSuchKey:
            pass
        except (StoreUnavailable, StoreTimeout) as fault:
            # The answer can still be made, as long as its source is there.
            observe_mishap("result_not_read", key=wanted.key, code=fault.code, detail=fault.detail)
        if not self.flights.has(wanted.etag):
            self.renderer.look_for_room()
        return self.flights.join(
            wanted.etag,
            lambda: self._find(wanted),
            lambda: self._make(wanted, unbounded),
            lambda made: self._keep(wanted, made),
        )

    def receive(self, files: Sequence[Incoming], *, overwrite: bool, only_type: str | None = None) -> list[Received]:
        """Check every file, then store them; one that is refused stores none.

        Raises UnsupportedMediaType, BadImage, ImageTooLarge, AccessDenied for another media type than `only_type`, and
        ObjectAlreadyExists where other bytes have the name.
        """
        checked = []
        for file in files:
            header = self.renderer.inspect(file.body, file.size)
            if only_type not in (None, header.format.content_type):
                raise AccessDenied(f"this is {header.format.content_type}", parameter="type", expected=only_type)
            key = file.key or Key(f"{file.sha256}.{header.format.name}")
            checked.append((file, header, key, self._same_bytes(key, file, overwrite=overwrite)))
        received: list[Received] = []
        try:
            for file, header, key, there in checked:
                stat = there or self._store(key, file, header.format.content_type, overwrite=overwrite)
                kept = Received(stat, header.width, header.height, header.format.name, file.sha256, there is None)
                received.append(kept)
        except Fault:
            # All or none: a caller that sees an error has stored nothing. What was overwritten cannot come back.
            for done in received:
                if done.created and not overwrite:
                    self.sources.delete(done.stat.key)
            raise
        return received

    def save(self, wanted: Wanted, key: Key, *, overwrite: bool) -> Stat:
        """Store a result as a source of its own. Raises ObjectAlreadyExists where other bytes have the name."""
        produced = self.produce(wanted)
        body = b"".join(produced.chunks)
        file = Incoming(key, io.BytesIO(body), len(body), hashlib.sha256(body).hexdigest())
        there = self._same_bytes(key, file, overwrite=overwrite)
        return there or self._store(key, file, produced.content_type, overwrite=overwrite)

    def delete(self, key: Key) -> None:
        """Remove a source and all results of it. Raises NoSuchKey."""
        self.sources.stat(key)
        self.sources.delete(key)
        self._forget_results(key)

    def _same_bytes(self, key: Key, file: Incoming, *, overwrite: bool) -> Stat | None:
        """The stat of what is stored under `key` if it is this very file; None where the name is free to take."""
        try:
            stat = self.sources.stat(key)
            if stat.size == file.size and digest(self.sources, key) == file.sha256:
                return stat
        except NoSuchKey:
            return None
        if overwrite:
            return None
        raise ObjectAlreadyExists(f"{key!r} is another picture already", parameter="key", expected="a free name")

    def _store(self, key: Key, file: Incoming, content_type: str, *, overwrite: bool) -> Stat:
        file.body.seek(0)
        stat = self.sources.put(key, file.body, file.size, content_type, {"sha256": file.sha256}, overwrite=overwrite)
        if overwrite:
            self._forget_results(key)
        return stat

    def _forget_results(self, key: Key) -> None:
        for stat in self.results.list(results_of(key)):
            self.results.delete(stat.key)

    def _find(self, wanted: Wanted) -> Produced | None:
        """A result that another process has kept since we looked, whole in memory so that many can share it."""
        if not self.keep_results:
            return None
        try:
            kept = read(self.results, wanted.key)
        except (NoSuchKey, StoreUnavailable, StoreTimeout):
            return None
        return Produced((b"".join(kept.chunks),), kept.size, kept.content_type, kept.modified, False, kept.notes)

    def _make(self, wanted: Wanted, unbounded: bool) -> Produced:
        if not unbounded:
            self.plan_rate.spend(wanted.source.key)
        began = time.perf_counter()
        with ExitStack() as stack:
            marks = {mark: self._fetch(stat, stack).read() for mark, stat in wanted.marks.items()}
            source = self._fetch(wanted.source, stack)
            fetched = time.perf_counter()
            with observe_render():
                rendered = self.renderer.render(source, wanted.source.size, wanted.plan, marks)
        return _produced(rendered, {"fetch": (fetched - began) * 1000, **rendered.milliseconds})

    def _fetch(self, stat: Stat, stack: ExitStack) -> BinaryIO:
        """The bytes of exactly that version, as a real file: a render never waits for a slow store."""
        if stat.size > self.max_source_bytes:
            raise ImageTooLarge(
                f"{stat.key!r} has {stat.size} bytes",
                parameter="key",
                expected=f"at most {self.max_source_bytes} bytes",
            )
        opened = stack.enter_context(self.sources.open(stat.key))
        if opened.stat.etag != stat.etag:
            # Its ETag would be the old version's. The caller's next try sees the new one.
            raise StoreUnavailable(f"{stat.key!r} changed while it was read; try again", headers={"Retry-After": "1"})
        return as_file(opened, stack)

    def _keep(self, wanted: Wanted, made: Produced) -> None:
        """Store a result. The answer is out already, so a failure is logged, and the next request makes it again."""
        if not self.keep_results:
            return
        body = b"".join(made.chunks)
        meta = {"note": "; ".join(made.notes)} if made.notes else {}
        try:
            self.results.put(wanted.key, io.BytesIO(body), len(body), made.content_type, meta)
        except Fault as fault:
            observe_mishap("result_not_kept", key=wanted.key, code=fault.code, detail=fault.detail)


def results_of(key: Key) -> str:
    """What the keys of a source's results begin with: its own, as long as that leaves room for a digest."""
    return f"{key}/" if len(key.encode()) <= LONGEST_PREFIX else f"{hashlib.sha256(key.encode()).hexdigest()}/"


def _produced(rendered: Rendered, milliseconds: Mapping[str, float]) -> Produced:
    now = datetime.now(UTC).replace(microsecond=0)
    return Produced(
        (rendered.body,), len(rendered.body), rendered.content_type, now, True, rendered.notes, milliseconds
    )
