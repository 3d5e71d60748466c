"""One request on its way through us: what was asked, and what the log line will say of it."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request

from imgfn.http.urls import path_below, raw_below, segments_of, signed_target

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from imgfn.config.settings import Settings


class Exchange:
    """A request below a function's mount. Raises InvalidArgument or BadRequest where its path cannot be one."""

    def __init__(self, environ: "WSGIEnvironment", method: str, mount: str, settings: "Settings") -> None:
        self.environ = environ
        self.method = method
        self.settings = settings
        self.path = path_below(environ, mount, settings.max_url_bytes)
        self.facts: dict[str, Any] = {}
        self._mount = mount

    @property
    def query(self) -> str:
        """The raw query."""
        query: str = self.environ.get("QUERY_STRING", "")
        return query

    @property
    def target(self) -> str:
        """What a signature of this request covers."""
        return signed_target(self.environ, self._mount, self.path)

    @property
    def raw_path(self) -> str:
        """The path as it was sent, percent-encoded."""
        return raw_below(self.environ, self._mount)

    @property
    def segments(self) -> list[str]:
        """The path divided before it was decoded: a slash sent as %2F stays inside its segment."""
        return segments_of(self.raw_path)

    @cached_property
    def request(self) -> Request:
        """Werkzeug's view of the headers, the query and the body. Most requests for pictures need none of it."""
        # Unpopulated: environ and request would hold each other, and all lie about until they are collected.
        return Request(self.environ, populate_request=False)
