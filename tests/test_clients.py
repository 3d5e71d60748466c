"""The modules that both clients share, tested where they run: in JavaScript."""

import json
import subprocess
from pathlib import Path

import pytest

import imgfn.ops  # noqa: F401  fills the registry
from imgfn.core.plan import parse_path
from imgfn.core.registry import REGISTRY
from imgfn.http.openapi import operations_document
from tests.servers import tool

ROOT = Path(__file__).parents[1]
CLIENTS = ROOT / "tests" / "clients"

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def node() -> str:
    return tool("node")


def test_the_shared_modules_pass_their_own_tests(node):
    tests = sorted(str(path) for path in CLIENTS.glob("*.test.js"))
    run = subprocess.run([node, "--test", *tests], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_client_and_server_agree_on_every_canonical_text(node, tmp_path):
    texts = [f"{operation.name}/{operation.example}" for operation in REGISTRY if operation.example]
    for operation in REGISTRY:
        for param in operation.params:
            if operation.one_of and param.key not in operation.one_of:
                continue
            if any(other.required and other is not param for other in operation.params):
                continue
            texts += [f"{operation.name}/{param.key}_{good}" for good in param.kind.good()]
    (tmp_path / "operations.json").write_text(json.dumps(operations_document()))
    (tmp_path / "texts.json").write_text(json.dumps(texts))

    run = subprocess.run(
        [node, str(CLIENTS / "canonical.js"), str(tmp_path)], capture_output=True, text=True, check=True
    )

    assert json.loads(run.stdout) == [parse_path(text)[0].text for text in texts]
