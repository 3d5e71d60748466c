import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from imgfn.core.faults import SlowDown
from imgfn.service.render_queue import RenderQueue

LONG_SECONDS = 30.0  # never over in a test that passes


def waiting(queue: RenderQueue, count: int) -> None:
    """Until `count` callers wait."""
    while len(queue._waiting) < count:
        time.sleep(0.001)


def test_a_place_that_is_free_is_had_at_once_and_given_back():
    queue = RenderQueue(places=1, callers=1, wait_seconds=0.01)
    for _ in range(3):
        with queue.place():
            pass


def test_who_finds_no_place_waits_and_is_served_in_the_order_of_coming():
    queue = RenderQueue(places=1, callers=9, wait_seconds=LONG_SECONDS)
    served: list[int] = []

    def ask(number: int) -> None:
        with queue.place():
            served.append(number)

    with ThreadPoolExecutor(5) as threads, queue.place():
        for number in range(5):
            threads.submit(ask, number)
            waiting(queue, number + 1)
        assert served == []
    assert served == [0, 1, 2, 3, 4]


def test_who_has_waited_in_vain_is_refused_and_takes_nobodys_place():
    queue = RenderQueue(places=1, callers=9, wait_seconds=0.05)
    with queue.place():
        began = time.monotonic()
        with pytest.raises(SlowDown) as refused, queue.place():
            pass
        assert time.monotonic() - began >= 0.05
        assert int(refused.value.headers["Retry-After"]) > 0
    with queue.place():
        pass


def test_as_many_have_a_place_as_there_are_places():
    queue = RenderQueue(places=3, callers=20, wait_seconds=LONG_SECONDS)
    lock, inside, most = threading.Lock(), [0], [0]

    def ask(_: int) -> None:
        with queue.place():
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            time.sleep(0.001)
            with lock:
                inside[0] -= 1

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(ask, range(200)))
    assert most == [3]


def test_a_render_that_breaks_gives_its_place_back():
    queue = RenderQueue(places=1, callers=1, wait_seconds=0.01)
    with pytest.raises(ZeroDivisionError), queue.entered(), queue.place():
        raise ZeroDivisionError
    with queue.entered(), queue.place():
        pass


def test_more_callers_than_may_enter_are_refused_at_once():
    queue = RenderQueue(places=1, callers=2, wait_seconds=LONG_SECONDS)
    with ExitStack() as stack:
        stack.enter_context(queue.entered())
        stack.enter_context(queue.entered())
        with pytest.raises(SlowDown) as refused:
            stack.enter_context(queue.entered())
        assert int(refused.value.headers["Retry-After"]) > 0
    with queue.entered():
        pass


def test_a_place_that_comes_as_the_wait_ends_is_not_lost():
    queue = RenderQueue(places=1, callers=9, wait_seconds=0.001)

    def ask(_: int) -> bool:
        try:
            with queue.place():
                time.sleep(0.001)
        except SlowDown:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert True in set(threads.map(ask, range(400)))
    assert ask(0)
