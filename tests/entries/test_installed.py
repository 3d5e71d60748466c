"""The wheel as people install it: one package, and no file of the folder that it is started in ever runs."""

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from tests.servers import need, serving

ROOT = Path(__file__).parents[2]
STRANGERS = [
    *("app.py", "imgfn.py", "functions.py", "gunicorn.py", "gunicorn.conf.py", "sitecustomize.py", "wsgi.py"),
    *("app/__init__.py", "functions/__init__.py", "functions/proc.py", "functions/upload.py", "PIL/__init__.py"),
]
OPERATIONS = """
from typing import Annotated

from PIL import Image

from imgfn import Int, Output, Picture, Report, operation


@operation(example="3")
def posterized(image: Image.Image, bits: Annotated[int, Int(1, 8)]) -> Image.Image:
    return image


@operation()
def measured(picture: Picture) -> Report:
    return Report("text/plain", str(picture.size).encode())


@operation()
def unchanged(output: Output) -> Output:
    return output
"""
WHERE = """
import functions.proc, functions.upload, imgfn, json
print(json.dumps([imgfn.__file__, functions.proc.__file__]))
"""


@pytest.fixture
def photo() -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    made = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
    )
    if made.returncode:
        need("a wheel", f"pip could not build one here (it fetches hatchling): {made.stderr[-300:]}")
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder with the wheel in it, before everything else on the module path of `run`."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), str(wheel)],
        check=True,
    )
    return folder


def run(installed: Path, *command: str, cwd: Path) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | {"PYTHONPATH": str(installed)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_has_one_package_and_its_command(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (record,) = (name for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
        names = [row[0] for row in csv.reader(archive.read(record).decode().splitlines())]
    assert {name.partition("/")[0] for name in names} == {"imgfn", record.partition("/")[0]}
    assert {"imgfn/py.typed", "imgfn/functions/proc.py", "imgfn/functions/upload.py"} <= set(names)
    assert {name for name in names if name.startswith("imgfn/web/playground/lib/")} == {
        f"imgfn/web/playground/lib/{path.name}" for path in (ROOT / "miniprogram" / "lib").glob("*.js")
    }


def test_the_root_of_the_package_has_at_most_four_modules():
    assert len(list((ROOT / "app" / "imgfn").glob("*.py"))) <= 4


def test_the_installed_functions_are_those_of_the_clone(installed):
    for name in ("proc.py", "upload.py"):
        assert (installed / "imgfn/functions" / name).read_bytes() == (ROOT / "functions" / name).read_bytes()


@pytest.fixture
def strangers(tmp_path) -> tuple[Path, Path]:
    """A folder of somebody else's modules, each of which says that it ran; and the file where they say it."""
    folder, witness = tmp_path / "x", tmp_path / "witness"
    for name in STRANGERS:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"open({str(witness)!r}, 'a').write({name!r} + '\\n')\nraise SystemExit({name!r})\n")
    return folder, witness


@pytest.mark.parametrize("command", [["doctor"], ["operations"], ["proc", "rotate/90", "lena.png", "out.png"]])
def test_no_command_runs_a_strangers_module(installed, strangers, command, photo):
    folder, witness = strangers
    (folder / "lena.png").write_bytes(photo)
    run(installed, sys.executable, str(installed / "bin" / "imgfn"), *command, cwd=folder)
    assert not witness.exists()


def test_serve_runs_no_strangers_module(installed, strangers, photo):
    folder, witness = strangers
    with serving(folder, command=[str(installed / "bin" / "imgfn"), "serve"], module_path=installed) as server:
        assert server.ask("/upload/a.png", "PUT", photo).status == 201
        assert server.ask("/proc/rotate/10/a.png").status == 200
        where = run(installed, sys.executable, "-P", "-c", "import imgfn; print(imgfn.__file__)", cwd=folder)
        assert Path(where.strip()) == installed / "imgfn" / "__init__.py"
    assert not witness.exists()


def test_the_package_is_typed_for_those_who_declare_operations(installed, tmp_path):
    (tmp_path / "mine.py").write_text(OPERATIONS)
    done = run(installed, sys.executable, "-m", "mypy", "--strict", "--no-incremental", "mine.py", cwd=tmp_path)
    assert "Success" in done


def test_what_function_compute_gets_answers_from_one_folder(installed, tmp_path):
    """As `make fc-code` lays it: the package, and the functions beside it."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "imgfn").symlink_to(installed / "imgfn")
    (code / "functions").symlink_to(ROOT / "functions")
    package, function = json.loads(run(code, sys.executable, "-P", "-c", WHERE, cwd=tmp_path))
    assert Path(package).is_relative_to(code)
    assert Path(function).is_relative_to(code)
