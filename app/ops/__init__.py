"""The operations; importing this package fills the registry."""

from app.ops import geometry, output, report

__all__ = ["geometry", "output", "report"]
