"""Function Compute's OSS trigger: functions/derive.py."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from imgfn import wiring
from imgfn.core.key import Key
from imgfn.functions import derive
from imgfn.stores.folder.store import FolderStore
from tests.flows.test_notifications import oss
from tests.flows.working import picture

RULES = """
[[derive]]
prefix = "in/"
styles = ["thumb"]
[[derive]]
prefix = "in/"
plan = "resize/w_8/format/webp"
saveas = "out/{stem}.webp"
"""


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FolderStore]:
    (tmp_path / "rules.toml").write_text(RULES)
    (tmp_path / "styles.toml").write_text('thumb = "resize/w_16/format/webp"')
    own = {"flows_file": "rules.toml", "styles_file": "styles.toml", "folder": "data", "runtime_dir": "run"}
    for name, value in own.items():
        monkeypatch.setenv(f"IMGFN_{name.upper()}", str(tmp_path / value))
    monkeypatch.setenv("IMGFN_RENDER", "inline")
    caches: tuple[Callable[..., Any], ...] = (wiring.settings, wiring.service, wiring.styles, derive._rules)
    for cached in caches:
        cached.cache_clear()  # type: ignore[attr-defined]
    yield FolderStore(tmp_path / "data" / "sources")
    for cached in caches:
        cached.cache_clear()  # type: ignore[attr-defined]


def put(store: FolderStore, key: str, body: bytes) -> str:
    import io

    return store.put(Key(key), io.BytesIO(body), len(body), "image/png").etag


def event(key: str, etag: str, name: str = "ObjectCreated:PutObject", bucket: str = "imgfn-sources") -> bytes:
    told = oss(key, name)
    told["events"][0]["oss"]["object"]["eTag"] = etag.upper()
    told["events"][0]["oss"]["bucket"]["name"] = bucket
    return json.dumps(told).encode()


def kept(sources: FolderStore, key: str) -> int:
    return len([*wiring.service().results.list(f"{key}/")])


def test_what_the_rules_ask_for_is_made_in_the_call(sources: FolderStore, tmp_path: Path) -> None:
    derive.initializer(None)
    told = json.loads(derive.handler(event("in/a.png", put(sources, "in/a.png", picture())), None))
    assert [rule["outcome"] for rule in told["outcomes"][0]["rules"]] == ["made", "made"]
    assert kept(sources, "in/a.png") == 2
    assert sources.stat(Key("out/a.webp")).content_type == "image/webp"
    assert not (tmp_path / "data" / "flows").exists()  # no journal: the bucket tells of what is saved


def test_twice_is_harmless_and_text_is_taken_too(sources: FolderStore) -> None:
    body = event("in/a.png", put(sources, "in/a.png", picture()))
    derive.handler(body, None)
    told = json.loads(derive.handler(body.decode(), None))
    assert told["outcomes"][0]["rules"][0]["made"] == {"style/thumb": {"webp": "kept"}}


def test_a_key_that_comes_encoded_is_found(sources: FolderStore) -> None:
    derive.handler(event("in/a%20b.png", put(sources, "in/a b.png", picture())), None)
    assert kept(sources, "in/a b.png") == 2


def test_a_broken_picture_raises_so_that_it_is_tried_again_and_put_aside(sources: FolderStore) -> None:
    body = event("in/broken.png", put(sources, "in/broken.png", picture()[:60]))
    with pytest.raises(derive.NotDerived, match=r"in/broken\.png: style/thumb: BadImage"):
        derive.handler(body, None)


def test_a_deleted_object_takes_its_results_along(sources: FolderStore) -> None:
    derive.handler(event("in/a.png", put(sources, "in/a.png", picture())), None)
    sources.delete(Key("in/a.png"))
    told = json.loads(derive.handler(event("in/a.png", "", "ObjectRemoved:DeleteObject"), None))
    assert told["outcomes"] == [{"key": "in/a.png", "removed": 2}]
    assert kept(sources, "in/a.png") == 0


@pytest.mark.parametrize("body", [b"{", b"{}", event("in/a.png", "E", bucket="elsewhere"), event("in/gone.png", "E")])
def test_what_another_try_cannot_help_is_passed_over(sources: FolderStore, body: bytes) -> None:
    derive.handler(body, None)
