from pathlib import Path

import pytest

from imgfn.config.environment import describe_format
from imgfn.config.settings import BadSettings, Settings, load_settings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # no .env of the developer's


def test_every_bad_variable_is_told_at_once_with_format_and_default(monkeypatch: pytest.MonkeyPatch):
    bad = {
        "PORT": ("eighty", "a whole number from 0 to 65535", "8000"),
        "STORE": ("cupboard", "folder or minio", "folder"),
        "RENDER_SECONDS": ("0", "a number over 0", "10.0"),
        "KEEP_RESULTS": ("perhaps", "true or false", "true"),
        "AUTO_FORMATS": ("webp,svg", "words with commas between them", "avif,webp"),
        "RENDER_PROCESSES": ("-1", "a whole number over 0", "as many as cores"),
        "S3_RESULT_BUCKET": ("imgfn-sources", "text", "imgfn-results"),
        "ADMIN_TOKEN_FILE": ("missing", "text", "none"),
    }
    for name, (value, _, _) in bad.items():
        monkeypatch.setenv(f"IMGFN_{name}", value)
    with pytest.raises(BadSettings) as caught:
        load_settings()
    lines = str(caught.value).splitlines()
    assert len(lines) == len(bad)
    for name, (_, expected, default) in bad.items():
        line = next(line for line in lines if line.startswith(f"IMGFN_{name.removesuffix('_FILE')}:"))
        assert f"expected {expected}; default: {default}" in line


def test_lists_are_words_with_commas(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IMGFN_CORS_ORIGINS", "https://a.example, https://b.example")
    monkeypatch.setenv("IMGFN_AUTO_FORMATS", "webp")
    settings = load_settings()
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.auto_formats == ("webp",)


def test_a_dotenv_file_counts_and_the_environment_beats_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / ".env").write_text("IMGFN_PORT=8001\nIMGFN_WORKERS=7\nOTHER=1\n")
    monkeypatch.setenv("IMGFN_PORT", "8002")
    settings = load_settings()
    assert (settings.port, settings.workers) == (8002, 7)


def test_every_setting_has_a_format_and_a_help_line():
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert describe_format(field), name


@pytest.mark.parametrize(
    ("endpoint", "secure", "address"),
    [
        ("http://127.0.0.1:9000", False, "127.0.0.1:9000"),
        ("https://s3.example.com/", True, "s3.example.com"),
        ("s3.example.com:443", True, "s3.example.com:443"),
        ("http://[::1]:9000", False, "[::1]:9000"),
    ],
)
def test_an_endpoint_may_be_a_url_whose_scheme_decides(endpoint, secure, address):
    chosen = load_settings(s3_endpoint=endpoint)
    assert (chosen.s3_secure, chosen.s3_address) == (secure, address)


def test_a_plain_endpoint_leaves_the_scheme_to_its_own_setting():
    assert not load_settings(s3_endpoint="a:9000", s3_secure="false").s3_secure


@pytest.mark.parametrize("endpoint", ["http://a/bucket", "ftp://a", "", "a b", "http://user:secret@a", "a:port"])
def test_an_endpoint_that_is_none_is_refused_with_what_was_expected(endpoint):
    with pytest.raises(BadSettings, match=r"IMGFN_S3_ENDPOINT: it is neither host:port nor http://host:port"):
        load_settings(s3_endpoint=endpoint)


@pytest.mark.parametrize("link", ["tcp://10.96.0.7:80", "udp://[fd00::1]:53"])
def test_a_port_that_is_a_service_link_is_left_aside(link):
    assert load_settings(port=link).port == 8000
