"""The URL as it was sent: the path below a function's mount, and the text that a signature covers."""

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from imgfn.core.faults import BadRequest, InvalidArgument, SignatureDoesNotMatch

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# Function Compute's URL of a function, and the same prefix typed against our own server.
PROXY_PREFIX = re.compile(r"/2016-08-15/proxy/[^/]+/[^/]+(?=/|$)")

# What browsers leave as it is in a path or a query, besides letters, digits and `_.-~`.
SAFE = "/,:;@!$*'()"


def conform(environ: "WSGIEnvironment") -> "WSGIEnvironment":
    """PATH_INFO as PEP 3333 wants it; Function Compute 2.0 gives real Unicode, on which Werkzeug would break."""
    path = environ.get("PATH_INFO", "")
    if path.isascii() or all(character <= "\xff" for character in path):
        return environ
    return {**environ, "PATH_INFO": path.encode(errors="replace").decode("latin-1")}


def path_below(environ: "WSGIEnvironment", mount: str, max_url_bytes: int) -> str:
    """The decoded path under `mount`, without its leading slash.

    Function Compute 2.0 hands the raw URI over in `fc.request_uri`; a dispatcher may have moved the mount to
    SCRIPT_NAME or not. Raises InvalidArgument where the path is not UTF-8, BadRequest where the URL is too long.
    """
    raw = environ.get("fc.request_uri")
    if raw is not None:
        path = _utf8(unquote(raw.partition("?")[0], encoding="latin-1"))
    else:
        path = _utf8(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))
    if len(path.encode(errors="replace")) + len(environ.get("QUERY_STRING", "")) > max_url_bytes:
        raise BadRequest("the URL is too long", expected=f"at most {max_url_bytes} bytes of path and query")
    return _below(path, mount)


def signed_target(environ: "WSGIEnvironment", mount: str, path: str) -> str:
    """What a signature covers: the mount, the raw path below it, and the raw query.

    The mount stands for whatever leads to the function (Function Compute's proxy prefix, a custom domain's route), so
    one signature is good at all of them. Raises SignatureDoesNotMatch where the raw path does not decode to `path`:
    what was signed must be what is done.
    """
    below = raw_below(environ, mount)
    if _utf8(unquote(below, encoding="latin-1")) != path:
        raise SignatureDoesNotMatch("the path was rewritten on its way", parameter="signature")
    return f"{mount}/{below}?{environ.get('QUERY_STRING', '')}"


def raw_below(environ: "WSGIEnvironment", mount: str) -> str:
    """The path below `mount` as it was sent, percent-encoded, without its leading slash."""
    raw = environ.get("fc.request_uri") or environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if raw is None:  # a server that hides it: then only the usual spelling can be told
        raw = quote(
            environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""), encoding="latin-1", safe="/,:@!$*'()"
        )
    elif not raw.startswith("/"):  # RFC 9112, 3.2.2: the absolute form
        raw = urlsplit(raw).path
    return _below(raw.partition("?")[0], mount)


def segments_of(raw: str) -> list[str]:
    """A raw path divided at its slashes, each segment decoded. Raises InvalidArgument where one is not UTF-8."""
    return [_utf8(unquote(segment, encoding="latin-1")) for segment in raw.split("/")]


def _below(path: str, mount: str) -> str:
    proxied = PROXY_PREFIX.match(path)
    if proxied:
        path = path[proxied.end() :]
    elif path == mount or path.startswith(f"{mount}/"):
        path = path.removeprefix(mount)
    return path.removeprefix("/")


def _utf8(path: str) -> str:
    try:
        return path.encode("latin-1").decode()
    except UnicodeEncodeError:
        return path  # real Unicode already
    except UnicodeDecodeError as error:
        raise InvalidArgument("the path is not UTF-8", parameter="path", expected="percent-encoded UTF-8") from error
