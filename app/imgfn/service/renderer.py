"""The Renderer protocol: what the service needs of the render pool."""

from collections.abc import Mapping
from typing import BinaryIO, Protocol

from imgfn.core.kinds import WatermarkImage
from imgfn.core.plan import Plan
from imgfn.imaging.codecs.decode import Header
from imgfn.imaging.render import Rendered


class Renderer(Protocol):
    """Runs plans. `source` is a seekable file that is read from its start, `size` its length in bytes.

    A regular file is handed over without passing through this process's memory.
    """

    def render(self, source: BinaryIO, size: int, plan: Plan, watermarks: Mapping[WatermarkImage, bytes]) -> Rendered:
        """The result of `plan`; `watermarks` has the bytes of every watermark in `plan.watermarks`.

        Raises BadImage, ImageTooLarge, UnsupportedMediaType and InvalidArgument as the picture and the plan deserve,
        RenderTimeout past the deadline, SlowDown where too many renders wait already.
        """
        ...

    def inspect(self, source: BinaryIO, size: int) -> Header:
        """What an upload's header says, without decoding a pixel. Raises as `render` does."""
        ...

    def sandbox(self, seconds: float = 0.0) -> Mapping[str, str] | None:
        """The layers of the sandbox, each with "" where it holds in all renderers, else with the reason.

        None where no renderer has started, after `seconds` of waiting for one.
        """
        ...
