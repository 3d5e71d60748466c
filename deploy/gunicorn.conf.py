"""For `gunicorn -c deploy/gunicorn.conf.py`, and what `imgfn serve` uses: app/imgfn/web/server.py."""

from imgfn.server.config import *  # noqa: F403  # gunicorn reads every name
