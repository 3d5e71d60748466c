"""What has changed, in the words of caches: tags that answers carry, and paths."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from imgfn.core.key import Key

SAFE = "/!~"  # stands in a path as it is


@dataclass(frozen=True)
class Change:
    """Every answer with one of the `tags` is out of date.

    For caches without tags: `paths` of those answers that can be named (the original and its styles), and `prefixes` of
    paths that are all out of date.
    """

    tags: tuple[str, ...]
    paths: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    def __add__(self, other: "Change") -> "Change":
        """Both, each thing once."""
        return Change(
            tuple(dict.fromkeys(self.tags + other.tags)),
            tuple(dict.fromkeys(self.paths + other.paths)),
            tuple(dict.fromkeys(self.prefixes + other.prefixes)),
        )


def tag_of_key(key: str) -> str:
    """The tag of all that is made of this source: short, and of characters that every cache takes."""
    return f"k-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def tag_of_style(name: str) -> str:
    """The tag of all that is made by this style; OSS's rule lets no character into a name that a tag may not have."""
    return f"s-{name}"


def change_of_key(key: Key, styles: Iterable[str], delimiter: str, *, at_root: bool) -> Change:
    """A source was replaced or deleted. `at_root`: /<key> is served, as OSS does."""
    name = quote(key, safe=SAFE)
    names = [name, *(f"{name}{delimiter}{style}" for style in styles if delimiter)]
    paths = [f"/proc/{each}" for each in names]
    paths += [f"/proc/style/{style}/{name}" for style in styles]
    paths += [f"/{each}" for each in names] if at_root else []
    return Change((tag_of_key(key),), tuple(paths))


def change_of_style(name: str) -> Change:
    """A style has become another plan, or is gone."""
    return Change((tag_of_style(name),), prefixes=(f"/proc/style/{name}/",))
