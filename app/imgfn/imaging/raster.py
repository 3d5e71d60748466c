"""Pixels where they lie in memory: a decoder's, and Pillow's own by way of Arrow's C interface, without a copy."""

import ctypes
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from PIL import Image

from imgfn.core.output import Box, Size
from imgfn.imaging.view import size_of, whole

# Pillow keeps what is larger than 16 MB in pieces, else, which Arrow cannot tell. The types know nothing of `core`.
Image.core.set_block_size(1 << 30)  # type: ignore[attr-defined]
BYTES = {"L": 1, "LA": 2, "RGB": 3, "RGBX": 4, "RGBA": 4}


class _ArrowArray(ctypes.Structure):
    """https://arrow.apache.org/docs/format/CDataInterface.html, as far as it is read here."""


_ArrowArray._fields_ = (
    ("counts", ctypes.c_int64 * 4),  # length, nulls, offset, buffers
    ("child_count", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_ArrowArray))),
)


class RowSource(Protocol):
    """Pixels that are read once, from the top on: they lie in memory, or are decoded meanwhile."""

    @property
    def size(self) -> Size: ...

    @property
    def layout(self) -> str:
        """L, RGB, RGBX or RGBA."""
        ...

    def cut(self, box: Box) -> Image.Image:
        """What lies in `box`, as a picture of Pillow."""
        ...

    def strips(self, box: Box) -> Iterable["Raster"]:
        """What lies in `box`, from the top on. 4 goes into the number of each one's rows, but for the last one's."""
        ...


@dataclass(frozen=True)
class Raster:
    """Rows of pixels of 8 bits for each band. `layout` is Pillow's mode, or RGBX: RGB and a byte more."""

    size: Size
    layout: str
    pixels: Any  # a buffer
    owner: object = None  # of the memory, where that is not the buffer
    first: int = 0  # byte of the first pixel
    stride: int = 0  # bytes from row to row; 0: there are no gaps

    def __post_init__(self) -> None:
        last = self.first + (self.size[1] - 1) * self.row_bytes + self.size[0] * BYTES[self.layout]
        if min(self.size) <= 0 or self.first < 0 or last > memoryview(self.pixels).nbytes:
            raise ValueError("there are no such pixels")

    @classmethod
    def of(cls, image: Image.Image) -> "Raster":
        """The pixels of a picture in L, RGB or RGBA."""
        layout = "RGBX" if image.mode == "RGB" else image.mode
        try:
            _, capsule = image.__arrow_c_array__()
        except ValueError:  # it lies in several pieces
            return cls(image.size, layout, image.tobytes("raw", layout))
        told = _ArrowArray.from_address(_pointer_in(capsule, b"arrow_array"))
        if told.child_count:  # the bands of a pixel
            told = told.children[0].contents
        count = image.width * image.height * BYTES[layout]
        return cls(image.size, layout, (ctypes.c_char * count).from_address(told.buffers[1]), capsule)

    @classmethod
    def blank(cls, mode: str, size: Size) -> tuple[Image.Image, "Raster"]:
        """A picture in L, RGB or RGBA, and its pixels, which are about to be written, every one. Raises MemoryError."""
        image = Image.new(mode, size, None)
        raster = cls.of(image)
        if raster.owner is None:
            raise MemoryError
        return image, raster

    @property
    def mode(self) -> str:
        """Pillow's for what is to be seen."""
        return "RGB" if self.layout == "RGBX" else self.layout

    @property
    def row_bytes(self) -> int:
        """Bytes from row to row."""
        return self.stride or self.size[0] * BYTES[self.layout]

    @property
    def address(self) -> int:
        """Where the first pixel lies, for as long as the raster lives."""
        if isinstance(self.pixels, bytes):
            return (ctypes.cast(ctypes.c_char_p(self.pixels), ctypes.c_void_p).value or 0) + self.first
        return ctypes.addressof(ctypes.c_char.from_buffer(self.pixels, self.first))

    def part(self, box: Box) -> "Raster":
        """What lies in `box`, where it lies."""
        if box == whole(self.size):
            return self
        first = self.first + box[1] * self.row_bytes + box[0] * BYTES[self.layout]
        return replace(self, size=size_of(box), first=first, stride=self.row_bytes)

    def cut(self, box: Box) -> Image.Image:
        """What lies in `box`, as a picture of Pillow."""
        return self.part(box).picture()

    def strips(self, box: Box) -> tuple["Raster"]:
        """What lies in `box`, all at once."""
        return (self.part(box),)

    def picture(self) -> Image.Image:
        """All of it as a picture of Pillow."""
        rows: Any = memoryview(self.pixels)[self.first :]
        # `frombuffer` copies nothing where it can. It wants whole rows, and would make of RGBX a mode of its own.
        make = Image.frombytes if self.stride or self.layout == "RGBX" else Image.frombuffer
        return make(self.mode, self.size, rows, "raw", self.layout, self.row_bytes, 1)


def _pointer_in(capsule: object, name: bytes) -> int:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    address: int = get(capsule, name)
    return address
