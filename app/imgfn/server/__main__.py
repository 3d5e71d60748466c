"""`python -P -m imgfn.server` is the server that `imgfn serve` starts.

The command `gunicorn` would put the current folder first on the module path, and run a stranger's file that is called
like one of our modules (https://docs.gunicorn.org/en/stable/custom.html is the way around it).
"""

from typing import Any

from gunicorn.app.base import BaseApplication

from imgfn.process.streams import replace_closed

replace_closed()  # before the configuration says anything

from imgfn.server import config  # noqa: E402


class Server(BaseApplication):  # type: ignore[misc]  # untyped there
    """Gunicorn with the settings and hooks of `imgfn.server.config`, and no others."""

    def load_config(self) -> None:
        for name, value in vars(config).items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        from imgfn.web.app import create_app

        return create_app()


Server().run()
