"""Signed URLs: an HMAC-SHA-256 over the raw path and query, with an expiry and the id of the key that made it."""

import base64
import hmac
import re
import time
from collections.abc import Mapping

from imgfn.core.faults import Expired, SignatureDoesNotMatch

# The signature comes last and the expiry right before it, so all that precedes the signature is what was signed.
SIGNED = re.compile(r"(.*[?&]expires=([0-9]{1,11}))&signature=([A-Za-z0-9_-]{1,32})\.([A-Za-z0-9_-]{43})", re.ASCII)


def sign(target: str, key_id: str, secret: str, expires: int) -> str:
    """`target` with `expires` (Unix seconds) and the signature of key `key_id` appended to its query.

    `target` is the path and query exactly as they will be sent: percent-encoded, beginning with /proc/ or /upload/.
    """
    text = f"{target}{'&' if '?' in target else '?'}expires={expires}"
    return f"{text}&signature={key_id}.{_mac(text, secret)}"


def verify(target: str, keys: Mapping[str, str], now: float | None = None) -> int:
    """When the signature of `target` ends (Unix seconds); `keys` are secrets by id.

    Raises SignatureDoesNotMatch where none of them made it, Expired where its time is over.
    """
    found = SIGNED.fullmatch(target)
    if found is None:
        raise SignatureDoesNotMatch(
            "the signature is missing or incomplete",
            parameter="signature",
            expected="…&expires=<Unix seconds>&signature=<key id>.<base64url of HMAC-SHA-256>, at the URL's end",
        )
    text, expires, key_id, given = found.groups()
    # An id that does not exist costs the same work as one that does, and can match nothing.
    if not hmac.compare_digest(_mac(text, keys.get(key_id, "")), given) or key_id not in keys:
        raise SignatureDoesNotMatch(parameter="signature", expected="one made of this very path and query")
    if int(expires) <= (time.time() if now is None else now):
        raise Expired(f"the signature was good until {expires}", parameter="expires", expected="a later time")
    return int(expires)


def _mac(text: str, secret: str) -> str:
    # Digests are compared as text: base64url without padding has one spelling that we make, and no other one passes.
    digest = hmac.digest(secret.encode(), text.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
