import gc
import multiprocessing
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from imgfn.core.faults import SlowDown
from imgfn.process.deferral import deferring
from imgfn.service.singleflight import SingleFlight


def fly(gate: Barrier, lock: Path, landed: Path, count: Path) -> None:
    """Join flight 'ab' from this process; every piece of work done leaves a line in `count`."""
    singleflight: SingleFlight[str] = SingleFlight(lock, 10)

    def work() -> str:
        with count.open("a") as lines:
            lines.write("made\n")
        time.sleep(0.5)
        return "result"

    def found() -> str | None:
        return landed.read_text() if landed.exists() else None

    gate.wait()
    assert singleflight.join("ab" * 20, found, work, lambda made: landed.write_text(made) and None) == "result"


def test_processes_that_ask_at_once_share_one_piece_of_work(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    gate = spawn.Barrier(3)
    files = (tmp_path / "lock", tmp_path / "landed", tmp_path / "count")
    processes = [spawn.Process(target=fly, args=(gate, *files)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert (tmp_path / "count").read_text() == "made\n"


def test_threads_that_ask_at_once_share_one_piece_of_work_and_its_fault(tmp_path: Path) -> None:
    singleflight: SingleFlight[int] = SingleFlight(tmp_path / "lock", 10)
    made = []
    gate = threading.Barrier(8)

    def ask(fails: bool) -> int:
        def work() -> int:
            made.append(1)
            time.sleep(0.1)
            if fails:
                raise SlowDown("no")
            return 7

        gate.wait()
        return singleflight.join("cd", lambda: None, work, lambda _: None)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: ask(False), range(8))) == [7] * 8
        assert len(made) == 1
        outcomes = [pool.submit(ask, True) for _ in range(8)]
        for outcome in outcomes:
            with pytest.raises(SlowDown):
                outcome.result()
    assert len(made) == 2


def test_what_a_server_defers_is_published_after_the_answer(tmp_path: Path) -> None:
    singleflight: SingleFlight[int] = SingleFlight(tmp_path / "lock", 10)
    published: list[int] = []
    with deferring() as deferred:
        assert singleflight.join("ef", lambda: None, lambda: 1, published.append) == 1
        # A request that comes before it is published gets the same result, not a second one.
        assert singleflight.join("ef", lambda: None, lambda: 2, lambda _: None) == 1
    assert published == []
    for work in deferred:
        work()
    assert published == [1]
    assert singleflight.join("ef", lambda: None, lambda: 3, published.append) == 3
    assert published == [1, 3]  # outside of a server's scope at once


def test_elsewhere_the_landing_comes_first(tmp_path: Path) -> None:
    singleflight: SingleFlight[int] = SingleFlight(tmp_path / "lock", 10)
    landed: list[int] = []
    singleflight.join("01", lambda: None, lambda: 1, landed.append)
    assert landed == [1]


def test_a_landing_that_breaks_costs_no_answer(tmp_path: Path) -> None:
    singleflight: SingleFlight[int] = SingleFlight(tmp_path / "lock", 10)
    assert singleflight.join("45", lambda: None, lambda: 1, lambda _: 1 // 0 and None) == 1
    assert singleflight.join("45", lambda: None, lambda: 2, lambda _: None) == 2


def test_a_flight_that_failed_can_be_tried_again(tmp_path: Path) -> None:
    singleflight: SingleFlight[int] = SingleFlight(tmp_path / "lock", 10)

    def fail() -> int:
        raise SlowDown("no")

    with pytest.raises(SlowDown):
        singleflight.join("23", lambda: None, fail, lambda _: None)
    assert singleflight.join("23", lambda: None, lambda: 5, lambda _: None) == 5


def test_a_flight_that_failed_leaves_nothing_to_the_garbage_collector(tmp_path: Path) -> None:
    singleflight: SingleFlight[int] = SingleFlight(tmp_path / "lock", 10)

    def fail() -> int:
        raise SlowDown("no")

    gc.collect()
    gc.disable()
    try:
        with pytest.raises(SlowDown):
            singleflight.join("67", lambda: None, fail, lambda _: None)
        assert gc.collect() == 0
    finally:
        gc.enable()
