"""What imgfn itself stores and deletes, told as events: durable before the caller is answered."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from imgfn.core.key import Key
from imgfn.core.store import Stat
from imgfn.flows.event import Event
from imgfn.flows.journal import Journal


@dataclass(frozen=True)
class Publisher:
    """Listens to the Service (`imgfn.service.service.Listener`) and writes the journal of this machine."""

    folder: Path
    bucket: str

    @cached_property
    def journal(self) -> Journal:
        """Made at the first event: a function that publishes nothing may have no disk."""
        return Journal(self.folder)

    def stored(self, stat: Stat) -> None:
        """An object was stored, or the very same bytes were there. Raises StoreFull and StoreUnavailable."""
        self.journal.append([Event("created", self.bucket, stat.key, stat.etag, stat.size, source="imgfn")])

    def deleted(self, key: Key) -> None:
        """An object was deleted. Raises StoreFull and StoreUnavailable."""
        self.journal.append([Event("deleted", self.bucket, key, source="imgfn")])
