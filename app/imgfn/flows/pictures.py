"""What flows do with pictures, on the Service: the only module of flows that knows it.

Each verb may be done twice: its result's name is known ahead, so the second time finds it.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO
from urllib.parse import unquote_plus

from imgfn.core.faults import InvalidArgument, NoSuchKey
from imgfn.core.formats import FORMATS
from imgfn.core.key import Key
from imgfn.core.plan import Plan
from imgfn.core.store import Stat, Store
from imgfn.flows.rules import Filter
from imgfn.flows.rules_file import parse_plan
from imgfn.service.content import as_file
from imgfn.service.service import Service, results_of

Accepts = tuple[float, bool]


@dataclass(frozen=True)
class Pictures:
    """`bucket` names the sources; `public` is the other store that results may be saved to, and its bucket's name."""

    service: Service
    find_style: Callable[[str], Plan]
    bucket: str
    public_bucket: str = ""
    public: Store | None = None
    # Held around each render: how many flows render at once on this machine.
    rendering: Callable[[], AbstractContextManager[Any]] = nullcontext

    def stat(self, key: str, *, encoded: bool = False) -> Stat:
        """What is stored under `key`; with `encoded` a key that is not there is decoded as a form's value, too.

        Raises NoSuchKey.
        """
        try:
            return self.service.sources.stat(Key.parse(key))
        except NoSuchKey:
            decoded = unquote_plus(key)
            if not encoded or decoded == key:
                raise
            return self.service.sources.stat(Key.parse(decoded))

    def plan(self, text: str) -> Plan:
        """A style's plan by `style/<name>`, or a plan in either grammar. Raises Fault and ValueError."""
        name = text.removeprefix("style/")
        return self.find_style(name) if name != text else parse_plan(text)

    def make(self, key: str, text: str, *, look_only: bool = False) -> dict[str, str]:
        """Have the results of a plan kept: one for each format that format/auto may choose.

        Gives made, kept or missing (`look_only`) by the formats' names. Raises Fault.
        """
        plan, outcomes = self.plan(text), {}
        for accepts in self._accepts(plan):
            wanted = self.service.locate(plan, Key.parse(key), accepts)
            last = wanted.plan.last("format")
            name = str(last.values[0]) if last else "own"
            if name not in outcomes:
                outcomes[name] = self._make(wanted, look_only=look_only)
        return outcomes

    def _make(self, wanted: Any, *, look_only: bool) -> str:
        try:
            self.service.results.stat(wanted.key)
        except NoSuchKey:
            if look_only:
                return "missing"
        else:
            return "kept"
        with self.rendering():
            produced = self.service.produce(wanted, unbounded=True)
        return "made" if produced.made else "kept"

    def _accepts(self, plan: Plan) -> Iterator[Callable[[str], Accepts]]:
        """One Accept header for each format that the plan may end in."""
        step = plan.last("format")
        if step is not None and step.values[0] == "auto":
            for name in self.service.auto_formats:
                yield _accepting(FORMATS[name].content_type)
        yield lambda _: (1.0, False)

    def save(self, key: str, text: str, target: Key, bucket: str = "") -> dict[str, Any]:
        """Store the result of a plan as a picture of its own. Raises Fault."""
        plan = self.plan(text) if text else Plan()
        wanted = self.service.locate(plan, Key.parse(key), lambda _: (1.0, False))
        with self.rendering():
            if bucket in ("", self.bucket):
                stat = self.service.save(wanted, target, overwrite=True)
                return {"key": stat.key, "etag": stat.etag, "bucket": self.bucket}
            store = self._store(bucket)
            produced = self.service.produce(wanted, unbounded=True)
        body = b"".join(produced.chunks)
        stat = store.put(target, _file(body), len(body), produced.content_type)
        return {"key": stat.key, "etag": stat.etag, "bucket": bucket}

    def stat_saved(self, target: Key, bucket: str = "") -> Stat:
        """What is stored where `save` would put it. Raises NoSuchKey."""
        return (self._store(bucket) if bucket not in ("", self.bucket) else self.service.sources).stat(target)

    def move(self, key: str, target: Key, bucket: str = "") -> dict[str, Any]:
        """Copy an object's very bytes and metadata to `target`, then delete it. Raises Fault."""
        store = self._store(bucket) if bucket not in ("", self.bucket) else self.service.sources
        try:
            opened = self.service.sources.open(Key.parse(key))
        except NoSuchKey:
            stat = store.stat(target)  # done before a crash came; else it says that there is no such key
            return {"key": stat.key, "etag": stat.etag}
        with ExitStack() as stack:
            stack.enter_context(opened)
            told = opened.stat
            stat = store.put(target, as_file(opened, stack), told.size, told.content_type, told.meta)
        self.service.delete(Key.parse(key))
        return {"key": stat.key, "etag": stat.etag}

    def delete(self, key: str) -> None:
        """Remove an object and all results of it; one that is gone already is none."""
        try:
            self.service.delete(Key.parse(key))
        except NoSuchKey:
            self.forget(key)

    def forget(self, key: str, before: datetime | None = None) -> int:
        """Remove the kept results of a source, or those made before a time; gives how many."""
        gone = 0
        for stat in self.service.results.list(results_of(Key.parse(key))):
            if before is None or stat.modified < before:
                self.service.results.delete(stat.key)
                gone += 1
        return gone

    def refuses(self, key: str, chosen: Filter) -> str:
        """Why the picture is not one that a rule is for; empty where it is. Raises Fault."""
        if not chosen.looks_inside:
            return ""
        with ExitStack() as stack:
            opened = stack.enter_context(self.service.sources.open(Key.parse(key)))
            source: BinaryIO = as_file(opened, stack)
            header = self.service.renderer.inspect(source, opened.stat.size)
        return chosen.refuses(header.width, header.height, header.format.name, header.frames)

    def list(self, prefix: str, after: str = "") -> Iterator[Stat]:
        """The objects below a prefix in the order of their keys, those behind `after` only."""
        return self.service.sources.list(prefix, after)

    def list_results(self, prefix: str = "") -> Iterator[Stat]:
        """All kept results."""
        return self.service.results.list(prefix)

    def _store(self, bucket: str) -> Store:
        if self.public is None or bucket != self.public_bucket:
            known = " or ".join(filter(None, (self.bucket, self.public_bucket)))
            raise InvalidArgument(f"{bucket!r} is not ours to write to", parameter="bucket", expected=known)
        return self.public


def _accepting(wish: str) -> Callable[[str], Accepts]:
    return lambda kind: (1.0 if kind == wish else 0.1, kind == wish)


def _file(body: bytes) -> BinaryIO:
    return io.BytesIO(body)
