"""Answer tokens: who has the link may answer one question of one run, until it expires."""

import base64
import hmac
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from imgfn.core.faults import Expired, SignatureDoesNotMatch

SECRET_BYTES = 32
MAC_CHARACTERS = 43  # of base64url without padding, for 256 bits


@dataclass(frozen=True)
class Ticket:
    """What a token is good for."""

    run: str
    topic: str  # which question of the run: its step's name and which visit to it
    expires: int  # Unix seconds


def make_token(ticket: Ticket, secret: bytes) -> str:
    """The ticket in base64url, a dot, and its HMAC-SHA-256: safe in a URL's path."""
    body = _encode(f"{ticket.expires}\n{ticket.run}\n{ticket.topic}".encode())
    return f"{body}.{_mac(body, secret)}"


def open_token(token: str, secret: bytes, now: float | None = None) -> Ticket:
    """The ticket of a token. Raises SignatureDoesNotMatch and Expired."""
    body, _, mac = token.partition(".")
    if not hmac.compare_digest(mac.encode(), _mac(body, secret).encode()):
        raise SignatureDoesNotMatch("this is no link to an answer", parameter="token", expected="one that we sent")
    expires, run, topic = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode().split("\n", 2)
    if int(expires) <= (time.time() if now is None else now):
        raise Expired("the time to answer is over", parameter="token", expected="a link that has not expired")
    return Ticket(run, topic, int(expires))


def keep_secret(path: Path) -> bytes:
    """The secret in `path`, made at the first call; of several callers at once all get the same."""
    with suppress(FileNotFoundError):
        return path.read_bytes()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    draft.touch(mode=0o600)
    draft.write_bytes(secrets.token_hex(SECRET_BYTES).encode())
    with suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()
    return path.read_bytes()


def _mac(body: str, secret: bytes) -> str:
    return _encode(hmac.digest(secret, b"imgfn answer\n" + body.encode(), "sha256"))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
