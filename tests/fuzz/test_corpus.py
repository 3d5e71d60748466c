"""Every input of the corpus through the loops in C, under the compiler's sanitizers; `make fuzz` finds more."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.servers import ROOT, need

CORPUS = Path(__file__).with_name("corpus")
LOOPS = ROOT / "app" / "imgfn" / "imaging" / "native"
SANITIZERS = ("-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all")


@pytest.fixture(scope="module")
def compiler() -> list[str]:
    found = shlex.split(os.environ.get("CC", "cc"))
    if shutil.which(found[0]) is None:
        need("a C compiler", "apt-get install gcc libc6-dev")
    return found


def replay(compiler: list[str], loops: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    program = folder / "replay"
    sources = [str(Path(__file__).with_name("native.c")), *map(str, sorted(loops.glob("*.c")))]
    command = [*compiler, "-g", "-O1", "-DREPLAY", *SANITIZERS, "-o", str(program), *sources, "-lm"]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        need("a C compiler with sanitizers", f"apt-get install gcc libc6-dev: {made.stderr}")
    inputs = sorted(map(str, CORPUS.iterdir()))
    assert len(inputs) > 20
    return subprocess.run([program, *inputs], capture_output=True, text=True)


def test_no_input_of_the_corpus_leads_out_of_a_buffer(compiler: list[str], tmp_path: Path):
    done = replay(compiler, LOOPS, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{len(list(CORPUS.iterdir()))} inputs\n"


@pytest.mark.hard
@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("turn.c", "left <= width - 4", "left <= width - 1"),
        ("resample.c", "made->length + 3) * sizeof *made->row", "made->length) * sizeof *made->row"),
        (
            "png.c",
            "i < length; i++) out[i] = (uint8_t)(here[i] - here[i - bands])",
            "i <= length; i++) out[i] = here[i]",
        ),
    ],
)
def test_the_corpus_finds_a_step_too_far(compiler: list[str], tmp_path: Path, file: str, right: str, wrong: str):
    broken = tmp_path / "loops"
    shutil.copytree(LOOPS, broken)
    text = (broken / file).read_text()
    assert right in text
    (broken / file).write_text(text.replace(right, wrong))
    assert replay(compiler, broken, tmp_path).returncode != 0
