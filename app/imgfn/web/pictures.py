"""URLs of pictures on our own pages, signed where strangers may not see everything."""

import time
from urllib.parse import quote

from imgfn import wiring
from imgfn.http.signing import sign

SECONDS = 3600
PLAN = "auto-orient/1/resize/w_960,h_960/format/jpg"


def picture_url(key: str) -> str:
    """A path that shows the picture at a size for a screen; empty for no key."""
    if not key:
        return ""
    target = f"/proc/{PLAN}/-/{quote(key)}"
    settings = wiring.settings()
    keys = settings.signing_key_secrets
    if settings.access == "open" or not keys:
        return target
    key_id = next(iter(keys))
    return sign(target, key_id, keys[key_id], int(time.time()) + SECONDS)
