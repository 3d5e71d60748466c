"""What happened to an object, whoever tells of it."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["created", "deleted"]


@dataclass(frozen=True)
class Event:
    """An object was created (or replaced), or deleted.

    `etag` and `sequencer` are empty where the sender does not tell them. `sequencer` is S3's: hexadecimal, and it grows
    with each change of one key (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).
    """

    kind: Kind
    bucket: str
    key: str
    etag: str = ""
    size: int | None = None  # bytes
    sequencer: str = ""
    source: str = ""  # who told: s3, oss or imgfn
    time: str = ""  # ISO 8601, as the sender wrote it

    def to_json(self) -> dict[str, Any]:
        """A dictionary that `from_json` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Event":
        """The event that `to_json` described. Raises TypeError where it is no event."""
        return cls(**told)

    def is_older_than(self, sequencer: str) -> bool:
        """Whether `sequencer`, of another event of the same key, is later than this one's."""
        if not self.sequencer or not sequencer:
            return False
        width = max(len(self.sequencer), len(sequencer))  # S3: pad the shorter one with zeros on the right
        return self.sequencer.ljust(width, "0").lower() < sequencer.ljust(width, "0").lower()


def run_id(kind: str, event: Event, digest: str = "") -> str:
    """The name of the run for one version of one object and one rule: the same event twice is one run.

    Keys have up to 1,023 bytes of any text, so the name has a hash of them.
    """
    facts = "\n".join((event.bucket, event.key, event.etag or event.sequencer or event.time, digest))
    return f"{kind}-{hashlib.sha256(facts.encode()).hexdigest()[:32]}"
