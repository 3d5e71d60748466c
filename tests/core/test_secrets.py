import traceback
from pathlib import Path

import pytest

from imgfn.config.settings import BadSettings, load_settings

SECRET = "correct-horse-battery"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # no .env of the developer's


def test_keys_for_signatures_have_ids(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IMGFN_SIGNING_KEYS", f"new:{SECRET}1, old:{SECRET}:2")
    assert load_settings().signing_key_secrets == {"new": f"{SECRET}1", "old": f"{SECRET}:2"}


@pytest.mark.parametrize("keys", ["", SECRET, "a:short", f"a b:{SECRET}", f"a:{SECRET},", f"a:{SECRET},a:{SECRET}x"])
def test_malformed_keys_are_refused_without_being_told(monkeypatch: pytest.MonkeyPatch, keys: str):
    monkeypatch.setenv("IMGFN_SIGNING_KEYS", keys)
    with pytest.raises(BadSettings, match="IMGFN_SIGNING_KEYS") as caught:
        load_settings()
    told = "".join(traceback.format_exception(caught.value))
    assert SECRET not in told
    assert "short" not in told


def test_a_secret_can_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "token").write_text(f"{SECRET}\n")
    for name in ("upload_token", "admin_token", "s3_secret_key"):
        monkeypatch.setenv(f"IMGFN_{name.upper()}_FILE", str(tmp_path / "token"))
        assert getattr(load_settings(), name).get_secret_value() == SECRET


def test_a_variable_beats_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "token").write_text("the file's")
    monkeypatch.setenv("IMGFN_UPLOAD_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("IMGFN_UPLOAD_TOKEN", SECRET)
    assert load_settings().upload_token.get_secret_value() == SECRET


def test_a_missing_file_of_a_secret_stops_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("IMGFN_UPLOAD_TOKEN_FILE", str(tmp_path / "none"))
    with pytest.raises(BadSettings, match=r"none.*No such file"):
        load_settings()


def test_settings_never_print_a_secret():
    settings = load_settings(upload_token=SECRET, admin_token=SECRET, signing_keys=f"a:{SECRET}", s3_secret_key=SECRET)
    assert SECRET not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_there_is_no_default_secret():
    settings = load_settings()
    assert settings.upload_token is settings.admin_token is settings.signing_keys is settings.s3_secret_key is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "images.example"])
def test_beyond_loopback_something_must_guard_the_server(host: str):
    assert load_settings(host=host).exposed
    assert load_settings(host=host, upload_token="").exposed
    assert not load_settings(host=host, upload_token=SECRET).exposed
    assert not load_settings(host=host, signing_keys=f"a:{SECRET}").exposed
    assert not load_settings(host=host, open=True).exposed


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_guard(host: str):
    assert not load_settings(host=host).exposed
