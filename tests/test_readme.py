import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from imgfn.web.sample import SAMPLE
from tests.servers import ROOT, Server, runtime_folder, serving, tool

READMES = ("README.md", "README.zh.md")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("readme")) as running:
        yield running


@pytest.mark.parametrize("name", READMES)
def test_every_line_of_the_readme_works_as_printed(name: str, server: Server, tmp_path: Path):
    bash = tool("bash")
    tool("curl")
    shutil.copyfile(SAMPLE, tmp_path / "lena.png")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    script = "\n".join(blocks(read(name), "sh")).replace("http://127.0.0.1:8000", server.url)
    for line in script.splitlines():
        if line.startswith("curl"):
            line = line.replace("curl", "curl --fail --silent --show-error", 1)
        done = subprocess.run(
            [bash, "-c", line],
            cwd=tmp_path,
            env=os.environ
            | {
                "IMGFN_FOLDER": str(tmp_path / "data"),
                "IMGFN_RUNTIME_DIR": runtime_folder(tmp_path),
            },
            capture_output=True,
        )
        assert done.returncode == 0, f"{line}\n{done.stderr.decode()}"
    turned = Image.open(tmp_path / "1.png")
    assert turned.width > Image.open(SAMPLE).width
    assert turned.getpixel((0, 0))[3] == 0
    assert (Image.open(tmp_path / "2.webp").format, Image.open(tmp_path / "2.webp").width) == ("WEBP", 200)
    assert Image.open(tmp_path / "out.webp").width == 200


def test_the_four_lines_are_those_of_the_tutorial_and_those_that_serve_prints():
    lines = blocks(read("README.md"), "sh")[0]
    assert lines == blocks(read("README.zh.md"), "sh")[0]
    printed = read("app/imgfn/cli/main.py").replace("{origin}", "http://127.0.0.1:8000")
    for line in lines.splitlines():
        assert line in printed


@pytest.mark.parametrize("name", READMES)
def test_the_generated_tables_are_current(name: str):
    found = importlib.util.spec_from_file_location("fill", ROOT / "docs" / "fill.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    assert module.fill(read(name)) == read(name), "run: make docs"


def test_the_example_of_an_operation_is_one(tmp_path: Path):
    example = blocks(read("README.md"), "python")[0]
    (tmp_path / "example.py").write_text(example)
    # In a process of its own: the registry here must stay as it is.
    run = """
import io, example
from PIL import Image
from imgfn.core.plan import parse_path
from imgfn import wiring
from imgfn.config.settings import load_settings
plan, _ = parse_path("posterize/1")
source = open(SAMPLE, "rb")
rendered = wiring.build_renderer(load_settings(render="inline")).render(source, SIZE, plan, {})
assert plan.text == "posterize/1"
colours = Image.open(io.BytesIO(rendered.body)).getcolors()
assert colours is not None and len(colours) <= 8, colours
"""
    run = run.replace("SAMPLE", repr(str(SAMPLE))).replace("SIZE", str(SAMPLE.stat().st_size))
    done = subprocess.run(
        [sys.executable, "-c", run],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_every_dependency_has_its_reason():
    text = read("README.md")
    for requirement in tomllib.loads(read("pyproject.toml"))["project"]["dependencies"]:
        name = re.split(r"[<>=;\[ ]", requirement)[0]
        assert re.search(rf"^\| .*\b{name}\b.* \| \w", text, re.MULTILINE), name


@pytest.mark.parametrize("name", READMES)
def test_every_link_into_the_project_leads_somewhere(name: str):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", read(name)):
        assert (ROOT / target).exists(), target


def test_every_dependency_is_pinned_without_an_index():
    pins = read("constraints.txt").splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9.]+", pin) for pin in pins)
    pinned = {pin.partition("==")[0].lower().replace("_", "-") for pin in pins}
    project = tomllib.loads(read("pyproject.toml"))["project"]
    own = {f"{project['name']}[{extra}]" for extra in project["optional-dependencies"]}
    extras = [needed for extra in project["optional-dependencies"].values() for needed in extra if needed not in own]
    for requirement in project["dependencies"] + extras:
        assert re.split(r"[<>=;\[ ]", requirement)[0].lower() in pinned
