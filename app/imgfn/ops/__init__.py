"""The operations; importing this package fills the registry."""

from importlib.metadata import entry_points

from imgfn.ops import colour, compose, geometry, output, report

__all__ = ["GROUP", "colour", "compose", "geometry", "load_operations", "output", "report"]


GROUP = "imgfn.operations"  # of entry points


def load_operations() -> None:
    """Import what other distributions name in the entry-point group `imgfn.operations`: modules with operations."""
    for entry_point in entry_points(group=GROUP):
        entry_point.load()
