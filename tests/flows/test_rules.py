import pytest

from imgfn.core.plan import parse_path
from imgfn.flows.event import Event
from imgfn.flows.rules import BadRules
from imgfn.flows.rules_file import parse_rules
from imgfn.flows.target import Target
from imgfn.ops import load_operations

load_operations()
STYLES = {"thumb": parse_path("resize/w_64")[0], "card": parse_path("resize/w_600")[0]}


def faults(text: str) -> list[str]:
    with pytest.raises(BadRules) as caught:
        parse_rules(text, styles=STYLES, flows=["review"], environ={})
    return caught.value.faults


def test_the_example_of_the_documentation() -> None:
    rules = parse_rules(
        """
        [[derive]]
        prefix = "photos/"
        styles = ["thumb", "card"]
        [[derive]]
        prefix = "in/"
        suffix = [".png", ".JPG"]
        type = ["png", "animated"]
        min_width = 100
        plan = "resize/w_1600/format/webp"
        saveas = "web/{stem}.webp"
        [[flow]]
        prefix = "submissions/"
        start = "review"
        [[schedule]]
        name = "nightly"
        cron = "30 3 * * *"
        timezone = "Asia/Shanghai"
        run = "reconcile"
        [robot.editors]
        kind = "dingtalk"
        url = "env:ROBOT"
        """,
        styles=STYLES,
        flows=["review"],
        environ={"ROBOT": "https://oapi.dingtalk.com/robot/send?access_token=x"},
    )
    assert [rule.styles for rule in rules.derive_for(Event("created", "b", "photos/a.png"))] == [("thumb", "card")]
    assert [rule.saveas for rule in rules.derive_for(Event("created", "b", "in/A.jpg"))] == ["web/{stem}.webp"]
    assert rules.derive_for(Event("created", "b", "in/a.gif")) == []
    assert [rule.start for rule in rules.flows_for(Event("created", "b", "submissions/a"))] == ["review"]
    assert rules.robots["editors"].url.startswith("https://oapi.dingtalk.com/")
    assert rules.schedules[0].timezone == "Asia/Shanghai"


def test_every_fault_is_told_at_once() -> None:
    told = faults(
        """
        extra = 1
        [[derive]]
        prefix = "/a"
        styles = ["nope"]
        sufix = ".png"
        [[derive]]
        plan = "rotate/x"
        min_width = -1
        type = "tif"
        [[derive]]
        prefix = "b/"
        [[flow]]
        start = "other"
        [[schedule]]
        name = "a b"
        cron = "61 * * * *"
        timezone = "Mars/Base"
        run = "sleep"
        [robot.x]
        kind = "telegraph"
        [robot.y]
        kind = "slack"
        url = "env:MISSING"
        """
    )
    for words in ("extra", "'/a'", "'nope'", "sufix", "rotate", "min_width", "'tif'", "number 3", "'other'", "'a b'"):
        assert any(words in fault for fault in told), (words, told)
    for words in ("61 *", "Mars/Base", "'sleep'", "robot.x", "MISSING"):
        assert any(words in fault for fault in told), (words, told)


@pytest.mark.parametrize(
    ("target", "other", "loops"),
    [
        ("web/{stem}.webp", 'prefix = "in/"', False),
        ("in/web/{stem}.webp", 'prefix = "in/"', True),
        ("{folder}/x.webp", 'prefix = "in/"', True),
        ("{folder}/{stem}.webp", 'prefix = "in/"\nsuffix = ".png"', False),
        ("{key}", 'prefix = "in/"\nsuffix = ".png"', True),
        ("web/{stem}.webp", 'prefix = ""', True),
        ("web/{stem}.webp", 'prefix = "web/thumbs/"', True),
        ("in/fixed.webp", 'prefix = "in/"', True),
        ("out/fixed.webp", 'prefix = "in/"', False),
    ],
)
def test_a_target_that_would_start_a_rule_again_is_refused(target: str, other: str, loops: bool) -> None:
    text = f'[[derive]]\n{other}\nplan = "resize/w_9/format/webp"\nsaveas = "{target}"\n'
    if loops:
        assert any("start again" in fault for fault in faults(text))
    else:
        parse_rules(text)


def test_a_target_may_meet_no_flow_either() -> None:
    derive = '[[derive]]\nprefix = "in/"\nplan = "resize/w_9"\nsaveas = "sub/{name}"\n'
    text = derive + '[[flow]]\nprefix = "sub/"\nstart = "review"'
    assert any("[[flow]]" in fault for fault in faults(text))


@pytest.mark.parametrize(
    ("template", "key", "filled"),
    [
        ("web/{stem}.webp", "in/a/b.tar.png", "web/b.tar.webp"),
        ("web/{path}.webp", "in/a/b.png", "web/a/b.webp"),
        ("{folder}/t/{name}", "in/b.png", "in/t/b.png"),
        ("{folder}/t/{name}", "b.png", "t/b.png"),
        ("x/{key}", "in/b", "x/in/b"),
        ("x/{stem}{ext}", "in/b", "x/b"),
    ],
)
def test_targets(template: str, key: str, filled: str) -> None:
    assert Target(template).fill(key, "in/") == filled


@pytest.mark.parametrize("template", ["a/{nope}", "a/{stem", "a/{stem.__class__}", "../{name}", "a//{ext"])
def test_bad_targets_are_refused(template: str) -> None:
    assert faults(f'[[derive]]\nprefix = "in/"\nplan = "resize/w_9"\nsaveas = "{template}"')
