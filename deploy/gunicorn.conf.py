"""For `gunicorn -c deploy/gunicorn.conf.py`, and what `imgfn serve` uses: app/web/server.py."""

from app.web.server import *  # noqa: F403  # gunicorn reads every name
