import io
import os
import re
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import imgfn.ops  # noqa: F401  fills the registry
from imgfn.core.faults import NoSuchStyle
from imgfn.core.key import Key
from imgfn.core.plan import Plan, parse_oss, parse_path
from imgfn.service import styles
from imgfn.service.styles import Styles, from_file, from_store, parse_styles
from imgfn.stores.folder.store import FolderStore

THUMB = "resize/w_20,h_20,m_fill/format/webp"


@pytest.fixture(autouse=True)
def _look_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(styles, "LOOK_AGAIN_SECONDS", 0)


def test_a_style_may_be_written_in_either_grammar() -> None:
    plans = parse_styles(f'path = "{THUMB}"\noss = "image/resize,m_fill,w_20,h_20/format,webp"\n')
    assert plans["path"] == plans["oss"] == parse_path(THUMB + "/-/x")[0]
    assert plans["path"].styled


@pytest.mark.parametrize(
    "text",
    [
        'a = "rotate/400"',
        'a = "image/nope"',
        "a = 3",
        '"a b" = "rotate/1"',
        'a = "rotate/10/lena.png"',
        "a = ",
        'a = ""',
    ],
)
def test_a_wrong_document_is_refused_as_a_whole(text: str) -> None:
    with pytest.raises(ValueError):
        parse_styles('good = "rotate/10"\n' + text)


def test_a_changed_file_is_read_again_and_a_wrong_one_keeps_the_old_styles(tmp_path: Path) -> None:
    file = tmp_path / "styles.toml"
    file.write_text('thumb = "rotate/10"')
    found = Styles(from_file(file))
    assert found.find("thumb").text == "rotate/10"
    file.write_text('thumb = "rotate/20"')
    os.utime(file, ns=(1, 1))
    assert found.find("thumb").text == "rotate/20"
    file.write_text("thumb = ")
    with capture_logs() as logs:
        assert found.find("thumb").text == "rotate/20"
    assert logs[0]["event"] == "styles_not_read"


def test_styles_may_lie_in_the_store(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    found = Styles(from_store(store, Key.parse("styles.toml")))
    with pytest.raises(NoSuchStyle):
        found.find("thumb")
    for angle in (10, 20):
        text = f'thumb = "rotate/{angle}"'.encode()
        store.put(Key.parse("styles.toml"), io.BytesIO(text), len(text), "text/plain")
        assert found.find("thumb").text == f"rotate/{angle}"


def test_a_style_stands_for_its_steps_in_both_grammars(tmp_path: Path) -> None:
    file = tmp_path / "styles.toml"
    file.write_text(f'thumb = "{THUMB}"')
    find = Styles(from_file(file)).find
    plain = parse_path(THUMB + "/-/x")[0]
    plan, key = parse_path("style/thumb/a/b.png", find)
    assert (plan, key, plan.styled) == (plain, "a/b.png", True)
    assert parse_oss("style/thumb", find) == plain
    assert parse_oss("style/thumb", find).styled
    longer, _ = parse_path("rotate/90/style/thumb/a/b.png", find)
    assert (longer.text, longer.styled) == ("rotate/90/" + plain.text, False)
    with pytest.raises(NoSuchStyle):
        parse_path("style/none/x.png", find)


def test_a_name_after_the_key_is_a_style_only_if_there_is_one(tmp_path: Path) -> None:
    file = tmp_path / "styles.toml"
    file.write_text('thumb = "rotate/10"')
    found = Styles(from_file(file))
    assert found.split("a/b.png!thumb", "!") == ("a/b.png", found.find("thumb"))
    assert found.split("a/b!c.png", "!") == ("a/b!c.png", Plan())
    assert found.split("a/b.png/thumb", "/")[0] == "a/b.png"
    assert found.split("!thumb", "!") == ("!thumb", Plan())


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_the_readmes_styles_can_be_read(name: str) -> None:
    text = (Path(__file__).parents[1] / name).read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(thumb = .*?)```", text, re.DOTALL)
    assert "thumb" in parse_styles(block)
