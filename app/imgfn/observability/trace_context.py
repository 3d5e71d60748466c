"""The trace that a request belongs to: W3C Trace Context (https://www.w3.org/TR/trace-context/), in and out."""

import random
import re
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

# Version 00 ends after its flags; what a later version has behind them is not ours to judge.
_IDS = r"-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})"
_PARENT = re.compile(rf"00{_IDS}")
_LATER = re.compile(rf"(?!ff|00)[0-9a-f]{{2}}{_IDS}(?:-.*)?")
MOST_STATE = 512  # characters of tracestate that are passed on


@dataclass(frozen=True)
class Trace:
    """One request in its trace. `span_id` is the request's own span, or the caller's where we make none."""

    trace_id: str
    span_id: str
    sampled: bool
    parent_id: str | None = None
    state: str = ""
    began: int = field(default_factory=time.time_ns)

    @property
    def headers(self) -> Mapping[str, str]:
        """What a request to another service says, so that its spans join this trace."""
        told = {"traceparent": f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"}
        return told | {"tracestate": self.state} if self.state else told


Export = Callable[[Trace, Mapping[str, Any], int], None]  # a trace, the log line of its request, its end in ns

_current: ContextVar[Trace | None] = ContextVar("trace", default=None)
_share = 0.0
_export: Export | None = None


def trace_with(share: float, export: Export | None) -> None:
    """Trace that share of the requests, and every one whose caller has decided so. 0: none."""
    global _share, _export
    _share, _export = share, export


def begin(environ: Mapping[str, Any]) -> Trace | None:
    """The trace of the request that begins; None where tracing is off, or neither we nor the caller want one."""
    if _export is None:
        return None
    offered = environ.get("HTTP_TRACEPARENT", "")
    parent = _PARENT.fullmatch(offered) or _LATER.fullmatch(offered)
    if parent is not None:
        state = environ.get("HTTP_TRACESTATE", "")
        state = state if len(state) <= MOST_STATE and state.isprintable() else ""
        sampled = int(parent[3], 16) & 1 == 1
        own = _new_id(64) if sampled else parent[2]
        trace = Trace(parent[1], own, sampled, parent[2], state)
    elif random.random() < _share:  # noqa: S311  # no secret
        trace = Trace(_new_id(128), _new_id(64), sampled=True)
    else:
        return None
    _current.set(trace)
    return trace


def end(trace: Trace, line: Mapping[str, Any]) -> None:
    """The request has its answer, and this is its log line."""
    _current.set(None)
    if trace.sampled and _export is not None:
        _export(trace, line, time.time_ns())


def outgoing_headers() -> Mapping[str, str]:
    """Headers for a request to another service on behalf of the one that this thread runs."""
    trace = _current.get()
    return trace.headers if trace is not None else {}


def new_span_id() -> str:
    """Sixteen digits that no other span of a trace has."""
    return _new_id(64)


def _new_id(bits: int) -> str:
    return f"{random.getrandbits(bits) or 1:0{bits // 4}x}"  # no secret
