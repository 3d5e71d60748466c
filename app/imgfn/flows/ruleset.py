"""The rules in force: IMGFN_FLOWS_FILE, read again when it changes. A wrong file leaves the rules as they were."""

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from imgfn.core.plan import Plan
from imgfn.flows.definitions import FlowFiles
from imgfn.flows.rules import BadRules, Rules
from imgfn.flows.rules_file import parse_rules
from imgfn.observability.log import log

LOOK_AGAIN_SECONDS = 1.0


class Styles(Protocol):
    """What knows the styles: imgfn.service.styles.Styles."""

    def all(self) -> Mapping[str, Plan]:
        """Every style there is now, by its name."""
        ...


class RuleFile:
    """Rules in `path`; `styles` are asked for their names, `flows` for theirs. None: no rules."""

    def __init__(self, path: Path | None, flows: FlowFiles, styles: Styles) -> None:
        self._path, self._flows, self._styles = path, flows, styles
        self._rules = Rules()
        self._version = ""
        self._looked = float("-inf")
        self._mutex = threading.Lock()
        self.faults: list[str] = []

    def load(self) -> Rules:
        """Read the file now. Raises BadRules, of a file that is not there too."""
        if self._path is None:
            return Rules()
        try:
            text = self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadRules([f"IMGFN_FLOWS_FILE {self._path}: {error}"]) from error
        faults = self._flows.faults()
        try:
            rules = parse_rules(text, styles=self._styles.all(), flows=self._flows.names())
        except BadRules as error:
            raise BadRules(error.faults + faults) from error
        if faults:
            raise BadRules(faults)
        return rules

    def rules(self) -> Rules:
        """The rules in force; looks at the file at most once a second."""
        with self._mutex:
            if self._path is not None and time.monotonic() - self._looked >= LOOK_AGAIN_SECONDS:
                self._looked = time.monotonic()
                self._look()
            return self._rules

    @property
    def version(self) -> str:
        """Another one whenever the file was read anew."""
        return self._version

    def _look(self) -> None:
        try:
            state = self._path.stat() if self._path else None
            version = f"{state.st_ino}/{state.st_size}/{state.st_mtime_ns}" if state else ""
            if version == self._version:
                return
            self._version = version
            self._rules, self.faults = self.load(), []
            log.info("rules_read", file=str(self._path), derive=len(self._rules.derive), flow=len(self._rules.flow))
        except OSError as error:
            self.faults = [f"IMGFN_FLOWS_FILE {self._path}: {error.strerror}"]
        except BadRules as error:
            self.faults = error.faults
            log.error("rules_not_read", file=str(self._path), faults=error.faults)
