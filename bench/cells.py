"""What is measured: a cell is one pair of formats and one kind of work."""

from dataclasses import dataclass

# What the others are told: the settings of imgproxy's public harness. Ours runs with its defaults, as a bare URL does;
# encoders count quality each in its own way, so the scores and the bytes tell.
QUALITY = {"jpg": 80, "webp": 75, "avif": 65}
NAMES = {"jpg": "JPEG", "png": "PNG", "webp": "WebP", "avif": "AVIF"}
FIT, ROTATE, FILL = "fit 512", "rotate 10", "fill 300"
WORKS = (FIT, ROTATE, FILL)
PAIRS = (("jpg", "jpg"), ("png", "png"), ("webp", "webp"), ("avif", "avif"), ("jpg", "webp"), ("jpg", "avif"))

STEPS = {FIT: "resize/w_512,h_512", ROTATE: "rotate/10", FILL: "resize/w_300,h_300,m_fill"}


@dataclass(frozen=True)
class Cell:
    """One column and row of the table."""

    source: str  # the source's format
    target: str  # the result's format
    work: str

    @property
    def pair(self) -> str:
        """JPEG, or JPEG->WebP."""
        return NAMES[self.source] if self.source == self.target else f"{NAMES[self.source]}->{NAMES[self.target]}"

    @property
    def name(self) -> str:
        return f"{self.pair} {self.work}"

    @property
    def plan(self) -> str:
        """The steps in our path grammar."""
        parts = [STEPS[self.work]]
        if self.target != self.source:
            parts.append(f"format/{self.target}")
        return "/".join(parts)


CELLS = tuple(Cell(source, target, work) for work in WORKS for source, target in PAIRS)
