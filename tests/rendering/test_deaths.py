"""A picture that crashes, hangs or swells its renderer costs one process and one answer."""

import hashlib
import io
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from imgfn.core.faults import BadImage, ImageTooLarge, InternalError, RenderTimeout, UnsupportedMediaType
from imgfn.core.plan import parse_path
from tests.rendering.conftest import ask, children, clock, events, hold, lie, masters, misbehave, picture, wait_until


@pytest.mark.parametrize("plan", [hold(60_000), misbehave("spin")], ids=["sleeping", "looping"])
def test_a_job_past_its_deadline_is_killed_and_the_next_one_works(pool, source, lines, plan):
    renderer = pool(seconds=0.5)
    with pytest.raises(RenderTimeout, match=r"longer than 0\.5 seconds"):
        ask(renderer, source, plan)
    assert ask(renderer, source, parse_path("resize/w_20")[0]).body
    assert events(lines) == ["renderer_overran"]


@pytest.mark.parametrize("how", ["segfault", "abort", "exit"])
def test_a_crash_is_the_pictures_fault_and_the_next_job_works(pool, source, lines, how):
    renderer = pool()
    with pytest.raises(BadImage, match="crashed its renderer"):
        ask(renderer, source, misbehave(how))
    assert ask(renderer, source, parse_path("resize/w_20")[0]).body
    assert events(lines) == ["renderer_crashed"]


def test_a_job_that_wants_too_much_memory_is_refused(pool, source, lines):
    renderer = pool(memory_bytes=1 << 29)
    with pytest.raises(ImageTooLarge, match="memory"):
        ask(renderer, source, misbehave("swell"))
    assert ask(renderer, source, parse_path("resize/w_20")[0]).body
    assert events(lines) == []


def test_a_bug_is_told_to_the_log_and_not_to_the_caller(pool, source, lines):
    with pytest.raises(InternalError) as caught:
        ask(pool(), source, misbehave("raise"))
    assert "a bug in an operation" not in str(caught.value.facts())
    assert "a bug in an operation" in lines[0]["trace"]


def test_the_log_names_the_picture_that_killed_a_renderer(pool, source, lines):
    with pytest.raises(BadImage):
        ask(pool(), source, misbehave("abort"))
    (line,) = lines
    assert line["log_level"] == "warning"
    assert line["sha256"] == hashlib.sha256(source.getvalue()).hexdigest()


@pytest.mark.parametrize("kind", ["page", "giant", "nonsense"])
def test_an_answer_that_no_render_gives_is_not_believed(pool, source, lines, kind):
    renderer = pool()
    with pytest.raises(BadImage):
        ask(renderer, source, lie(kind))
    assert events(lines) == ["renderer_crashed"]


def test_an_empty_source_is_refused_like_any_other(pool, lines):
    with pytest.raises(UnsupportedMediaType):
        ask(pool(), io.BytesIO(), parse_path("resize/w_20")[0])
    assert events(lines) == []


def test_faults_come_back_as_they_were_raised(pool):
    renderer = pool()
    with pytest.raises(UnsupportedMediaType) as caught:
        ask(renderer, io.BytesIO(b"<html>"), parse_path("resize/w_20")[0])
    assert caught.value.status == 415
    assert "png" in caught.value.expected


def test_two_deaths_are_enough(pool, source, lines):
    renderer = pool()
    for _ in range(2):
        with pytest.raises(BadImage, match="crashed its renderer"):
            ask(renderer, source, misbehave("abort"))
    with pytest.raises(BadImage, match="not tried again"):
        ask(renderer, source, parse_path("resize/w_20")[0])
    assert ask(renderer, io.BytesIO(picture("blue")), parse_path("resize/w_20")[0]).body
    assert events(lines) == ["renderer_crashed", "renderer_crashed", "image_in_quarantine"]


def test_a_quarantine_holds_for_every_client_and_ends(pool, source, runtime_dir):
    renderer = pool()
    for _ in range(2):
        with pytest.raises(BadImage):
            ask(renderer, source, misbehave("abort"))
    neighbour = pool()
    with pytest.raises(BadImage, match="not tried again"):
        ask(neighbour, source, parse_path("resize/w_20")[0])
    (suspect,) = runtime_dir.glob("*/quarantine/*")
    os.utime(suspect, (time.time() - 3600,) * 2)
    assert ask(neighbour, source, parse_path("resize/w_20")[0]).body


def test_the_masters_death_is_healed_and_not_the_pictures_fault(pool, source, lines, runtime_dir):
    renderer = pool()
    first = ask(renderer, source, clock(0)).body
    (master,) = masters(runtime_dir)
    os.kill(master, signal.SIGKILL)
    wait_until(lambda: not children(master), "its children are gone")
    second = ask(renderer, source, clock(0)).body
    assert first != second
    assert events(lines) == []


def test_a_job_whose_pool_dies_is_done_by_the_next_pool(pool, source, lines, runtime_dir):
    renderer = pool()
    first = json.loads(ask(renderer, source, clock(0)).body)
    (master,) = masters(runtime_dir)
    with ThreadPoolExecutor() as threads:
        job = threads.submit(ask, renderer, source, clock(1000))
        time.sleep(0.3)
        os.kill(master, signal.SIGKILL)
        assert json.loads(job.result().body)["pool"] != first["pool"]
    assert events(lines) == []


def test_a_child_that_is_killed_between_jobs_is_replaced(pool, source, runtime_dir):
    renderer = pool()
    ask(renderer, source, clock(0))
    (master,) = masters(runtime_dir)
    (child,) = children(master)
    os.kill(child, signal.SIGKILL)
    assert ask(renderer, source, clock(0)).body
    assert children(master) != [child]


def test_processes_are_replaced_after_so_many_jobs(pool, source, runtime_dir):
    renderer = pool(recycle=3)
    ask(renderer, source, clock(0))
    (master,) = masters(runtime_dir)
    (child,) = children(master)
    for _ in range(6):
        ask(renderer, source, clock(0))
    assert child not in children(master)
