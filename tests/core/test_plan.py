from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import imgfn.ops  # noqa: F401  fills the registry
from imgfn.core.faults import Fault, InvalidArgument, MissingArgument
from imgfn.core.kinds import Float, Int, Text, decode_base64, encode_base64
from imgfn.core.plan import MAX_STEPS, MAX_WATERMARK_IMAGES, Plan, Step, parse_oss, parse_path
from imgfn.core.registry import REGISTRY, Operation


def values_of(kind: Any) -> st.SearchStrategy[str]:
    """Texts that `kind` must accept."""
    if isinstance(kind, Int):
        return st.integers(kind.low, kind.high).map(str)
    if isinstance(kind, Float):
        return st.floats(kind.low, kind.high).map(lambda value: kind.text(round(value, kind.places)))
    return st.sampled_from(kind.good())


@st.composite
def steps(draw: st.DrawFn, operation: Operation) -> str:
    """A step in the path grammar, its arguments in any order."""
    if not operation.params:
        return operation.name
    chosen = [p for p in operation.params if p.required or p.key in operation.one_of[:1] or draw(st.booleans())]
    arguments = [f"{param.key}_{draw(values_of(param.kind))}" for param in draw(st.permutations(chosen))]
    return f"{operation.name}/{','.join(arguments) or '_'}"


plans = st.lists(
    st.sampled_from([operation for operation in REGISTRY if not operation.reports]).flatmap(steps), max_size=6
).filter(lambda parts: sum("image_" in part for part in parts) <= MAX_WATERMARK_IMAGES)


@given(plans)
def test_every_plan_reads_back_from_its_canonical_text_in_both_grammars(parts: list[str]) -> None:
    plan, key = parse_path("/".join([*parts, "-", "a", "rotate.png"]))
    assert key == "a/rotate.png"
    again, _ = parse_path(f"{plan.text}/-/x" if plan.steps else "-/x")
    assert again == plan
    assert again.text == plan.text
    if plan.steps:
        assert parse_oss(plan.oss_text) == plan


@given(st.text(max_size=80))
def test_no_path_makes_the_parser_fail_otherwise_than_with_a_fault(text: str) -> None:
    for parse in (parse_path, parse_oss):
        try:
            parse(text)
        except Fault as fault:
            assert fault.status == 400
            assert fault.parameter
            assert fault.expected


@given(st.sampled_from(REGISTRY.names()), st.text("whmlspxygr_,-0123456789.abcAB%/=", max_size=40))
def test_no_argument_makes_the_parser_fail_otherwise_than_with_a_fault(name: str, arguments: str) -> None:
    try:
        plan, _ = parse_path(f"{name}/{arguments}/x.png")
    except Fault as fault:
        assert fault.status == 400
        assert fault.parameter is not None
        assert fault.expected
    else:
        assert parse_path(f"{plan.text}/-/x.png")[0] == plan


@pytest.mark.parametrize("operation", list(REGISTRY), ids=lambda operation: operation.name)
def test_every_kind_keeps_its_promises(operation: Operation) -> None:
    assert operation.summary
    for param in operation.params:
        for good in param.kind.good():
            assert param.kind.text(param.kind.parse(good)) == good
        for bad in param.kind.bad():
            with pytest.raises((ValueError, InvalidArgument)):
                param.kind.parse(bad)
        assert param.kind.schema()["type"] in ("integer", "number", "string")


def test_equal_plans_have_one_text_whatever_the_spelling() -> None:
    texts = {
        parse_path(f"resize/{arguments}/x")[0].text for arguments in ("w_300,h_200", "300,200", "h_200,w_300,m_lfit")
    }
    assert texts == {"resize/w_300,h_200"}


def test_a_dash_ends_the_plan_where_a_folder_has_an_operations_name() -> None:
    assert parse_path("-/rotate/x.png") == (Plan(), "rotate/x.png")
    plan, key = parse_path("rotate/90/-/resize/x.png")
    assert (plan.text, key) == ("rotate/90", "resize/x.png")


@pytest.mark.parametrize(
    ("path", "fault", "parameter"),
    [
        ("rotate/361/x", InvalidArgument, "angle"),
        ("rotate/10,angle_20/x", InvalidArgument, "angle"),
        ("rotate/10,zoom_3/x", InvalidArgument, "zoom"),
        ("flip/_/x", MissingArgument, "direction"),
        ("rotate", MissingArgument, "rotate"),
        ("resize/m_fill/x", MissingArgument, "w"),
        ("resize/w_1,h_2,m_huge/x", InvalidArgument, "m"),
        ("info/rotate/10/x", InvalidArgument, "info"),
        ("rotate/10/" * (MAX_STEPS + 1) + "x", InvalidArgument, "plan"),
    ],
)
def test_a_bad_plan_names_the_parameter(path: str, fault: type[Fault], parameter: str) -> None:
    with pytest.raises(fault) as caught:
        parse_path(path)
    assert caught.value.parameter == parameter
    assert caught.value.expected


def test_an_unknown_action_names_the_nearest() -> None:
    with pytest.raises(InvalidArgument, match="did you mean rotate"):
        parse_oss("image/rotat,10")


@given(st.text(min_size=1, max_size=64).filter(lambda text: not any(0xD800 <= ord(c) <= 0xDFFF for c in text)))
def test_text_arguments_survive_base64(text: str) -> None:
    kind = Text(64)
    assert decode_base64(encode_base64(text)) == text
    assert kind.parse(kind.text(text)) == text
    assert "=" not in kind.text(text)


def test_numbers_have_one_spelling() -> None:
    kind = Float(-10, 10, places=2)
    assert [kind.text(kind.parse(text)) for text in ("1", "1.0", "1.50", "-0", "0.0")] == ["1", "1", "1.5", "0", "0"]


def test_a_step_gives_its_values_by_name() -> None:
    plan, _ = parse_path("resize/w_30,m_fill,h_20/x")
    step: Step = plan.steps[0]
    assert (step["width"], step["height"], step["mode"]) == (30, 20, "fill")
