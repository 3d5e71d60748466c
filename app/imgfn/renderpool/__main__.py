"""`python -P -m imgfn.renderpool` is the pool's master: gunicorn's, which also tells how renderers end.

The launcher starts it; its configuration is `imgfn.renderpool.supervisor`.
"""

import os
import signal
from contextlib import suppress
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from imgfn.renderpool import deaths, heartbeat, supervisor, worker


class Master(Arbiter):  # type: ignore[misc]  # untyped there
    """Gunicorn's arbiter. It watches its renderers by their heartbeats: gunicorn's own asks for a call of theirs that
    is forbidden, and would also strike idle ones when a cloud function is thawed."""

    def murder_workers(self) -> None:
        """Kill whoever has stopped moving, and have another in its place even where that one cannot die yet."""
        deaths.tell_alive(supervisor.deaths_file)
        for pid, renderer in list(self.WORKERS.items()):
            if renderer.silence.lasts(heartbeat.read(renderer.slot), supervisor.job_seconds):
                self.log.error("renderer %s does not move and is replaced", pid)
                deaths.record(supervisor.deaths_file, renderer.age, deaths.HUNG)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                self._forget(pid)

    def reap_workers(self) -> None:
        """Bury the dead as gunicorn does, and write down how each ended."""
        with suppress(ChildProcessError):
            while (told := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = told
                renderer = self.WORKERS.get(pid)
                if renderer is None:
                    continue
                deaths.record(supervisor.deaths_file, renderer.age, status)
                self._forget(pid)
                if os.WIFSIGNALED(status):
                    self.log.warning("renderer %s ended by signal %s", pid, os.WTERMSIG(status))
                elif code := os.WEXITSTATUS(status):
                    self.log.warning("renderer %s ended with status %s", pid, code)
                    if code in (self.WORKER_BOOT_ERROR, self.APP_LOAD_ERROR):
                        raise HaltServer("a renderer does not start", code)

    def _forget(self, pid: int) -> None:
        renderer = self.WORKERS.pop(pid)
        with suppress(OSError):
            renderer.tmp.close()


class Pool(BaseApplication):  # type: ignore[misc]  # untyped there
    """Gunicorn with the settings and hooks of `imgfn.renderpool.supervisor`, and no others."""

    def load_config(self) -> None:
        for name, value in vars(supervisor).items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        return worker.answer


Master(Pool()).run()
