import threading
import time
from collections.abc import Callable

from app.core.turns import PATIENCE_SECONDS, Turn


def started(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_one_thread_has_the_turn_and_all_get_it():
    turn, inside, seen, done = Turn(), [], [], []

    def work() -> None:
        for _ in range(50):
            turn.take()
            turn.begin()
            inside.append(1)
            time.sleep(0)  # lets others run, if they may
            seen.append(len(inside))
            inside.pop()
            turn.give_way()
        done.append(1)

    for thread in [started(work) for _ in range(8)]:
        thread.join(30)
    assert len(done) == 8
    assert set(seen) == {1}


def test_who_has_the_turn_takes_it_again_at_once():
    turn = Turn()
    turn.take()
    turn.take()
    turn.give_way()
    other = started(turn.take)
    other.join(10)
    assert not other.is_alive()


def test_who_waits_for_a_request_keeps_the_turn():
    turn = Turn()
    turn.take()
    other = started(turn.take)
    other.join(5 * PATIENCE_SECONDS)
    assert other.is_alive()
    turn.give_way()
    other.join(10)
    assert not other.is_alive()


def test_who_is_busy_too_long_loses_the_turn_and_cannot_give_away_what_is_not_its_own():
    turn = Turn()
    turn.take()
    turn.begin()
    taken, over = threading.Event(), threading.Event()

    def take_over() -> None:
        turn.take()
        taken.set()
        over.wait(10)
        turn.give_way()

    started(take_over)
    assert taken.wait(10)
    turn.give_way()
    third = started(turn.take)
    third.join(5 * PATIENCE_SECONDS)
    assert third.is_alive()
    over.set()
    third.join(10)
    assert not third.is_alive()


def test_to_give_way_without_the_turn_does_nothing():
    turn = Turn()
    turn.give_way()
    turn.take()
    started(turn.give_way).join(10)
    other = started(turn.take)
    other.join(5 * PATIENCE_SECONDS)
    assert other.is_alive()
    turn.give_way()
