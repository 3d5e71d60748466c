"""imgfn-release: two real servers behind the shipped nginx configuration, under load through every change."""

import collections
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy.load import Load
from tests.deploy.nginx import running_nginx
from tests.deploy.tools import find
from tests.servers import ROOT, Server, fetch, serving, tool
from tests.web.test_metrics import draw

SCRIPT = ROOT / "deploy" / "release" / "imgfn-release"
pytestmark = pytest.mark.real


@dataclass
class Stage:
    """nginx, a slot for each of two versions, and the script with commands that start real servers."""

    folder: Path
    port: int
    slots: dict[str, Server]

    def release(self, *words: str, fails: bool = False, ports: str | None = None) -> str:
        folder = self.folder
        environ = {
            "PATH": os.environ["PATH"],
            "IMGFN_RELEASE_STATE": str(folder / "state"),
            "IMGFN_RELEASE_NGINX": str(folder / "nginx" / "imgfn-upstream.conf"),
            "IMGFN_RELEASE_RELOAD": f"cd {folder}/nginx && nginx -q -t -p . -c nginx.conf && kill -HUP $(cat pid)",
            "IMGFN_RELEASE_START": f'echo "start $VERSION $SLOT $PORT" >> {folder}/calls; [ "$VERSION" != bad ] && '
            "(sleep 20 > /dev/null 2>&1 &)",  # it leaves a process behind, as a server is one
            "IMGFN_RELEASE_STOP": f'echo "stop $SLOT" >> {folder}/calls',
            "IMGFN_RELEASE_PORTS": ports or " ".join(str(self.slots[slot].port) for slot in "ab"),
            "IMGFN_RELEASE_DRAIN": "1",
        }
        done = subprocess.run([SCRIPT, *words], env=environ, capture_output=True, text=True, timeout=120)
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return done.stderr if fails else done.stdout

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()

    def slot_of(self, target: str) -> str:
        """Who answered, by a setting that differs."""
        answer = fetch(f"http://127.0.0.1:{self.port}{target}")
        assert answer.status == 200, answer.body
        return {"max-age=101": "a", "max-age=102": "b"}[answer.headers["Cache-Control"].rpartition(", ")[2]]


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    find("nginx", "nginx-light")
    shared = {"folder": str(folder / "data"), "workers": "1", "render_processes": "1", "render_queue": "64"}
    with (
        serving(folder / "a", cache_seconds="101", **shared) as first,
        serving(folder / "b", cache_seconds="102", **shared) as second,
        running_nginx(folder / "nginx", first.port, limits=False) as port,
    ):
        for number in range(8):
            assert first.ask(f"/upload/{number}.png", "PUT", draw()).status in (200, 201)
        yield Stage(folder, port, {"a": first, "b": second})


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as made:
        yield made


def paths(many: int) -> list[str]:
    return [f"/proc/resize/w_{20 + number // 8}/{number % 8}.png" for number in range(many)]


def test_a_tenth_of_the_pictures_and_always_the_same_ones(stage: Stage):
    assert "version 1, 100 %" in stage.release("start", "1")
    assert set(map(stage.slot_of, paths(40))) == {"a"}
    assert "version 2, 0 %" in stage.release("start", "2")
    assert set(map(stage.slot_of, paths(40))) == {"a"}
    stage.release("weight", "10")
    time.sleep(1)  # connections of nginx's old workers end
    many = paths(1200)
    drawn = list(map(stage.slot_of, many))
    assert 0.08 <= drawn.count("b") / len(drawn) <= 0.12, collections.Counter(drawn)
    assert list(map(stage.slot_of, many[:100])) == drawn[:100]
    assert "version 2, 100 %" in stage.release("promote")
    assert stage.calls == [
        f"start 1 a {stage.slots['a'].port}",
        f"start 2 b {stage.slots['b'].port}",
        "stop a",
    ]
    assert set(map(stage.slot_of, paths(40))) == {"b"}
    # The next version takes the slot that has become free.
    stage.release("start", "3")
    assert stage.calls[-1] == f"start 3 a {stage.slots['a'].port}"
    assert "version 2, 100 %" in stage.release("rollback")
    assert stage.calls[-1] == "stop a"


def test_what_cannot_be_done_is_refused_and_changes_nothing(stage: Stage):
    assert "no new version" in stage.release("weight", "10", fails=True)
    assert "no new version" in stage.release("rollback", fails=True)
    assert "cannot be started" in stage.release("start", "bad", fails=True)
    stage.release("start", "1")
    before = (stage.folder / "nginx" / "imgfn-upstream.conf").read_text()
    assert "0 to 100" in stage.release("weight", "101", fails=True)
    assert "no new version" in stage.release("promote", fails=True)
    stage.release("start", "2")
    assert "tried already" in stage.release("start", "3", fails=True)
    stage.release("rollback")
    assert (stage.folder / "nginx" / "imgfn-upstream.conf").read_text() == before
    assert "imgfn-release start VERSION" in stage.release("nonsense", fails=True)


@pytest.mark.hard
def test_no_request_of_5000_fails_through_five_changes_of_weight(stage: Stage):
    stage.release("start", "1")
    stage.release("start", "2")
    with Load(stage.port, 6, kept=True) as kept, Load(stage.port, 6, kept=False) as new:
        for weight in ("50", "10", "0", "100", "0"):
            kept.await_more(300)
            new.await_more(300)
            stage.release("weight", weight)
        while kept.seen.total() + new.seen.total() < 5000:
            kept.await_more(100)
    print(f"through five changes: {kept.seen + new.seen}")
    assert kept.failures + new.failures == []
    assert set(kept.seen) == {"101", "102"}


@pytest.mark.hard
def test_the_death_of_the_new_version_at_half_of_the_traffic_fails_no_request(stage: Stage):
    stage.release("start", "1")
    stage.release("start", "2")
    stage.release("weight", "50")
    with Load(stage.port, 8, kept=False) as load:
        load.await_more(400)
        master = stage.slots["b"].process
        children = Path(f"/proc/{master.pid}/task/{master.pid}/children").read_text().split()
        for pid in (master.pid, *map(int, children)):
            os.kill(pid, signal.SIGKILL)
        load.await_more(1500)
        stage.release("rollback")
        load.await_more(300)
    print(f"through the death of the new version: {load.seen}")
    assert load.failures == []


def test_the_script_names_its_settings():
    tool("bash")
    told = subprocess.run(
        [SCRIPT],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "IMGFN_RELEASE_STATE": "/tmp/imgfn-release-test"},
    )
    text = SCRIPT.read_text()
    assert set(re.findall(r"\$\{(IMGFN_RELEASE_\w+)", text)) == set(
        re.findall(r"^  (IMGFN_RELEASE_\w+)", told.stderr, re.M)
    )
