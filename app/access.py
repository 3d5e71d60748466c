"""Who may do what: bearer tokens."""

import hmac

from pydantic import SecretStr
from werkzeug.wrappers import Request

from app.core.faults import AccessDenied


def require_token(request: Request, tokens: list[SecretStr | None], deed: str) -> None:
    """Let the request pass if it bears one of `tokens`; AccessDenied otherwise, also where none is configured."""
    given = request.authorization.token if request.authorization and request.authorization.type == "bearer" else None
    known = [token.get_secret_value().encode() for token in tokens if token is not None]
    if not known:
        raise AccessDenied(f"to {deed} is off here; the server has no token configured for it")
    matches = [hmac.compare_digest(token, (given or "").encode()) for token in known]
    if not any(matches):
        raise AccessDenied(
            f"to {deed} needs a token",
            parameter="Authorization",
            expected="Bearer <token>",
            headers={"WWW-Authenticate": "Bearer"},
        )
