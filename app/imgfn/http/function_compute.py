"""Function Compute's temporary credentials, which are renewed with each request."""

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from imgfn.stores.s3.credentials import Keys, read_context, read_environment

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

IN_FUNCTION_COMPUTE = "FC_FUNCTION_NAME" in os.environ

_newest: Keys | None = None


def remember_context(context: Any) -> None:
    """Take the keys of a `context` of Function Compute, where it has some."""
    global _newest
    _newest = read_context(context) or _newest


def remember_request(environ: "WSGIEnvironment") -> None:
    """Take the keys that came with a request: as context, or as a custom runtime's headers.

    Headers can be sent by anybody, so they count inside Function Compute only.
    """
    if "fc.context" in environ:
        remember_context(environ["fc.context"])
    elif IN_FUNCTION_COMPUTE:
        names = ("access_key_id", "access_key_secret", "security_token")
        given = SimpleNamespace(**{name: environ.get(f"HTTP_X_FC_{name.upper()}") for name in names})
        remember_context(SimpleNamespace(credentials=given))


def newest_keys() -> Keys:
    """The last keys that we were given, else the environment's. Raises StoreUnavailable where there are none."""
    return _newest or read_environment()
