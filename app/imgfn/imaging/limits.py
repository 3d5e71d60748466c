"""What is allowed of a source and of a result: every pixel limit, and the faults that name them."""

from dataclasses import dataclass

from imgfn.core.faults import ImageTooLarge
from imgfn.core.output import Size


@dataclass(frozen=True)
class Limits:
    """Bounds that hold before anything is decoded or allocated. Sides and pixels are counted in pixels."""

    max_pixels: int = 50_000_000  # width x height x frames
    max_side: int = 30_000
    max_frames: int = 500
    max_scans: int = 100  # of a progressive JPEG
    max_output_side: int = 16_384
    max_output_pixels: int = 16_777_216  # of one frame
    max_seconds: float | None = None  # that a render may be expected to take
    strict: bool = False  # refuse what is damaged, not show it as far as it goes

    def check_source(self, size: Size, frames: int = 1) -> None:
        """Raise ImageTooLarge where a source of `frames` frames of `size` is over a limit."""
        width, height = size
        if max(size) > self.max_side:
            raise _too_large(f"the image is {width}x{height}", f"sides of at most {self.max_side} pixels")
        if frames > self.max_frames:
            raise _too_large("the image has too many frames", f"at most {self.max_frames} frames")
        if width * height * frames > self.max_pixels:
            raise _too_large(f"the image has {width}x{height}x{frames} pixels", f"at most {self.max_pixels} pixels")

    def check_output(self, size: Size, frames: int = 1) -> None:
        """Raise ImageTooLarge where a result of `frames` frames of `size` would be over a limit."""
        width, height = size
        if max(size) > self.max_output_side:
            raise _too_large(f"the result would be {width}x{height}", f"sides of at most {self.max_output_side} pixels")
        if width * height > self.max_output_pixels:
            raise _too_large(f"the result would be {width}x{height}", f"at most {self.max_output_pixels} pixels")
        if width * height * frames > self.max_pixels:
            raise _too_large(
                f"the result would have {frames} frames of {width}x{height}", f"at most {self.max_pixels} pixels"
            )


def _too_large(detail: str, expected: str) -> ImageTooLarge:
    return ImageTooLarge(f"{detail}; expected {expected}", expected=expected)
