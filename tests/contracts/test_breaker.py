import time

import pytest

from imgfn.core.faults import StoreUnavailable
from imgfn.stores.s3.breaker import Breaker

REST_SECONDS = 0.05


@pytest.fixture
def breaker() -> Breaker:
    """One that just opened."""
    breaker = Breaker(failures=2, rest_seconds=REST_SECONDS)
    for _ in range(2):
        breaker.admit()
        breaker.failed()
    return breaker


def test_after_enough_failures_nobody_is_admitted(breaker):
    with pytest.raises(StoreUnavailable):
        breaker.admit()


def test_after_each_rest_one_caller_tries(breaker):
    for _ in range(3):
        time.sleep(REST_SECONDS)
        breaker.admit()
        with pytest.raises(StoreUnavailable):
            breaker.admit()
        breaker.failed()


def test_one_success_lets_all_in_again(breaker):
    time.sleep(REST_SECONDS)
    breaker.admit()
    breaker.succeeded()
    for _ in range(3):
        breaker.admit()


def test_failures_count_only_in_a_row():
    breaker = Breaker(failures=2)
    for _ in range(5):
        breaker.admit()
        breaker.failed()
        breaker.succeeded()
    breaker.admit()
