"""From events to runs: which rules an event meets, and which events say nothing new."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from imgfn.flows.definitions import NoSuchFlow
from imgfn.flows.derive import describe
from imgfn.flows.event import Event, run_id
from imgfn.flows.fdl.definition import BadDefinition
from imgfn.flows.rules import Rules

KEYS_REMEMBERED = 100_000
DERIVE, FLOWS = "derive", "flows"  # queues

Start = Callable[..., bool]  # Engine.start


class Definitions(Protocol):
    """The flows that can be started."""

    def find(self, name: str) -> Mapping[str, Any]:
        """A checked definition. Raises NoSuchFlow and BadDefinition."""
        ...


class Dispatcher:
    """Starts the runs that events ask for. `bucket` is the one whose events concern us.

    What each event came to is counted in `outcomes`: started, known (a run was there), stale (a later event of the same
    key came before), foreign (another bucket), unmatched.
    """

    def __init__(self, start: Start, bucket: str, definitions: Definitions) -> None:
        self._start, self._bucket, self._definitions = start, bucket, definitions
        self._last: OrderedDict[str, str] = OrderedDict()
        self.outcomes: Counter[tuple[str, str]] = Counter()

    def dispatch(self, events: Iterable[Event], rules: Rules) -> None:
        """Start what these events ask for; of several of one key only what the last of them asks for.

        Raises what the engine raises: then nothing is lost, as long as the caller tries again with all of them.
        """
        for event in self._newest(events):
            started = [*self._start_for(event, rules)]
            outcome = "started" if any(started) else "known" if started else "unmatched"
            self.outcomes[event.source, outcome] += 1

    def _newest(self, events: Iterable[Event]) -> list[Event]:
        """The last event of each key, in their order."""
        newest: OrderedDict[str, Event] = OrderedDict()
        for event in events:
            if event.bucket != self._bucket:
                self.outcomes[event.source, "foreign"] += 1
                continue
            earlier = newest.get(event.key)
            known = earlier.sequencer if earlier and earlier.sequencer else self._last.get(event.key, "")
            if event.is_older_than(known):
                self.outcomes[event.source, "stale"] += 1
                continue
            if earlier is not None:
                self.outcomes[event.source, "stale"] += 1
            newest[event.key] = event
            newest.move_to_end(event.key)
            if event.sequencer:
                self._last[event.key] = event.sequencer
                self._last.move_to_end(event.key)
                if len(self._last) > KEYS_REMEMBERED:
                    self._last.popitem(last=False)
        return list(newest.values())

    def _start_for(self, event: Event, rules: Rules) -> Iterable[bool]:
        told = event.to_json()
        if event.kind == "deleted":
            # imgfn's own deletes have removed the results already.
            if event.source != "imgfn":
                yield self._start("tidy", run_id("tidy", event), {"event": told}, DERIVE)
            return
        derives = rules.derive_for(event)
        for rule in derives:
            work = {"event": told, "rule": describe(rule)}
            yield self._start("derive", run_id("derive", event, rule.digest), work, DERIVE)
        if not derives and event.source != "imgfn":
            yield self._start("tidy", run_id("tidy", event), {"event": told}, DERIVE)
        for flow in rules.flows_for(event):
            try:
                document: Mapping[str, Any] = self._definitions.find(flow.start)
            except (NoSuchFlow, BadDefinition):
                document = {}  # a person sees the run fail, mends the file, and has it done again
            given: dict[str, Any] = {
                "event": told,
                "flow": flow.start,
                "definition": document,
                "input": dict(flow.input),
            }
            seconds = document.get("timeoutSeconds")
            yield self._start("flow", run_id("flow", event, flow.digest), given, FLOWS, timeout=seconds)
