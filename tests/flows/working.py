"""A real `imgfn work` for the tests, its store and its events."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgfn.config.settings import Settings, load_settings
from imgfn.core.faults import Fault
from imgfn.core.key import Key
from imgfn.flows.control import Worker as Control
from imgfn.flows.event import Event
from imgfn.flows.journal import Journal
from imgfn.stores.folder.store import FolderStore
from imgfn.wiring.flows import sockets
from tests.pictures import encoded, scene
from tests.servers import runtime_folder

SECONDS = 60


def picture(width: int = 40, height: int = 30) -> bytes:
    """A PNG file of that size in pixels."""
    return encoded(scene((width, height)))


def wait_until(check: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """What `check` gives, once it gives something true."""
    end = time.monotonic() + seconds
    while not (told := check()):
        assert time.monotonic() < end, f"not within {seconds} s: {check}"
        time.sleep(0.05)
    return told


@dataclass
class Site:
    """A folder with a store, a file of rules, a journal; workers are started beside it."""

    folder: Path
    settings: dict[str, str]

    @property
    def chosen(self) -> Settings:
        return load_settings(_env_file=None, **self.settings)

    @property
    def environ(self) -> dict[str, str]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("IMGFN_")}
        return environ | {f"IMGFN_{name.upper()}": value for name, value in self.settings.items()}

    @property
    def journal(self) -> Journal:
        return Journal(Path(self.settings["folder"]) / "flows")

    @property
    def sources(self) -> FolderStore:
        return FolderStore(Path(self.settings["folder"]) / "sources")

    @property
    def results(self) -> FolderStore:
        return FolderStore(Path(self.settings["folder"]) / "results", durable=False)

    @property
    def control(self) -> Control:
        return Control(sockets(self.chosen))

    def call(self, verb: str, **given: Any) -> Any:
        return self.control.call(verb, **given)

    def put(self, key: str, body: bytes | None = None, *, tell: bool = True, **more: Any) -> Event:
        """Store a picture behind imgfn's back, as a bucket's other writers do, and tell of it."""
        body = picture() if body is None else body
        stat = self.sources.put(Key(key), io.BytesIO(body), len(body), "image/png")
        event = Event("created", "imgfn-sources", key, stat.etag, stat.size, source="s3", **more)
        if tell:
            self.journal.append([event])
        return event

    def kept(self, key: str) -> list[str]:
        """The results that are kept of a source."""
        return [stat.key for stat in self.results.list(f"{key}/")]

    def runs(self, **asked: Any) -> list[dict[str, Any]]:
        return self.call("runs", limit=1000, **asked)

    def idle(self) -> bool:
        """Whether nothing waits any more."""
        try:
            return not self.journal.entries() and not self.runs(state="waiting") and not self.runs(state="running")
        except Fault:
            return False

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "imgfn", *arguments],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    def start(self, *arguments: str) -> "Working":
        log = (self.folder / "work.log").open("ab")
        command = [sys.executable, "-P", "-m", "imgfn", "work", *arguments]
        process = subprocess.Popen(command, cwd=self.folder, env=self.environ, stdout=log, stderr=log)
        log.close()
        return Working(self, process)

    @contextmanager
    def working(self, *arguments: str) -> Iterator["Working"]:
        worker = self.start(*arguments)
        try:
            yield worker.ready()
        finally:
            worker.stop()

    @property
    def log(self) -> str:
        return (self.folder / "work.log").read_text(encoding="utf-8")


@dataclass
class Working:
    """A worker's process."""

    site: Site
    process: subprocess.Popen[bytes]

    def ready(self) -> "Working":
        def answers() -> bool:
            assert self.process.poll() is None, self.site.log
            try:
                return bool(self.site.call("health"))
            except Fault:
                return False

        wait_until(answers)
        return self

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                return self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode


def make_site(folder: Path, rules: str, styles: str = 'thumb = "resize/w_16/format/webp"', **settings: str) -> Site:
    """A site with these rules and styles; `settings` are IMGFN_* in lower case, without prefix."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "flows").mkdir(exist_ok=True)
    (folder / "rules.toml").write_text(rules)
    (folder / "styles.toml").write_text(styles)
    own = {
        "folder": str(folder / "data"),
        "runtime_dir": runtime_folder(folder),
        "flows_file": str(folder / "rules.toml"),
        "styles_file": str(folder / "styles.toml"),
    }
    return Site(folder, own | settings)
