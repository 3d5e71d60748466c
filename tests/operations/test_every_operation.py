"""What holds for each operation, whoever wrote it: its example, its parameters, both grammars, its golden."""

from pathlib import Path

import pytest

import imgfn.ops  # noqa: F401  fills the registry
from imgfn.core.faults import Fault, InvalidArgument
from imgfn.core.kinds import WatermarkImage
from imgfn.core.plan import DEFAULTS, Plan, parse_oss, parse_path, parse_step
from imgfn.core.registry import REGISTRY, Operation, Param
from imgfn.imaging.limits import Limits
from imgfn.imaging.render import Rendered, render
from imgfn.imaging.text import fonts
from tests.pictures import difference, encoded, opened, scene
from tests.servers import need, need_compiled_loops

GOLDEN = Path(__file__).parent.parent / "golden"
TOLERANCE = 2.0  # mean levels: codecs and resamplers of other builds may differ by that
SOURCE = (GOLDEN.parent / "scene.png").read_bytes()
MARK = encoded(scene((40, 30), "RGBA"), "PNG")

OPERATIONS = list(REGISTRY)
PARAMS = [(operation, param) for operation in OPERATIONS for param in operation.params]


def example_of(operation: Operation) -> Plan:
    return parse_path(f"{operation.name}/{operation.example or DEFAULTS}" if operation.params else operation.name)[0]


def done(plan: Plan) -> Rendered:
    watermarks = {value: MARK for step in plan.steps for value in step.values if isinstance(value, WatermarkImage)}
    return render(SOURCE, plan, Limits(), watermarks)


def with_value(operation: Operation, param: Param, text: str) -> Plan:
    """The example, one of its values replaced."""
    told = example_of(operation).steps[0]
    arguments = [
        f"{other.key}_{other.kind.text(value)}"
        for other, value in zip(operation.params, told.values, strict=True)
        if other is not param and value != other.default
    ]
    return Plan((parse_step(operation, (*arguments, f"{param.key}_{text}")),))


def each(value: tuple[Operation, Param] | Operation) -> str:
    return value.name if isinstance(value, Operation) else f"{value[0].name}-{value[1].key}"


@pytest.mark.parametrize("operation", OPERATIONS, ids=each)
def test_the_example_gives_what_its_golden_shows(operation: Operation, request: pytest.FixtureRequest) -> None:
    if operation.name == "watermark" and not fonts.find(fonts.DEFAULT):
        need(fonts.DEFAULT, "apt-get install fonts-wqy-zenhei")
    if operation.name in ("blurhash", "thumbhash"):
        need_compiled_loops()  # what is not resized in light has another hash
    made = done(example_of(operation))
    words = made.content_type.startswith(("text/", "application/"))
    golden = GOLDEN / f"{operation.name}.{'txt' if words else 'png'}"
    if request.config.getoption("--write-golden"):
        golden.write_bytes(made.body if words else encoded(opened(made.body), "PNG", optimize=True))
    assert golden.exists(), f"{golden.name} is missing: write it with --write-golden, and look at it"
    if words:
        assert made.body == golden.read_bytes()
    else:
        kept, result = opened(golden.read_bytes()), opened(made.body)
        assert result.size == kept.size
        assert result.has_transparency_data == kept.has_transparency_data
        assert difference(result, kept) <= TOLERANCE


def test_no_golden_is_left_without_its_operation() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(REGISTRY.names())


@pytest.mark.parametrize("operation", OPERATIONS, ids=each)
def test_both_grammars_read_back_what_they_write(operation: Operation) -> None:
    plan = example_of(operation)
    assert parse_path(plan.text)[0] == plan
    assert parse_oss(plan.oss_text) == plan


@pytest.mark.parametrize("case", PARAMS, ids=each)
def test_good_values_pass_or_are_refused_in_words(case: tuple[Operation, Param]) -> None:
    operation, param = case
    for text in param.kind.good():
        plan = with_value(operation, param, text)
        assert parse_path(plan.text)[0] == plan
        try:
            assert done(plan).body
        except Fault as fault:
            assert 400 <= fault.status < 500
            assert fault.detail


@pytest.mark.parametrize("case", PARAMS, ids=each)
def test_bad_values_are_refused_by_name(case: tuple[Operation, Param]) -> None:
    operation, param = case
    for text in param.kind.bad():
        with pytest.raises(InvalidArgument) as refusal:
            with_value(operation, param, text)
        assert refusal.value.status == 400
        assert refusal.value.expected


@pytest.mark.parametrize("operation", OPERATIONS, ids=each)
def test_each_says_what_it_does_in_a_sentence(operation: Operation) -> None:
    first = operation.summary.splitlines()[0]
    assert first
    assert first[0].isupper()
    assert first.endswith(".")
