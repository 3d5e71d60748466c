"""What picture operations take and return: frames that are decoded when first needed, and the geometry until then."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

from PIL import Image, ImageColor

from imgfn.core.faults import InvalidArgument
from imgfn.core.formats import FORMATS, Format
from imgfn.core.output import Box, Output, Size
from imgfn.imaging import kernels
from imgfn.imaging.codecs.decode import Header, inspect
from imgfn.imaging.codecs.profile import converted, is_srgb, suits
from imgfn.imaging.limits import Limits
from imgfn.imaging.pixels import JPEG_MARGIN, JPEG_MARGIN_FOR, Pixels, load_what_there_is
from imgfn.imaging.view import STRAIGHT, Orientation, View

PNG8 = replace(FORMATS["png"], animation=False)


@dataclass(frozen=True)
class Source:
    """The file that a picture comes from, its header checked."""

    body: bytes
    header: Header
    limits: Limits
    milliseconds: dict[str, float] = field(default_factory=dict)  # `decode` is added to it
    notes: dict[str, None] = field(default_factory=dict)  # what is wrong with the file, in order; decoding adds to it

    @classmethod
    def of(cls, body: bytes, limits: Limits) -> "Source":
        """Raises what `inspect` raises."""
        header = inspect(body, limits)
        return cls(body, header, limits, notes=dict.fromkeys(header.notes))

    def load(self, view: View, still: bool, page: int | None, margin: float) -> Pixels:
        """Decode what `view` shows of all frames, or of `page` where it is `still`, without its turn."""
        start = time.perf_counter()
        try:
            pixels, notes = load_what_there_is(self.body, self.header, view, still, page, margin)
            self.notes.update(dict.fromkeys(notes))
            return pixels
        finally:
            spent = (time.perf_counter() - start) * 1000
            self.milliseconds["decode"] = self.milliseconds.get("decode", 0.0) + spent


@dataclass(frozen=True)
class Picture:
    """A picture between two steps. Methods return another one; nothing is changed in place.

    Crops, resizes and turns only edit `view`. `frames` does what is pending, at best while decoding: all frames are
    Pillow images of one size and one mode (L, RGB or RGBA).
    """

    source: Source
    view: View
    output: Output  # how the result will be written
    drawn: Pixels | None = None  # what operations made; None: still as in the source
    notes: tuple[str, ...] = ()  # what was dropped, for the caller to know
    under: Size | None = None  # the size of the picture that this one is a watermark on

    @classmethod
    def of(cls, source: Source, output: Output) -> "Picture":
        """The whole source, laid upright unless `output` says otherwise.

        Raises InvalidArgument where `output` asks for a frame that there is not.
        """
        frames = source.header.frames
        if output.frame is not None and output.frame >= frames:
            raise InvalidArgument(
                f"frame {output.frame} of an image with {frames}", parameter="frame", expected=f"at most {frames - 1}"
            )
        return cls(source, View.of(source.header.size, source.header.turn if output.upright else STRAIGHT), output)

    @property
    def size(self) -> Size:
        return self.view.size

    @property
    def width(self) -> int:
        return self.view.size[0]

    @property
    def height(self) -> int:
        return self.view.size[1]

    @property
    def header(self) -> Header:
        return self.source.header

    @property
    def format(self) -> Format:
        """What the result will be written as."""
        if self.output.format:
            # One palette cannot do for all frames of an animation.
            return PNG8 if self.output.format == "png8" else FORMATS[self.output.format]
        return self.header.format if self.header.format.written else FORMATS["png"]

    @property
    def still(self) -> bool:
        """Whether the result has one frame, whatever the source has."""
        return self.output.frame is not None or not self.format.animation

    @property
    def frame_count(self) -> int:
        return self.header.frames if self.header.animated and not self.still else 1

    @property
    def corner(self) -> str:
        """The colour of what a grown canvas shows around the picture: nothing where that can be written, else white."""
        return "00000000" if self.format.alpha else "ffffff"

    @property
    def jpeg_margin(self) -> float:
        """How many times larger than wanted a JPEG is decoded at least."""
        return JPEG_MARGIN_FOR.get(self.format.name, JPEG_MARGIN)

    @cached_property
    def pixels(self) -> Pixels:
        """The frames with all pending geometry done, and what belongs to them."""
        if self.drawn is None:
            made = self.source.load(self.view, self.still, self.output.frame, self.jpeg_margin)
            frames: Iterable[Image.Image] = made.frames
        else:
            made = self.drawn
            frames = (kernels.reshaped(frame, self.view) for frame in made.frames)
        return replace(made, frames=tuple(kernels.turned(frame, self.view.turn) for frame in frames))

    @property
    def frames(self) -> tuple[Image.Image, ...]:
        return self.pixels.frames

    def crop(self, box: Box) -> "Picture":
        """Only `box`, which lies inside the picture."""
        return replace(self, view=self.view.crop(box))

    def resize(self, size: Size) -> "Picture":
        """Scaled to exactly `size`. Raises ImageTooLarge over the limits on results."""
        self.check(size)
        view = self.view.resize(size)
        return replace(self, view=view) if view else self.settled().resize(size)

    def turned(self, turn: Orientation) -> "Picture":
        """Quarter turns and mirrors."""
        return replace(self, view=self.view.turned(turn))

    def settled(self) -> "Picture":
        """This picture with its frames made once, for what is to look at them and then go on."""
        return self.with_frames(self.frames)

    def with_frames(self, frames: Iterable[Image.Image]) -> "Picture":
        """Other frames in place of these: as many, all of one size and mode."""
        drawn = replace(self.pixels, frames=tuple(frames))
        return replace(self, drawn=drawn, view=View.of(drawn.frames[0].size))

    def map(self, change: Callable[[Image.Image], Image.Image]) -> "Picture":
        """`change` done to each frame."""
        return self.with_frames(change(frame) for frame in self.frames)

    @property
    def has_profile(self) -> bool:
        """Whether the colours are to be seen through a profile."""
        icc = self.pixels.icc
        return icc is not None and suits(icc, self.frames[0].mode) and not is_srgb(icc)

    def in_srgb(self) -> "Picture":
        """The same colours in sRGB, for what compares or weighs them."""
        if not self.has_profile:
            return self
        frames = (converted(frame, self.pixels.icc, None) for frame in self.frames)
        drawn = replace(self.pixels, frames=tuple(frames), icc=None)
        return replace(self, drawn=drawn, view=View.of(drawn.frames[0].size))

    def coloured(self) -> "Picture":
        """With frames of RGB or RGBA, which colours can be laid on: grey under a profile of its own becomes sRGB."""
        picture = self.in_srgb() if self.frames[0].mode == "L" else self
        return picture.map(lambda frame: frame.convert("RGB") if frame.mode == "L" else frame)

    def own_colour(self, colour: str) -> tuple[int, ...]:
        """A colour (RRGGBB or RRGGBBAA, in sRGB) as the values that it has in the frames of this coloured picture."""
        values = ImageColor.getrgb("#" + colour)
        if not self.has_profile:
            return values
        spot = converted(Image.new("RGB", (1, 1), values[:3]), None, self.pixels.icc)
        own = spot.getpixel((0, 0))
        return (*own, *values[3:])  # type: ignore[misc]

    def noted(self, note: str) -> "Picture":
        """With one more note for the caller. Notes travel in a header, and may repeat what the caller sent."""
        return replace(self, notes=(*self.notes, note.encode("unicode_escape").decode("ascii")))

    def check(self, size: Size) -> None:
        """Raise ImageTooLarge where a result of `size` would be over a limit."""
        self.source.limits.check_output(size, self.frame_count)

    def new_canvas(self, size: Size, colour: str) -> Image.Image:
        """An empty frame of `size` in `colour` (RRGGBB or RRGGBBAA, in sRGB) for the frames of this coloured picture.

        Every operation that grows the picture gets its room here. Raises ImageTooLarge over the limits on results.
        """
        self.check(size)
        values = self.own_colour(colour)
        return Image.new("RGBA" if len(values) == 4 else "RGB", size, values)
