"""Renders in the calling process: for small cloud functions and debugging. Nothing protects the caller here."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from imgfn.core.kinds import WatermarkImage
from imgfn.core.plan import Plan
from imgfn.imaging import memory
from imgfn.imaging.codecs.decode import Header, inspect
from imgfn.imaging.limits import Limits
from imgfn.imaging.render import Rendered, render
from imgfn.imaging.text.fonts import set_font_dirs
from imgfn.renderpool.sandbox.layers import LAYERS, Report


class InlineRenderer:
    """No deadline, no memory limit, no queue: the caller takes what the picture does to it."""

    def __init__(self, limits: Limits, font_dirs: Iterable[str] = ()) -> None:
        self._limits = limits
        set_font_dirs(map(Path, font_dirs))

    def sandbox(self, seconds: float = 0.0) -> Report:  # noqa: ARG002  as the pool's
        """No layer holds."""
        return dict.fromkeys((layer.name for layer in LAYERS), "IMGFN_RENDER=inline")

    def render(self, source: BinaryIO, size: int, plan: Plan, watermarks: Mapping[WatermarkImage, bytes]) -> Rendered:
        try:
            return render(_read(source, size), plan, self._limits, watermarks)
        finally:
            memory.give_back()

    def inspect(self, source: BinaryIO, size: int) -> Header:
        return inspect(_read(source, size), self._limits)


def _read(source: BinaryIO, size: int) -> bytes:
    source.seek(0)
    return source.read(size)
