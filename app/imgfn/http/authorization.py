"""Authorization: bearer tokens, signed URLs and access modes, decided before any store is asked."""

import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from werkzeug.wrappers import Request

from imgfn.core.faults import AccessDenied
from imgfn.http.request import Exchange
from imgfn.http.signing import verify

if TYPE_CHECKING:
    from pydantic import SecretStr

    from imgfn.config.settings import Settings

SIGNATURE = re.compile(r"(?:^|&)signature=")
Access = Literal["open", "styles-only", "signed-only"]


def may_run(access: Access, *, styled: bool) -> bool:
    """Whether a plan may run without a signature; `styled` says that it is a style's, as the server defines it.

    The stored original is the empty plan and no style: where access is not open it needs a signature too.
    """
    return access == "open" or (access == "styles-only" and styled)


def admit(exchange: Exchange, *, styled: bool) -> int | None:
    """Let a request for a picture pass; gives when its signature ends (Unix seconds), None for one that needs none.

    A signature that is there must be right, whatever the mode. Raises SignatureDoesNotMatch, Expired, AccessDenied.
    """
    settings = exchange.settings
    if is_signed(exchange):
        return verify(exchange.target, settings.signing_key_secrets)
    if not may_run(settings.access, styled=styled):
        wanted = "a signed URL" if settings.access == "signed-only" else "a style or a signed URL"
        raise AccessDenied(f"this server is {settings.access}", parameter="signature", expected=wanted)
    return None


def is_signed(exchange: Exchange) -> bool:
    """Whether the raw query has a signature, right or wrong."""
    return SIGNATURE.search(exchange.query) is not None


@dataclass(frozen=True)
class Grant:
    """What one upload may do."""

    max_bytes: int
    overwrite: bool = False
    content_type: str | None = None  # None: every picture


def grant_upload(exchange: Exchange) -> Grant:
    """What this upload may do, by its token or by its signed URL.

    A signed URL names the key in its path, and in its query `max-bytes` and `type` (a media type). It never overwrites,
    so a leaked one cannot change a stored picture. Without any token and key configured uploads are open. Raises
    AccessDenied, SignatureDoesNotMatch, Expired.
    """
    request, settings = exchange.request, exchange.settings
    most = settings.max_upload_bytes
    if settings.admin_token is not None and bears(request, settings.admin_token):
        return Grant(most, overwrite=True)
    if is_signed(exchange):
        target = exchange.target
        verify(target, settings.signing_key_secrets)
        content_type, bytes_allowed = request.args.get("type"), request.args.get("max-bytes", type=int)
        # A signature to look at a picture is none to store one, whatever its query has.
        if not (target.startswith("/upload/") and exchange.path and content_type and bytes_allowed):
            raise AccessDenied(
                "an upload's signed URL must say what it is for",
                expected="/upload/<key>?max-bytes=<bytes>&type=<media type>",
            )
        return Grant(min(most, bytes_allowed), content_type=content_type)
    guarded = settings.upload_token is not None or settings.signing_key_secrets
    if guarded and not (settings.upload_token and bears(request, settings.upload_token)):
        raise AccessDenied(
            "to upload needs a token or a signed URL",
            parameter="Authorization",
            expected="Bearer <token>",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return Grant(most, overwrite=settings.allow_overwrite)


def require_admin(exchange: Exchange, deed: str) -> None:
    """Raise AccessDenied unless the request bears the admin token; always where none is configured."""
    require_admin_token(exchange.request, exchange.settings, deed)


def require_admin_token(request: Request, settings: "Settings", deed: str) -> None:
    """As `require_admin`, of a request that no exchange has."""
    token = settings.admin_token
    if token is None:
        raise AccessDenied(f"to {deed} is off here; the server has no admin token configured")
    if not bears(request, token):
        raise AccessDenied(
            f"to {deed} needs the admin token",
            parameter="Authorization",
            expected="Bearer <token>",
            headers={"WWW-Authenticate": "Bearer"},
        )


def bears(request: Request, tokens: "SecretStr") -> bool:
    """Whether the request bears one of `tokens`: several, with commas between, while one replaces another."""
    authorization = request.authorization
    given = (authorization.token or "") if authorization and authorization.type == "bearer" else ""
    known = [token.strip() for token in tokens.get_secret_value().split(",") if token.strip()]
    # A list, not a generator: the answer's time must not tell which of them came near.
    return any([hmac.compare_digest(given.encode(), token.encode()) for token in known])  # noqa: C419  as said
