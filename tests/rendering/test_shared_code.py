"""A pool is shared by those who run the same code: after an edit nobody gets the pixels of the code before."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.servers import ROOT, runtime_folder

OPERATION = """
from PIL import Image
from imgfn import operation
from shades import SHADE

@operation()
def paint(image: Image.Image) -> Image.Image:
    "Paint it all in one shade."
    return Image.new("RGB", image.size, SHADE)
"""
# Runs a plan as `imgfn proc` does, and keeps its pool until its stdin is closed.
PROC = """
import sys
from imgfn.cli.main import main
main(["proc", "paint", "in.png", sys.argv[1]], standalone_mode=False)
print("done", flush=True)
sys.stdin.read()
"""


def write_distribution(folder: Path, colour: str) -> None:
    about = folder / "paint-1.0.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: paint\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[imgfn.operations]\npaint = paint\n")
    (folder / "paint.py").write_text(OPERATION)
    (folder / "shades.py").write_text(f'SHADE = "{colour}"\n')


@pytest.fixture
def paint(tmp_path: Path):
    """The colour that `imgfn proc paint` gives with this module path; every process of it still lives."""
    Image.new("RGB", (2, 2)).save(tmp_path / "in.png")
    started = []

    def run(*path: Path) -> tuple[int, ...]:
        target = f"{len(started)}.png"
        environ = {
            "PYTHONPATH": os.pathsep.join(map(str, (*path, ROOT))),
            "IMGFN_RUNTIME_DIR": runtime_folder(tmp_path),
        }
        started.append(
            subprocess.Popen(
                [sys.executable, "-B", "-c", PROC, target],
                cwd=tmp_path,
                env=os.environ | environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        )
        assert started[-1].stdout.readline() == b"done\n"
        return Image.open(tmp_path / target).convert("RGB").getpixel((0, 0))

    yield run
    for process in started:
        process.communicate()


@pytest.mark.parametrize("edited", ["paint.py", "shades.py"])
def test_an_edit_of_an_operation_or_of_a_module_beside_it_shows_at_once(paint, tmp_path, edited):
    folder = tmp_path / "plugin"
    write_distribution(folder, "red")
    assert paint(folder) == (255, 0, 0)
    path = folder / edited
    path.write_text(path.read_text().replace("SHADE)", '"blue")').replace('"red"', '"blue"'))
    assert paint(folder) == (0, 0, 255)


def test_an_edit_within_the_package_of_an_operation_shows_at_once(paint, tmp_path):
    folder = tmp_path / "plugin"
    write_distribution(folder, "red")
    (folder / "paint").mkdir()
    (folder / "paint.py").rename(folder / "paint" / "__init__.py")
    (folder / "shades.py").rename(folder / "paint" / "tones.py")
    (folder / "shades.py").write_text("from paint.tones import SHADE\n")
    assert paint(folder) == (255, 0, 0)
    (folder / "paint" / "tones.py").write_text('SHADE = "blue"\n')
    assert paint(folder) == (0, 0, 255)


def test_another_module_path_is_other_code(paint, tmp_path):
    write_distribution(tmp_path / "one", "red")
    write_distribution(tmp_path / "two", "blue")
    assert paint(tmp_path / "one") == (255, 0, 0)
    assert paint(tmp_path / "two", tmp_path / "one") == (0, 0, 255)
    assert paint(tmp_path / "one", tmp_path / "two") == (255, 0, 0)
