"""The signers of docs/security.md and the command: whatever signs, the server believes it."""

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from imgfn.http.signing import verify
from tests.servers import ROOT, serving, tool

SECRET = "schlüssel-number-one"
TARGETS = [
    "/proc/rotate/10/lena.png",
    "/proc/%E5%9B%BE%201.png?x-oss-process=image/resize,w_20",
    "/upload/a?max-bytes=9",
]


def documented(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", (ROOT / "docs" / "security.md").read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def in_python(target: str) -> str:
    names: dict[str, Callable[..., str]] = {}
    exec(documented("python"), names)
    return names["sign"](target, "a", SECRET)


def in_javascript(target: str) -> str:
    node = tool("node")
    program = f"{documented('js')}\nconsole.log(sign({target!r}, 'a', {SECRET!r}))"
    return subprocess.run(
        [node, "--input-type=module", "-e", program], check=True, capture_output=True, text=True
    ).stdout.strip()


def by_command(target: str, *options: str) -> str:
    return subprocess.run(
        [str(Path(sys.executable).parent / "imgfn"), "sign", target, *options],
        check=True,
        capture_output=True,
        text=True,
        env={"IMGFN_SIGNING_KEYS": f"a:{SECRET},b:another-secret-of-ours"},
    ).stdout.strip()


@pytest.mark.parametrize("signer", [in_python, in_javascript, by_command])
@pytest.mark.parametrize("target", TARGETS)
def test_every_signer_is_believed(signer: Callable[[str], str], target: str):
    signed = signer(target)
    assert signed.startswith(target)
    assert verify(signed, {"a": SECRET}) == pytest.approx(time.time() + 3600, abs=60)


def test_the_command_takes_a_time_and_a_key_and_encodes_names():
    signed = by_command("/proc/图 1.png", "--seconds", "60", "--key-id", "b")
    assert signed.startswith("/proc/%E5%9B%BE%201.png?expires=")
    assert verify(signed, {"b": "another-secret-of-ours"}) == pytest.approx(time.time() + 60, abs=30)


def test_a_signed_url_works_on_the_real_server(tmp_path: Path, photo: bytes):
    settings = {"signing_keys": f"a:{SECRET}", "access": "signed-only"}
    with serving(tmp_path, **settings) as server:
        grant = in_javascript(f"/upload/%E5%9B%BE.png?max-bytes={len(photo)}&type=image/png")
        assert server.ask(grant, "PUT", photo).status == 201
        signed = in_python("/proc/rotate/10/%E5%9B%BE.png?x-oss-process=image/resize,w_20")
        for prefix in ("", "/2016-08-15/proxy/pydemo"):
            assert server.ask(prefix + signed).status == 200
            assert server.ask(prefix + signed.replace("w_20", "w_21")).status == 403
            assert server.ask(prefix + signed.replace("%E5", "%e5")).status == 403
        assert SECRET not in server.log
        assert signed.rpartition(".")[2] not in server.log


def test_a_server_that_strangers_could_reach_needs_a_guard(tmp_path: Path):
    with pytest.raises(RuntimeError, match="IMGFN_UPLOAD_TOKEN"), serving(tmp_path, host="0.0.0.0"):
        pass
    with serving(tmp_path, host="0.0.0.0", open="1") as server:
        assert server.ask("/healthz").status == 200
