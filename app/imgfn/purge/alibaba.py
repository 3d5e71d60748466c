"""Requests to Alibaba Cloud's API, signed by its method V3.

https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

HOST = "cdn.aliyuncs.com"
VERSION = "2018-05-10"
ALGORITHM = "ACS3-HMAC-SHA256"


def refresh(paths: Sequence[str], kind: str, secret: str, now: int) -> tuple[dict[str, str], bytes]:
    """Headers and body of a POST that has the CDN forget these URLs or patterns.

    `secret` is AccessKeyId:AccessKeySecret, `now` Unix seconds.

    https://help.aliyun.com/zh/cdn/developer-reference/api-cdn-2018-05-10-refreshobjectcaches
    """
    body = urlencode({"ObjectPath": "\n".join(paths), "ObjectType": kind}).encode()
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "host": HOST,
        "x-acs-action": "RefreshObjectCaches",
        "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
        "x-acs-date": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": secrets.token_hex(16),
        "x-acs-version": VERSION,
    }
    access_key, _, access_secret = secret.partition(":")
    return {**headers, "Authorization": sign("POST", {}, headers, access_key, access_secret)}, body


def sign(method: str, query: Mapping[str, str], headers: Mapping[str, str], access_key: str, access_secret: str) -> str:
    """The value of Authorization for a request to `/`. `headers` are in lower case, the hash of the body among them."""
    names = sorted(headers)
    canonical = [
        method,
        "/",
        "&".join(f"{_encode(name)}={_encode(value)}" for name, value in sorted(query.items())),
        *(f"{name}:{headers[name].strip()}" for name in names),
        "",
        ";".join(names),
        headers["x-acs-content-sha256"],
    ]
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    signature = hmac.new(access_secret.encode(), f"{ALGORITHM}\n{digest}".encode(), hashlib.sha256).hexdigest()
    return f"{ALGORITHM} Credential={access_key},SignedHeaders={';'.join(names)},Signature={signature}"


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")
