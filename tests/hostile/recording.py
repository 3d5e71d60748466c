"""A witness between the service and its real store: every call is written down before it is made."""

from collections.abc import Callable
from typing import Any

from imgfn import wiring

VERBS = ("stat", "open", "put", "delete", "list")


class Recording:
    """The store, with `say` told of every verb and its key."""

    def __init__(self, store: Any, say: Callable[[str], None]) -> None:
        self._store, self._say = store, say

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._store, name)
        if name not in VERBS:
            return verb

        def call(*arguments: Any, **options: Any) -> Any:
            self._say(f"{name} {arguments[0] if arguments else ''}")
            return verb(*arguments, **options)

        return call


def record_stores(say: Callable[[str], None]) -> Callable[..., Any]:
    """A stand-in for `wiring.build_store` whose stores are real and witnessed."""
    build = wiring.build_store

    def build_recorded(chosen: Any, area: str) -> Any:
        return Recording(build(chosen, area), lambda call: say(f"{area} {call}"))

    return build_recorded
