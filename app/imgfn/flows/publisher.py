"""What imgfn itself stores and deletes, told as events: durable before the caller is answered."""

from dataclasses import dataclass

from imgfn.core.key import Key
from imgfn.core.store import Stat
from imgfn.flows.event import Event
from imgfn.flows.journal import Journal


@dataclass(frozen=True)
class Publisher:
    """Listens to the Service (`imgfn.service.service.Listener`) and writes the journal of this machine."""

    journal: Journal
    bucket: str

    def stored(self, stat: Stat) -> None:
        """An object was stored, or the very same bytes were there. Raises StoreFull and StoreUnavailable."""
        self.journal.append([Event("created", self.bucket, stat.key, stat.etag, stat.size, source="imgfn")])

    def deleted(self, key: Key) -> None:
        """An object was deleted. Raises StoreFull and StoreUnavailable."""
        self.journal.append([Event("deleted", self.bucket, key, source="imgfn")])
