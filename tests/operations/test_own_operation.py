"""The README's example of an operation, installed as a distribution of somebody else's."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image

README = (Path(__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("A new operation is one function")[2]


@pytest.fixture
def site(tmp_path):
    """A folder of installed distributions with one that has the README's module and its entry point."""
    module, declaration = (re.search(rf"```{tongue}\n(.*?)```", SECTION, re.DOTALL)[1] for tongue in ("python", "toml"))
    (tmp_path / "posterize.py").write_text(module)
    about = tmp_path / "posterize-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: posterize\nVersion: 1.0\n")
    groups = tomllib.loads(declaration)["project"]["entry-points"]
    lines = [f"[{group}]\n" + "".join(f"{a} = {b}\n" for a, b in names.items()) for group, names in groups.items()]
    (about / "entry_points.txt").write_text("\n".join(lines))
    return tmp_path


def imgfn(site, *arguments):
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [str(Path(sys.executable).with_name("imgfn")), *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_example_is_about_ten_lines():
    code = re.search(r"```python\n(.*?)```", SECTION, re.DOTALL)[1]
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 10


def test_an_operation_of_another_distribution_works_from_the_command_line(site, tmp_path):
    Image.new("RGB", (8, 8), (10, 120, 250)).save(tmp_path / "in.png")
    done = imgfn(site, "proc", "posterize/1", str(tmp_path / "in.png"), str(tmp_path / "out.png"))
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "out.png").convert("RGB").getpixel((4, 4)) == (0, 0, 128)


def test_its_values_are_checked_by_its_signature(site, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "in.png")
    done = imgfn(site, "proc", "posterize/9", str(tmp_path / "in.png"), str(tmp_path / "out.png"))
    assert done.returncode != 0
    assert "from 1 to 8" in done.stderr


def test_it_is_listed_with_the_others(site):
    assert "posterize" in imgfn(site, "operations").stdout
