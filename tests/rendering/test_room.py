"""What a client knows of the room in the pool's queue without trying."""

import io
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from imgfn.core.faults import SlowDown
from imgfn.renderpool.backpressure import CROWDED_SECONDS, FULL_SECONDS, Room
from tests.rendering.conftest import ask, clock, hold, wait_until


def test_there_is_room_until_a_try_was_in_vain():
    room = Room()
    assert not room.full
    assert room.crowded_until < time.monotonic()


def test_a_queue_counts_as_full_for_as_long_as_the_last_job_waited():
    room = Room()
    now = time.monotonic()
    room.left(queued=now - 0.5, begun=now)
    room.found_full()
    assert room.full
    assert now + 0.5 + CROWDED_SECONDS <= room.crowded_until <= time.monotonic() + 0.5 + CROWDED_SECONDS
    wait_until(lambda: not room.full, "it is worth a try again")
    assert time.monotonic() - now >= 0.5


def test_it_never_counts_as_full_for_longer_than_callers_are_asked_to_wait():
    room = Room()
    room.left(queued=time.monotonic() - 60, begun=time.monotonic())
    room.found_full()
    assert room.crowded_until <= time.monotonic() + FULL_SECONDS + CROWDED_SECONDS


def test_a_place_that_a_job_of_ours_has_left_is_free_for_one_other():
    room = Room()
    room.left(queued=time.monotonic() - 60, begun=time.monotonic())
    room.found_full()
    for _ in range(2):
        room.left(queued=time.monotonic() - 60, begun=time.monotonic())
    room.took()
    assert not room.full
    room.took()
    assert room.full


def test_a_place_that_was_left_before_the_queue_was_found_full_is_taken_already():
    room = Room()
    began = time.monotonic()
    room.found_full()
    room.left(queued=began - 60, begun=began)
    room.found_full()
    room.left(queued=began - 60, begun=began)
    assert room.full


def test_a_pool_that_was_full_takes_a_job_as_soon_as_one_of_ours_has_left_the_queue(pool, source):
    renderer = pool(processes=1, queue=1)
    ask(renderer, source, clock(0))
    with ThreadPoolExecutor(2) as threads:

        def two(milliseconds):
            """One job that runs, and one that waits for it."""
            jobs = []
            for plan in (hold(milliseconds), hold(200)):
                jobs.append(threads.submit(ask, renderer, io.BytesIO(source.getvalue()), plan))
                time.sleep(0.1)
            return jobs

        for job in two(1500):  # the last one that is heard of has waited for more than a second
            job.result()
        jobs = two(700)
        with pytest.raises(SlowDown):
            ask(renderer, source, clock(0))
        with pytest.raises(SlowDown):
            renderer.look_for_room()
        for job in jobs:
            job.result()
        renderer.look_for_room()
        assert ask(renderer, source, clock(0)).body
