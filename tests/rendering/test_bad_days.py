"""Renderers that are killed, stopped or starved by somebody else, and a runtime folder that goes away."""

import io
import json
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imgfn.core.faults import BadImage, RenderTimeout, SlowDown
from imgfn.core.plan import parse_path
from imgfn.renderpool import deaths, heartbeat
from tests.rendering.conftest import ask, children, clock, events, hold, masters, misbehave, wait_until


def renderers(runtime_dir):
    (master,) = masters(runtime_dir)
    return children(master)


def strikes(runtime_dir):
    return list(runtime_dir.glob("*/quarantine/*"))


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGHUP])
def test_a_renderer_that_somebody_kills_is_not_the_pictures_fault(pool, source, lines, runtime_dir, signum):
    renderer = pool()
    ask(renderer, source, clock(0))
    with ThreadPoolExecutor() as threads:
        for _ in range(3):
            (child,) = renderers(runtime_dir)
            job = threads.submit(ask, renderer, io.BytesIO(source.getvalue()), misbehave("wait"))
            time.sleep(0.3)
            os.kill(child, signum)
            with pytest.raises(SlowDown, match="killed from outside") as caught:
                job.result()
            assert caught.value.headers["Retry-After"]
            assert ask(renderer, source, clock(0)).body
    assert set(events(lines)) == {"renderer_killed"}
    assert strikes(runtime_dir) == []


def test_a_renderer_that_is_stopped_in_a_job_is_killed_from_outside(pool, source, lines, runtime_dir):
    renderer = pool(seconds=1.0)
    ask(renderer, source, clock(0))
    (child,) = renderers(runtime_dir)
    with ThreadPoolExecutor() as threads:
        job = threads.submit(ask, renderer, io.BytesIO(source.getvalue()), hold(500))
        time.sleep(0.2)
        os.kill(child, signal.SIGSTOP)
        with pytest.raises(SlowDown, match="did not move"):
            job.result()
    assert ask(renderer, source, clock(0)).body
    assert child not in renderers(runtime_dir)
    assert events(lines) == ["renderer_hung"]
    assert strikes(runtime_dir) == []


def test_when_all_idle_renderers_are_stopped_others_do_the_job(pool, source, runtime_dir, lines):
    renderer = pool(processes=2)
    ask(renderer, source, clock(0))
    stopped = renderers(runtime_dir)
    for child in stopped:
        os.kill(child, signal.SIGSTOP)
    assert json.loads(ask(renderer, source, clock(0)).body)["process"] not in stopped
    assert events(lines) == []


def test_a_pool_that_is_stopped_whole_is_replaced(pool, source, runtime_dir, monkeypatch):
    monkeypatch.setattr(deaths, "MASTER_SILENT_SECONDS", 2.0)
    renderer = pool(seconds=0.5)
    first = json.loads(ask(renderer, source, clock(0)).body)["pool"]
    (master,) = masters(runtime_dir)
    for pid in (*children(master), master):
        os.kill(pid, signal.SIGSTOP)
    with pytest.raises(SlowDown):
        ask(renderer, source, clock(0))
    assert json.loads(ask(renderer, source, clock(0)).body)["pool"] != first


def test_a_frozen_machine_makes_nobody_silent():
    silence = heartbeat.Silence(seen=1)
    silence.looked -= 3600
    assert not silence.lasts((1, True), 10.0)
    for _ in range(6):
        silence.looked -= 2
        silent = silence.lasts((1, True), 10.0)
    assert silent
    assert not silence.lasts((2, True), 10.0)


def test_the_kernel_takes_renderers_first_where_memory_ends(pool, source, runtime_dir):
    ask(pool(), source, clock(0))
    (master,) = masters(runtime_dir)
    (child,) = children(master)
    score = {pid: int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in (os.getpid(), master, child)}
    assert score[child] >= 500
    assert score[master] == score[os.getpid()]


def test_a_runtime_folder_that_was_removed_is_made_again(pool, source, runtime_dir, lines):
    renderer = pool()
    first = ask(renderer, source, clock(0)).body
    for folder in runtime_dir.iterdir():
        shutil.rmtree(folder)
    assert ask(renderer, source, clock(0)).body != first
    assert events(lines) == []
    wait_until(lambda: len(masters(runtime_dir)) == 1, "the pool without a folder has gone")


def test_a_crash_is_told_though_the_folder_was_removed_meanwhile(pool, source, runtime_dir):
    renderer = pool()
    ask(renderer, source, clock(0))
    with ThreadPoolExecutor() as threads:
        job = threads.submit(ask, renderer, io.BytesIO(source.getvalue()), misbehave("late abort"))
        time.sleep(0.2)
        for folder in runtime_dir.iterdir():
            shutil.rmtree(folder)
        with pytest.raises(BadImage):  # it is tried again in a new pool, and crashes there, too
            job.result()
    assert ask(renderer, source, clock(0)).body


def test_overruns_rest_one_plan_and_no_other(pool, source, lines):
    renderer = pool(seconds=0.3)
    for _ in range(2):
        with pytest.raises(RenderTimeout, match="took longer"):
            ask(renderer, source, hold(60_000))
    with pytest.raises(RenderTimeout, match=r"this plan took longer .* twice.* other plans are"):
        ask(renderer, source, hold(60_000))
    assert ask(renderer, source, parse_path("resize/w_20")[0]).body
    assert renderer.inspect(source, len(source.getvalue())).size == (40, 30)
    assert ask(renderer, source, clock(0)).body
    assert events(lines) == ["renderer_overran", "renderer_overran", "plan_in_quarantine"]
