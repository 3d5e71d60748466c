"""imgfn: upload a picture, GET any transformation of it by URL.

These names are the public API, for modules that declare operations of their own (README, "Operations"):

- `operation` registers a function; its first parameter says what it takes: a `PIL.Image.Image` (called once for each
  frame), a `Picture` (all frames, geometry still pending), or an `Output` (how the result is written).
- Every other parameter is `Annotated[type, kind]` with one of the kinds `Int`, `Float`, `Choice`, `Colour`, `Flag`,
  `Text` and `ObjectKey`.
- An operation that returns a `Report` answers in words and ends its plan.
- `InvalidArgument` is what an operation raises where an argument does not suit this picture.
"""

from typing import TYPE_CHECKING, Any

from imgfn.core.faults import InvalidArgument
from imgfn.core.kinds import Choice, Colour, Flag, Float, Int, ObjectKey, Text
from imgfn.core.output import Output, Report
from imgfn.core.registry import operation

if TYPE_CHECKING:
    from imgfn.imaging.picture import Picture

__all__ = [
    "Choice",
    "Colour",
    "Flag",
    "Float",
    "Int",
    "InvalidArgument",
    "ObjectKey",
    "Output",
    "Picture",
    "Report",
    "Text",
    "operation",
]


def __getattr__(name: str) -> Any:
    """Import `Picture`, and with it Pillow, when somebody asks for it (PEP 562)."""
    if name == "Picture":
        from imgfn.imaging.picture import Picture

        return Picture
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
