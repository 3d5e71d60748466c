"""Private folders: short enough for sockets, and nobody else's."""

import os
import socket
import tempfile
from pathlib import Path

import pytest

from imgfn.config.settings import BadSettings, load_settings
from imgfn.process.private_folder import (
    NAME_CHARACTERS,
    SOCKET_CHARACTERS,
    longest_parent_bytes,
    private_folder,
    temporary_folder,
)


@pytest.fixture
def parent():
    with tempfile.TemporaryDirectory(prefix="imgfn-") as folder:
        yield Path(folder)


def as_long_as(parent: Path, length: int) -> Path:
    return parent / ("x" * (length - len(str(parent)) - 1))


def test_the_longest_folder_has_room_for_a_socket(parent: Path):
    folder = private_folder(as_long_as(parent, longest_parent_bytes()), "n" * NAME_CHARACTERS)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / ("s" * SOCKET_CHARACTERS)))


def test_a_setting_that_is_a_byte_too_long_is_refused_in_bytes_not_characters(parent: Path, monkeypatch):
    longest = as_long_as(parent, longest_parent_bytes())
    monkeypatch.setenv("IMGFN_RUNTIME_DIR", str(longest))
    assert load_settings().runtime_dir == longest
    for too_long in (f"{longest}x", str(longest)[:-1] + "é"):
        monkeypatch.setenv("IMGFN_RUNTIME_DIR", too_long)
        with pytest.raises(BadSettings, match=f"IMGFN_RUNTIME_DIR: .*at most {longest_parent_bytes()}"):
            load_settings()


@pytest.fixture
def long_tmpdir(parent: Path, monkeypatch):
    folder = parent / ("x" * 80)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.delenv("IMGFN_RUNTIME_DIR", raising=False)
    return folder


def test_a_long_tmpdir_gives_way_to_a_shorter_place(long_tmpdir: Path):
    folder = private_folder(None, "tests-of-imgfn")
    folder.rmdir()
    assert folder.parent == temporary_folder() == Path("/tmp")
    assert load_settings().runtime_dir is None


def test_a_long_tmpdir_and_no_other_place_is_a_settings_error(long_tmpdir: Path, monkeypatch):
    monkeypatch.setattr("imgfn.process.private_folder.SHORT_FOLDERS", ())
    with pytest.raises(BadSettings, match=r"IMGFN_RUNTIME_DIR: the path of the temporary folder .* is too long"):
        load_settings()


def test_a_folder_that_others_may_enter_is_refused(parent: Path):
    (parent / f"imgfn-{os.geteuid()}-x").mkdir()
    (parent / f"imgfn-{os.geteuid()}-x").chmod(0o755)
    with pytest.raises(RuntimeError, match="nobody else can enter"):
        private_folder(parent, "x")
