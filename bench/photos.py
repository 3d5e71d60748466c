"""The sources: real photographs under free licences, and the files that are made of them."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "imgfn" / "bench"
SIDE = 2040  # px, the longest side of the photographs in imgproxy's public harness
AT_LEAST = 24

# Photographs only, each at least 2000 px wide or high. Licences stand in each package's debian/copyright and metadata:
# CC BY 4.0, CC BY-SA 4.0 and CC0 (lomiri), GPL-2+ (mate), LGPL-3 (plasma).
PACKAGES = {
    "lomiri-wallpapers-16.04": (
        *("Bridge_by_Sander_Klootwijk", "Dragonfly_by_Bolly", "Picture_0B_by_freespace", "Wine_by_Jakkub_Mede"),
        *("aitzgorri_by_Aitzol_Berasategi", "free_by_Peter_Nerlich", "friends_by_Aitzol_Berasategi"),
        *("greentock_by_Peter_Nerlich", "life_by_Aitzol_Berasategi", "picosdeeuropa_by_Aitzol_Berasategi"),
        *("seeding_by_Clements_Engelhardt", "sunset_by_Aitzol_Berasategi"),
    ),
    "mate-backgrounds": ("nature/Aqua", "nature/Garden", "nature/LadyBird", "nature/TwoWings", "nature/YellowFlower"),
    "plasma-workspace-wallpapers": tuple(
        f"{name}/contents/images/2560x1600"
        for name in ("BytheWater", "ColorfulCups", "EveningGlow", "FallenLeaf", "Grey", "OneStandsOut", "Path")
    ),
}

WRITTEN = {
    "jpg": ("JPEG", {"quality": 90}),
    "png": ("PNG", {"compress_level": 6}),
    "webp": ("WEBP", {"quality": 90, "method": 4}),
    "avif": ("AVIF", {"quality": 85, "speed": 8}),
}


def photographs(folder: Path | None) -> list[Path]:
    """At least 24 photographs: those of `folder`, else of Debian's packages, downloaded once."""
    found = sorted(folder.glob("*.jpg")) if folder else [path for name in PACKAGES for path in _packaged(name)]
    if len(found) < AT_LEAST:
        raise SystemExit(f"{len(found)} photographs in {folder}; at least {AT_LEAST} *.jpg are needed")
    return found


def _packaged(package: str) -> list[Path]:
    folder = CACHE / "packages" / package
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-q", package], cwd=folder.parent, check=True)
        archive = next(folder.parent.glob(f"{package}_*.deb"))
        subprocess.run(["dpkg-deb", "-x", archive, folder], check=True)
    return [next(folder.rglob(f"{name}.jpg")) for name in PACKAGES[package]]


class Sources:
    """The files that all contenders are given, made once and kept in the cache."""

    def __init__(self, folder: Path | None) -> None:
        self.photographs = photographs(folder)
        self._folder = CACHE / "sources" / (folder.resolve().name if folder else "debian")
        self._folder.mkdir(parents=True, exist_ok=True)

    def of(self, format_name: str) -> list[Path]:
        """Each photograph, 2040 px, in one format."""
        return [self._made(photo, index, format_name) for index, photo in enumerate(self.photographs)]

    def medium(self) -> Path:
        """A JPEG of 12 megapixels, 4000 x 3000: four photographs side by side."""
        return self._mosaic("medium-12mp.jpg", self.photographs[:4], columns=2, tile=(2000, 1500))

    def large(self) -> Path:
        """A PNG just under 50 megapixels, 8640 x 5760: 24 photographs side by side."""
        return self._mosaic("large-50mp.png", self.photographs[:24], columns=6, tile=(1440, 1440))

    def _made(self, photo: Path, index: int, format_name: str) -> Path:
        path = self._folder / f"photo-{index:02}.{format_name}"
        if not path.exists():
            image = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
            image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
            _save(image, path)
        return path

    def _mosaic(self, name: str, photos: Sequence[Path], columns: int, tile: tuple[int, int]) -> Path:
        path = self._folder / name
        if not path.exists():
            page = Image.new("RGB", (tile[0] * columns, tile[1] * (len(photos) // columns)))
            for index, photo in enumerate(photos):
                cut = ImageOps.fit(Image.open(photo).convert("RGB"), tile, Image.Resampling.LANCZOS)
                page.paste(cut, (index % columns * tile[0], index // columns * tile[1]))
            _save(page, path)
        return path


def _save(image: Image.Image, path: Path) -> None:
    format_name, options = WRITTEN[path.suffix[1:]]
    half = path.with_suffix(".half")
    image.save(half, format_name, **options)  # without EXIF and profile: those are not what is measured
    half.rename(path)
