"""The strict check refuses what real template compilers refuse; each rule is proved by a deliberate fault."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import tool

ROOT = Path(__file__).parents[2]
CHECK = Path(__file__).parent / "harness" / "check-program.mjs"

pytestmark = pytest.mark.real

MARKUP = "pages/index/index.axml"
CHIP = 'onTap="togglePreset">{{chip.label}}</view>'

# name: (file, what stands there, the fault in its place, what the check has to say)
FAULTS = {
    "a tag is not closed": (MARKUP, CHIP, 'onTap="togglePreset">{{chip.label}}', "closes <view>"),
    "a tag is closed twice": (MARKUP, CHIP, CHIP + "</view>", "closes"),
    "a comment is not closed": (MARKUP, CHIP, CHIP + "<!-- ", "a comment is not closed"),
    "a value has no quotes": (MARKUP, 'id="cancel"', "id=cancel", "without quotes"),
    "a quote is not closed": (MARKUP, 'onTap="openGallery"', 'onTap="openGallery', "closing quote"),
    "an attribute stands twice": (MARKUP, 'id="cancel"', 'id="cancel" id="cancel"', "has id twice"),
    "an attribute has no value": (MARKUP, 'id="cancel"', "id", "without a value"),
    "an else has a value": (MARKUP, "<view a:else ", '<view a:else="{{phase}}" ', "with a value"),
    "attributes touch": (MARKUP, 'id="cancel" role', 'id="cancel"role', "wants a space"),
    "an unknown component": (MARKUP, "<progress ", "<meter ", "<meter> is no component"),
    "an HTML element": (MARKUP, "<text>{{report}}</text>", "<span>{{report}}</span>", "<span> is no component"),
    "an unknown directive": (MARKUP, "a:elif", "a:elseif", "a:elseif is no directive"),
    "an else without an if": (MARKUP, "<view a:else ", "<view>x</view><view a:else ", "else without an if"),
    "a loop without a key": (MARKUP, 'a:for-item="fact" a:key="name"', 'a:for-item="fact"', "loops without a key"),
    "an unknown handler": (MARKUP, 'onTap="cancel"', 'onTap="stop"', "no handler stop"),
    "an event that is never fired": (MARKUP, 'onTap="cancel"', 'onPress="cancel"', "fires no onPress"),
    "a handler in WeChat's way": (MARKUP, 'onTap="cancel"', 'bindtap="cancel"', "the other platform's"),
    "a directive in WeChat's way": (MARKUP, 'a:if="{{isBefore}}"', 'wx:if="{{isBefore}}"', "the other platform's"),
    "an undefined name": (MARKUP, "{{progressText}}</view>", "{{progres}}</view>", "progres is in nobody's data"),
    "a loop's name outside of it": (
        MARKUP,
        "<view a:else ",
        "<view>{{chip.id}}</view><view a:if='{{url}}' ",
        "chip is in",
    ),
    "a call": (MARKUP, "{{chip.label}}", "{{chip.label.trim()}}", "unexpected ("),
    "arithmetic": (MARKUP, "{{step.number}}", "{{step.number + 1}}", "beyond plain expressions"),
    "a loose comparison": (MARKUP, "phase === 'empty'", "phase == 'empty'", "unexpected =="),
    "an index": (MARKUP, "{{facts.length}}", "{{facts[0]}}", "beyond plain expressions"),
    "an assignment": (MARKUP, "{{facts.length}}", "{{facts = 1}}", "beyond plain expressions"),
    "an object": (MARKUP, "{{facts.length}}", "{{ {a: 1} }}", "beyond plain expressions"),
    "an expression is not closed": (MARKUP, "{{url}}", "{{url}", "is not closed"),
    "an expression is not opened": (MARKUP, "{{url}}", "url}}", "without {{"),
    "half a choice": (MARKUP, "{{isBefore ? 'on' : ''}}", "{{isBefore ? 'on'}}", "unexpected the end"),
    "a missing page": ("app.json", "pages/gallery/gallery", "pages/gallery/galery", "galery.js"),
    "a missing module": ("pages/index/index.js", "../../lib/plan", "../../lib/plans", "plans.js"),
    "a package's name": ("pages/index/index.js", "../../lib/plan", "plan", "only relative paths"),
    "a script that does not parse": ("pages/gallery/gallery.js", "Page({", "Page({{", "Unexpected token"),
}


@pytest.fixture(scope="module")
def node() -> str:
    return tool("node")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "miniprogram", tmp_path / "program"))


def check(node: str, folder: Path, platform: str = "alipay") -> subprocess.CompletedProcess[str]:
    return subprocess.run([node, str(CHECK), str(folder), platform], capture_output=True, text=True, check=False)


def convert(folder: Path) -> Path:
    target = folder / "wechat"
    subprocess.run([sys.executable, str(ROOT / "wechat" / "convert.py"), str(target)], check=True)
    return target


def test_the_mini_program_is_clean(node: str, program: Path):
    assert check(node, program).stdout == ""


def test_its_wechat_form_is_clean(node: str, tmp_path: Path):
    assert check(node, convert(tmp_path), "wechat").stdout == ""


def test_its_wechat_form_is_told_to_follow_the_dark_scheme(tmp_path: Path):
    folder = convert(tmp_path)
    app = json.loads((folder / "app.json").read_text("utf-8"))
    theme = json.loads((folder / app["themeLocation"]).read_text("utf-8"))
    used = {value.removeprefix("@") for value in app["window"].values() if value.startswith("@")}
    assert app["darkmode"] is True
    assert used == set(theme["light"]) == set(theme["dark"])
    assert app["window"]["navigationBarTitleText"] == "imgfn"


@pytest.mark.parametrize("name", FAULTS)
def test_the_check_refuses(node: str, program: Path, name: str):
    file, right, wrong, told = FAULTS[name]
    source = (program / file).read_text("utf-8")
    assert right in source
    (program / file).write_text(source.replace(right, wrong, 1), "utf-8")
    found = check(node, program)
    assert found.returncode == 1
    assert told in found.stdout


def test_an_unconverted_page_is_refused_on_wechat(node: str, tmp_path: Path):
    folder = convert(tmp_path)
    shutil.copy(ROOT / "miniprogram" / MARKUP, folder / "pages/index/index.wxml")
    found = check(node, folder, "wechat").stdout
    assert "a:if is the other platform's" in found
    assert "onTap is the other platform's" in found
