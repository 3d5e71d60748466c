"""What imgfn does, free of HTTP: locate a result, produce it, take uploads in, delete."""

import hashlib
import io
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO, Protocol

from imgfn.core.faults import (
    AccessDenied,
    Fault,
    ImageTooLarge,
    NoSuchKey,
    ObjectAlreadyExists,
    SlowDown,
    SourceChanged,
    StoreTimeout,
    StoreUnavailable,
)
from imgfn.core.key import Key
from imgfn.core.kinds import WatermarkImage
from imgfn.core.plan import Plan
from imgfn.core.store import Stat, Store
from imgfn.imaging.render import Rendered
from imgfn.observability.events import observe_incident, observe_render, observe_stage
from imgfn.service.content import Choose, Content, as_file, cut, digest, read, read_original
from imgfn.service.negotiation import Quality, settle_format
from imgfn.service.rate_limit import PlanRate
from imgfn.service.render_queue import RenderQueue
from imgfn.service.renderer import Renderer
from imgfn.service.singleflight import SingleFlight

RECIPE = "2"  # another one when the same plan starts to give other pixels
LONGEST_PREFIX = 960  # bytes of a source's key that results are kept under


@dataclass(frozen=True)
class ResultRef:
    """Where the answer to (plan, key) is, or will be: known before any pixel is read."""

    plan: Plan  # its format is settled
    source: Stat
    watermarks: Mapping[WatermarkImage, Stat]
    etag: str
    varies: bool  # whether Accept had a say

    @property
    def modified(self) -> datetime:
        """When it became what it is, the last of its sources."""
        return max(stat.modified for stat in (self.source, *self.watermarks.values()))

    @property
    def key(self) -> Key:
        """The result's key in the result store."""
        return Key(results_of(self.source.key) + self.etag)


@dataclass(frozen=True)
class Upload:
    """A file that was stored whole and is not stored yet."""

    key: Key | None  # None: named by its content
    body: BinaryIO
    size: int
    sha256: str


@dataclass(frozen=True)
class StoredUpload:
    """A file that is safely in the store."""

    stat: Stat
    width: int
    height: int
    format: str
    sha256: str
    created: bool  # False: the same bytes were there already
    notes: tuple[str, ...] = ()  # what is wrong with it


class Listener(Protocol):
    """Hears of what was stored and deleted before the caller is answered; what it raises, the caller gets."""

    def stored(self, stat: Stat) -> None:
        """A source is stored, or its very bytes were there already."""
        ...

    def deleted(self, key: Key) -> None:
        """A source is gone, and its results with it."""
        ...


@dataclass(frozen=True)
class Service:
    """The verbs. They raise Faults for all that a caller, a picture or a store can do wrong."""

    sources: Store
    results: Store
    renderer: Renderer
    queue: RenderQueue
    singleflight: SingleFlight[Content]
    plan_rate: PlanRate
    auto_formats: Sequence[str]
    max_source_bytes: int
    keep_results: bool
    listener: Listener | None = None
    changed: Callable[[Key], None] | None = None  # hears of sources that were replaced or deleted

    def locate(self, plan: Plan, key: Key, quality: Quality) -> ResultRef:
        """Find the ETag from the stats of the sources alone. Raises NoSuchKey.

        It covers the recipe, the etags of the source and of every watermark, and the plan with its format settled:
        so a changed source, and another format for another Accept, each have another ETag.
        """
        source = self.sources.stat(key)
        if not plan.steps:
            return ResultRef(plan, source, {}, source.etag, varies=False)
        settled, varies = settle_format(plan, source.content_type, quality, self.auto_formats)
        watermarks = {watermark: self.sources.stat(watermark.key) for watermark in settled.watermarks}
        parts = [RECIPE, source.etag, settled.text, *(stat.etag for stat in watermarks.values())]
        return ResultRef(
            settled, source, watermarks, hashlib.sha256("\n".join(parts).encode()).hexdigest()[:40], varies
        )

    def produce(self, ref: ResultRef, choose: Choose | None = None, *, unbounded: bool = False) -> Content:
        """The stored original, the kept result, or a new one. Of what is stored `choose` may want a part only.

        A new result counts against its source's rate unless `unbounded`; raises TooManyPlans where that is used up.
        """
        if not ref.plan.steps:
            return read_original(self.sources, ref.source, choose)
        try:
            if self.keep_results:
                return read(self.results, ref.key, choose)
        except NoSuchKey:
            pass
        except (StoreUnavailable, StoreTimeout) as fault:
            # The answer can still be made, as long as its source is there.
            observe_incident("result_not_read", key=ref.key, code=fault.code, detail=fault.detail)
        with self.queue.entered():
            made = self.singleflight.join(
                ref.etag,
                lambda: self._find(ref),
                lambda: self._make(ref, unbounded),
                lambda made: self._keep(ref, made),
            )
        return cut(made, choose)

    def receive(self, files: Sequence[Upload], *, overwrite: bool, only_type: str | None = None) -> list[StoredUpload]:
        """Check every file, then store them; a picture that is refused stores none.

        What is stored stays, even where the store then fails: others may have been told meanwhile that it is there,
        and nobody could take it away from under them. The fault names it, and the same request can be sent again.

        Raises UnsupportedMediaType, BadImage, ImageTooLarge, AccessDenied for another media type than `only_type`, and
        ObjectAlreadyExists where other bytes have the name.
        """
        checked = []
        for file in files:
            with self.queue.entered(), self.queue.place():
                header = self.renderer.inspect(file.body, file.size)
            if only_type not in (None, header.format.content_type):
                raise AccessDenied(f"this is {header.format.content_type}", parameter="type", expected=only_type)
            key = file.key or Key(f"{file.sha256}.{header.format.name}")
            checked.append((file, header, key, self._same_bytes(key, file, overwrite=overwrite)))
        stored: list[StoredUpload] = []
        for file, header, key, there in checked:
            try:
                stat, created = (
                    (there, False) if there else self._store(key, file, header.format.content_type, overwrite=overwrite)
                )
            except Fault as fault:
                if stored:
                    fault.detail += f"; stored already: {', '.join(repr(str(done.stat.key)) for done in stored)}"
                raise
            stored.append(
                StoredUpload(stat, header.width, header.height, header.format.name, file.sha256, created, header.notes)
            )
            self._tell_stored(stat)
        return stored

    def save(self, ref: ResultRef, key: Key, *, overwrite: bool) -> Stat:
        """Store a result as a source of its own. Raises ObjectAlreadyExists where other bytes have the name."""
        content = self.produce(ref)
        body = b"".join(content.chunks)
        file = Upload(key, io.BytesIO(body), len(body), hashlib.sha256(body).hexdigest())
        there = self._same_bytes(key, file, overwrite=overwrite)
        stat = there or self._store(key, file, content.content_type, overwrite=overwrite)[0]
        self._tell_stored(stat)
        return stat

    def delete(self, key: Key) -> None:
        """Remove a source and all results of it. Raises NoSuchKey where there is neither.

        The source goes first. Whoever keeps a result looks afterwards whether its source is still there (`_keep`): so
        each result is seen here or there, however many processes and machines are at it.
        """
        try:
            self.sources.stat(key)
        except NoSuchKey:
            if self._forget_results(key):
                return  # a delete that was cut short, or files that a person took away
            raise
        self.sources.delete(key)
        self._forget_results(key)
        if self.listener is not None:
            self.listener.deleted(key)

    def _tell_stored(self, stat: Stat) -> None:
        # Also of bytes that were there: whoever tries again after a crash has their event told.
        if self.listener is not None:
            self.listener.stored(stat)

    def _same_bytes(self, key: Key, file: Upload, *, overwrite: bool) -> Stat | None:
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

    def _store(self, key: Key, file: Upload, content_type: str, *, overwrite: bool) -> tuple[Stat, bool]:
        """Its stat, and whether it was not there before."""
        file.body.seek(0)
        meta = {"sha256": file.sha256}
        try:
            stat = self.sources.put(key, file.body, file.size, content_type, meta, overwrite=overwrite)
        except ObjectAlreadyExists:
            # Somebody was faster since we looked, maybe with the same bytes.
            if same := self._same_bytes(key, file, overwrite=True):
                return same, False
            raise
        if overwrite:
            self._forget_results(key)
        return stat, True

    def _forget_results(self, key: Key) -> int:
        """Remove the results of a source; gives how many there were."""
        found = [stat.key for stat in self.results.list(results_of(key)) if is_result_of(key, stat.key)]
        for result in found:
            self.results.delete(result)
        if self.changed is not None:
            self.changed(key)
        return len(found)

    def _find(self, ref: ResultRef) -> Content | None:
        """A result that another process has kept since we looked, whole in memory so that many can share it."""
        if not self.keep_results:
            return None
        try:
            kept = read(self.results, ref.key)
        except (NoSuchKey, StoreUnavailable, StoreTimeout):
            return None
        return Content((b"".join(kept.chunks),), kept.size, kept.content_type, kept.modified, False, kept.notes)

    def _make(self, ref: ResultRef, unbounded: bool) -> Content:
        if not unbounded:
            self.plan_rate.spend(ref.source.key)
        with ExitStack() as stack:
            stack.enter_context(observe_render())
            asked = time.perf_counter()
            # Only a request that has a place fetches its sources: they take memory, disk and descriptors.
            stack.enter_context(self.queue.place())
            began = time.perf_counter()
            watermarks = {watermark: self._fetch(stat, stack).read() for watermark, stat in ref.watermarks.items()}
            source = self._fetch(ref.source, stack)
            fetched = time.perf_counter()
            try:
                rendered = self.renderer.render(source, ref.source.size, ref.plan, watermarks)
            except SlowDown:
                raise
            except Fault:
                self._check_unchanged(ref)  # half of an old and half of a new picture may have been refused
                raise
            self._check_unchanged(ref)
        waited = (began - asked) * 1000 + rendered.milliseconds.get("queue", 0.0)
        fetch = (fetched - began) * 1000
        times = {"queue": 0.0, "fetch": fetch, **rendered.milliseconds}  # in the order of time
        return _content(rendered, times | {"queue": waited})

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
            raise SourceChanged(f"{stat.key!r} changed while it was read; try again")
        return as_file(opened, stack)

    def _check_unchanged(self, ref: ResultRef) -> None:
        """Raise SourceChanged where another version of a source than `ref` tells of is stored by now, or none.

        `open` asks the store itself: stats may be remembered ones. Where it does not answer, nothing is known to have
        changed.
        """
        for stat in (ref.source, *ref.watermarks.values()):
            try:
                with self.sources.open(stat.key, 0, 1) as opened:
                    same = opened.stat.etag == stat.etag
            except NoSuchKey:
                same = False
            except Fault:
                same = True
            if not same:
                raise SourceChanged(f"{stat.key!r} changed while it was read; try again")

    def _keep(self, ref: ResultRef, made: Content) -> None:
        """Store a result, unless its source is gone or another one since.

        The answer is out already, so a failure is logged, and the next request makes it again.
        """
        if not self.keep_results:
            return
        body = b"".join(made.chunks)
        meta = {"note": "; ".join(made.notes)} if made.notes else {}
        began = time.perf_counter()
        try:
            self.results.put(ref.key, io.BytesIO(body), len(body), made.content_type, meta)
            try:
                self._check_unchanged(ref)
            except SourceChanged:
                self.results.delete(ref.key)
        except Fault as fault:
            observe_incident("result_not_kept", key=ref.key, code=fault.code, detail=fault.detail)
        else:
            observe_stage("keep", (time.perf_counter() - began) * 1000)


def results_of(key: Key) -> str:
    """What the keys of a source's results begin with: its own, as long as that leaves room for a digest."""
    return f"{key}/" if len(key.encode()) <= LONGEST_PREFIX else f"{hashlib.sha256(key.encode()).hexdigest()}/"


def is_result_of(source: Key, result: Key) -> bool:
    """Whether `result`, whose key begins as those of `source` do, is not that of a source in a folder of this name."""
    return "/" not in result.removeprefix(results_of(source))


def _content(rendered: Rendered, milliseconds: Mapping[str, float]) -> Content:
    now = datetime.now(UTC).replace(microsecond=0)
    return Content((rendered.body,), len(rendered.body), rendered.content_type, now, True, rendered.notes, milliseconds)
