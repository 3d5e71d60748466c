"""The operator's flows: `flows/<name>.yml` beside IMGFN_FLOWS_FILE, then those that come with imgfn."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from imgfn.flows.fdl.definition import BadDefinition, Definition, load_definition

SHIPPED = Path(__file__).parent / "shipped"
EXTENSIONS = (".yml", ".yaml", ".json")


class NoSuchFlow(ValueError):
    """No file has this flow."""


class FlowFiles:
    """Flows by the names of their files. Read at each start of a run: it takes its definition along."""

    def __init__(self, folder: Path | None, resources: Collection[str]) -> None:
        self._folders = [folder, SHIPPED] if folder else [SHIPPED]
        self._resources = resources

    def names(self) -> dict[str, Path]:
        """Every flow and its file; the operator's come before those that came with imgfn."""
        found: dict[str, Path] = {}
        for folder in reversed(self._folders):
            if folder.is_dir():
                found |= {path.stem: path for path in sorted(folder.iterdir()) if path.suffix in EXTENSIONS}
        return found

    def find(self, name: str) -> dict[str, Any]:
        """The checked definition. Raises NoSuchFlow and BadDefinition."""
        path = self.names().get(name)
        if path is None:
            raise NoSuchFlow(f"no flow is called {name!r}; expected {', '.join(sorted(self.names()))}")
        return self.read(path).document

    def read(self, path: Path) -> Definition:
        """The definition in a file. Raises BadDefinition."""
        definition = load_definition(path.read_text(encoding="utf-8"), path.stem, self._resources)
        definition.document.setdefault("name", path.stem)
        return definition

    def faults(self) -> list[str]:
        """What is wrong with any of them."""
        told = []
        for name, path in self.names().items():
            try:
                self.read(path)
            except BadDefinition as error:
                told += [f"flows/{path.name}: {fault}" for fault in error.faults]
            except OSError as error:
                told.append(f"flow {name}: {error.strerror}")
        return told
