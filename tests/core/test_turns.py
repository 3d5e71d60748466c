import threading
import time
from collections.abc import Callable

from imgfn.process.scheduler import PATIENCE_SECONDS, Turn

SOON = 5 * PATIENCE_SECONDS


def started(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def at_once() -> bool:
    """There is always work."""
    return True


def test_one_thread_runs_at_a_time_and_all_get_to_it():
    turn, inside, seen, done = Turn(), [], [], []

    def work() -> None:
        for _ in range(50):
            turn.take(at_once)
            for _ in range(2):
                inside.append(1)
                time.sleep(0)  # lets others run, if they may
                seen.append(len(inside))
                inside.pop()
                with turn.waiting():
                    time.sleep(0.0001)
        turn.give_way()
        done.append(1)

    for thread in [started(work) for _ in range(8)]:
        thread.join(30)
    assert len(done) == 8
    assert set(seen) == {1}


def test_who_needs_not_wait_goes_on_asking_for_work():
    turn = Turn()
    turn.take(at_once)
    other = started(lambda: turn.take(at_once) and turn.give_way())
    for _ in range(3):
        turn.take(at_once)
    other.join(SOON)
    assert other.is_alive()
    turn.give_way()
    other.join(10)
    assert not other.is_alive()


def test_who_waits_for_work_keeps_nobody_from_running():
    turn, came, ran = Turn(), threading.Event(), threading.Event()

    def returns() -> None:
        turn.take(at_once)
        with turn.waiting():
            assert asks.wait(10)
        ran.set()
        turn.give_way()

    asks = threading.Event()
    returning = started(returns)
    started(lambda: turn.take(lambda: asks.set() or came.wait(10)) and turn.give_way())
    assert ran.wait(10)
    came.set()
    returning.join(10)


def test_who_is_busy_too_long_loses_both_rights_and_cannot_give_away_what_is_not_its_own():
    turn = Turn()
    turn.take(at_once)
    taken, over = threading.Event(), threading.Event()

    def take_over() -> None:
        turn.take(at_once)
        taken.set()
        over.wait(10)
        turn.give_way()

    started(take_over)
    turn.oversee()
    assert not taken.wait(PATIENCE_SECONDS)
    time.sleep(PATIENCE_SECONDS)
    turn.oversee()
    assert taken.wait(10)
    turn.give_way()
    third = started(lambda: turn.take(at_once) and turn.give_way())
    third.join(SOON)
    assert third.is_alive()
    over.set()
    third.join(10)
    assert not third.is_alive()


def test_who_waits_for_work_is_not_busy():
    turn, came = Turn(), threading.Event()
    asking = started(lambda: turn.take(lambda: came.wait(10)) and turn.give_way())
    other = started(lambda: turn.take(at_once) and turn.give_way())
    time.sleep(2 * PATIENCE_SECONDS)
    turn.oversee()
    other.join(SOON)
    assert other.is_alive()
    came.set()
    asking.join(10)
    other.join(10)
    assert not other.is_alive()


def test_without_turns_nothing_happens():
    turn = Turn()
    turn.give_way()
    with turn.waiting():
        pass
    assert not turn.afterwards(lambda: None)
    turn.oversee()
    turn.take(at_once)


def test_what_is_left_for_afterwards_is_done_before_the_next_work():
    turn, seen = Turn(), []

    def work() -> None:
        turn.take(at_once)
        assert turn.afterwards(lambda: seen.append("later"))
        seen.append("answered")
        turn.give_way()
        turn.take(lambda: seen.append("asked") or True)
        turn.give_way()

    started(work).join(10)
    assert seen == ["answered", "later", "asked"]


def test_work_is_quick_until_it_waits_or_is_crowded_out():
    turn = Turn()
    turn.take(at_once)
    assert turn.quick
    with turn.waiting():
        pass
    assert not turn.quick
    turn.take(at_once)
    assert turn.quick
    turn.crowd_out(5.0)
    assert not turn.quick
    assert turn.crowded_until == 5.0
