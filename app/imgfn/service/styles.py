"""Styles: plans with names, read from a TOML file or from the store, and read again when that changes."""

import re
import threading
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from imgfn.core.faults import Fault, NoSuchKey, NoSuchStyle
from imgfn.core.key import Key
from imgfn.core.plan import EMPTY, Plan, parse_oss, parse_path
from imgfn.core.store import Store
from imgfn.observability.log import log

NAME = re.compile(r"[A-Za-z0-9_.-]{1,63}")  # OSS's rule
LOOK_AGAIN_SECONDS = 1.0
MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class Document:
    """A TOML file's text and what tells that it has changed."""

    version: str
    text: str


Read = Callable[[str], Document | None]  # given the version that is known; None: still that one


class Styles:
    """Plans by name. `read` is asked again after a second; a document that is wrong leaves the styles as they were."""

    def __init__(self, read: Read, changed: Callable[[str], None] | None = None) -> None:
        self._read = read
        self._changed = changed  # hears the name of each style that becomes another plan, or goes
        self._version = ""
        self._plans: Mapping[str, Plan] = {}
        self._looked = float("-inf")
        self._mutex = threading.Lock()

    def find(self, name: str) -> Plan:
        """The plan of `name`. Raises NoSuchStyle."""
        plan = self.all().get(name)
        if plan is None:
            raise NoSuchStyle(f"no style is called {name[:80]!r}", parameter="style", expected="the name of a style")
        return plan

    def all(self) -> Mapping[str, Plan]:
        """Every style there is now."""
        with self._mutex:
            if time.monotonic() - self._looked >= LOOK_AGAIN_SECONDS:
                self._looked = time.monotonic()
                self._look()
            return self._plans

    def split(self, name: str, delimiter: str) -> tuple[str, Plan]:
        """`lena.png!thumb` -> ("lena.png", plan of thumb); without a known style at the end the name as it is."""
        key, found, style = name.rpartition(delimiter) if delimiter else ("", "", "")
        plan = self.all().get(style) if found and key else None
        return (key, plan) if plan is not None else (name, EMPTY)

    def _look(self) -> None:
        try:
            document = self._read(self._version)
            if document is not None:
                before, self._plans = self._plans, parse_styles(document.text)
                self._version = document.version
                changed = [name for name in before if before[name] != self._plans.get(name)]
                if self._changed is not None:
                    for name in changed:
                        self._changed(name)
        except (Fault, OSError, ValueError) as error:
            log.error("styles_not_read", problem=str(error), kept=len(self._plans))


def parse_styles(text: str) -> dict[str, Plan]:
    """TOML with one `name = "plan"` a line; a plan in either grammar, `image/resize,w_200` or `resize/w_200`.

    Raises ValueError that names the style at fault.
    """
    plans = {}
    for name, plan in tomllib.loads(text).items():
        if not NAME.fullmatch(name) or not isinstance(plan, str):
            raise ValueError(f'{name!r}: expected <name> = "<plan>", a name of 1 to 63 of A-Z a-z 0-9 _ . -')
        try:
            parsed, rest = (parse_oss(plan), "") if plan.startswith("image/") else parse_path(plan)
        except Fault as fault:
            raise ValueError(f"style {name!r}: {fault.detail}") from fault
        if rest or not parsed.steps:
            raise ValueError(f"style {name!r}: {plan!r} is not a plan")
        plans[name] = Plan(parsed.steps, styled=True, styles=(name,))
    return plans


def from_file(path: Path) -> Read:
    """Styles in a file of this machine."""

    def read(known: str) -> Document | None:
        state = path.stat()
        version = f"{state.st_ino}/{state.st_size}/{state.st_mtime_ns}"
        return None if version == known else Document(version, path.read_text(encoding="utf-8"))

    return read


def from_store(store: Store, key: Key) -> Read:
    """Styles in an object; none where there is no such object."""

    def read(known: str) -> Document | None:
        try:
            if store.stat(key).etag == known:
                return None
            with store.open(key) as opened:
                if opened.stat.size > MAX_BYTES:
                    raise ValueError(f"{key!r} has {opened.stat.size} bytes, at most {MAX_BYTES} are read")
                return Document(opened.stat.etag, opened.body.read().decode())
        except NoSuchKey:
            return Document("", "")

    return read
