"""schemathesis reads /openapi.json of the real server and sends what the document allows, and what it does not."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from tests.hostile.bombs import jpeg
from tests.hostile.target import Target

EXAMPLES = [4, pytest.param(100, marks=pytest.mark.hard)]


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_nothing_that_the_document_can_describe_is_a_server_error(target: Target, mode: GenerationMode, examples: int):
    target.keep("lena.png", jpeg())
    document = schemathesis.openapi.from_url(f"{target.server.url}/openapi.json")
    tried = 0
    for found in document.get_all_operations():
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not [*operation.iter_parameters(), *operation.body]:
            continue  # nothing in it can be wrong
        strategy = operation.as_strategy(generation_mode=mode)

        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=strategy)
        def send(case: schemathesis.Case) -> None:
            nonlocal tried
            answer = case.call(base_url=target.server.url)
            assert answer.status_code < 500, case.as_curl_command()
            tried += 1

        send()
    assert tried > examples
