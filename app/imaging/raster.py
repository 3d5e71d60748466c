"""Pixels where they lie in memory: a decoder's, and Pillow's own by way of Arrow's C interface, without a copy."""

import ctypes
from dataclasses import dataclass
from typing import Any

from PIL import Image

from app.core.picture import Box, Size
from app.imaging.view import size_of, whole

BYTES = {"L": 1, "LA": 2, "RGB": 3, "RGBX": 4, "RGBA": 4}


class _ArrowArray(ctypes.Structure):
    """https://arrow.apache.org/docs/format/CDataInterface.html, as far as it is read here."""


_ArrowArray._fields_ = (
    ("counts", ctypes.c_int64 * 4),  # length, nulls, offset, buffers
    ("child_count", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_ArrowArray))),
)


@dataclass(frozen=True)
class Raster:
    """Rows of pixels of 8 bits for each band, without gaps. `layout` is Pillow's mode, or RGBX: RGB and a byte more."""

    size: Size
    layout: str
    pixels: Any  # a buffer
    owner: object = None  # of the memory, where that is not the buffer

    def __post_init__(self) -> None:
        if memoryview(self.pixels).nbytes != self.row_bytes * self.size[1]:
            raise ValueError("the pixels do not fill the picture")

    @classmethod
    def of(cls, image: Image.Image) -> "Raster":
        """The pixels of a picture in L, RGB or RGBA."""
        layout = "RGBX" if image.mode == "RGB" else image.mode
        try:
            _, capsule = image.__arrow_c_array__()
        except ValueError:  # the large ones lie in several pieces
            return cls(image.size, layout, image.tobytes("raw", layout))
        told = _ArrowArray.from_address(_pointer_in(capsule, b"arrow_array"))
        if told.child_count:  # the bands of a pixel
            told = told.children[0].contents
        count = image.width * image.height * BYTES[layout]
        return cls(image.size, layout, (ctypes.c_char * count).from_address(told.buffers[1]), capsule)

    @property
    def mode(self) -> str:
        """Pillow's for what is to be seen."""
        return "RGB" if self.layout == "RGBX" else self.layout

    @property
    def pixel_bytes(self) -> int:
        return BYTES[self.layout]

    @property
    def row_bytes(self) -> int:
        return self.size[0] * self.pixel_bytes

    @property
    def address(self) -> int:
        """Where the first byte lies, for as long as the raster lives."""
        if isinstance(self.pixels, bytes):
            return ctypes.cast(ctypes.c_char_p(self.pixels), ctypes.c_void_p).value or 0
        return ctypes.addressof(ctypes.c_char.from_buffer(self.pixels))

    def cut(self, box: Box) -> Image.Image:
        """What lies in `box`, as a picture of Pillow."""
        left, top, _, _ = box
        rows: Any = memoryview(self.pixels)[top * self.row_bytes + left * self.pixel_bytes :]
        # `frombuffer` would make of RGBX a mode of its own.
        make = Image.frombytes if self.layout == "RGBX" else Image.frombuffer
        return make(self.mode, size_of(box), rows, "raw", self.layout, self.row_bytes, 1)

    def picture(self) -> Image.Image:
        """All of it."""
        return self.cut(whole(self.size))


def _pointer_in(capsule: object, name: bytes) -> int:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    address: int = get(capsule, name)
    return address
