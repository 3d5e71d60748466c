"""The caches that can be told, each by the requests that its documentation names."""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from imgfn.purge.alibaba import refresh
from imgfn.purge.change import Change

# What nginx keeps of one path, by the Accept that deploy/nginx/imgfn-cache.conf makes of a caller's.
ACCEPTS = ("*/*", "image/avif,image/webp,*/*", "image/avif,*/*", "image/webp,*/*")


@dataclass(frozen=True)
class Request:
    """One request to a cache. `accepted` says of a status and a body whether the cache has done it."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    accepted: Callable[[int, bytes], bool] = lambda status, _: 200 <= status < 300


@dataclass(frozen=True)
class Target:
    """A cache. `secret` is its token, `where` its address or its name at the CDN."""

    kind: str
    where: str
    secret: str = field(default="", repr=False)

    def requests(self, change: Change, origin: str) -> Iterator[Request]:
        """What has this cache forget what has changed; `origin` is where the public finds the pictures."""
        return _KINDS[self.kind].requests(self, change, origin)


def varnish(target: Target, change: Change, _: str) -> Iterator[Request]:
    """BAN with a pattern of tags, as deploy/varnish/imgfn.vcl takes it."""
    for tags in _batches(change.tags, 50):
        # No space and no backslash: they would end or change the argument of a ban.
        names = "|".join(tag.replace(".", "[.]") for tag in tags)
        pattern = f"(?:^|[^A-Za-z0-9_.-])(?:{names})(?:$|[^A-Za-z0-9_.-])"
        yield Request("BAN", f"{target.where}/", {"X-Imgfn-Tags": pattern} | _bearer(target))


def nginx(target: Target, change: Change, _: str) -> Iterator[Request]:
    """Nginx has no purge of its own: each path is asked for past the cache, and the answer replaces what was kept."""
    for path in change.paths:
        for accept in ACCEPTS:
            headers = {"X-Imgfn-Refresh": target.secret, "Accept": accept}
            yield Request(
                "GET", f"{target.where}{path}", headers, accepted=lambda status, _: status < 500 and status != 429
            )


def cloudflare(target: Target, change: Change, _: str) -> Iterator[Request]:
    """https://developers.cloudflare.com/api/resources/cache/methods/purge, by tags: at most 100 in a request."""
    url = f"https://api.cloudflare.com/client/v4/zones/{target.where}/purge_cache"
    headers = _bearer(target) | {"Content-Type": "application/json"}
    for tags in _batches(change.tags, 100):
        yield Request("POST", url, headers, json.dumps({"tags": tags}).encode(), _cloudflare_has_done_it)


def fastly(target: Target, change: Change, _: str) -> Iterator[Request]:
    """https://www.fastly.com/documentation/reference/api/purging/: at most 256 surrogate keys in a request."""
    for tags in _batches(change.tags, 256):
        headers = {"Fastly-Key": target.secret, "Accept": "application/json", "Surrogate-Key": " ".join(tags)}
        yield Request("POST", f"https://api.fastly.com/service/{target.where}/purge", headers)


def alibaba(target: Target, change: Change, _: str) -> Iterator[Request]:
    """RefreshObjectCaches of Alibaba Cloud CDN, whose caches know no tags: at most 1,000 URLs in a request.

    IgnoreParams forgets a path with whatever follows its question mark, so every x-oss-process too.
    """
    base = target.where if "://" in target.where else f"https://{target.where}"
    kinds = (("IgnoreParams", [base + path for path in change.paths]),)
    patterns = [f"{re.escape(base + prefix)}.*" for prefix in change.prefixes]
    for kind, paths in (*kinds, ("Regex", patterns)):
        for part in _batches(paths, 1000):
            headers, body = refresh(part, kind, target.secret, int(time.time()))
            yield Request("POST", "https://cdn.aliyuncs.com/", headers, body)


def webhook(target: Target, change: Change, origin: str) -> Iterator[Request]:
    """A POST of JSON to whoever wants it; with a secret it is signed, as GitHub signs its own."""
    told = {"origin": origin, "tags": change.tags, "paths": change.paths, "prefixes": change.prefixes}
    body = json.dumps(told, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json"}
    if target.secret:
        signature = hmac.new(target.secret.encode(), body, hashlib.sha256).hexdigest()
        headers["X-Imgfn-Signature-256"] = f"sha256={signature}"
    yield Request("POST", target.where, headers, body)


@dataclass(frozen=True)
class _Kind:
    requests: Callable[[Target, Change, str], Iterator[Request]]
    where: re.Pattern[str]
    expected: str  # of `where`, in words
    secret: str = ""  # what the secret is; empty: it may be left out
    tag_header: str = ""  # the header in which this cache reads tags


_URL = re.compile(r"https?://[^\s/]+")
_NAME = re.compile(r"[A-Za-z0-9]+")
_KINDS = {
    "nginx": _Kind(nginx, _URL, "http://host:port", "the one in deploy/nginx/imgfn-cache.conf"),
    "varnish": _Kind(varnish, _URL, "http://host:port", "", "Surrogate-Key"),
    "cloudflare": _Kind(cloudflare, _NAME, "the id of a zone", "an API token", "Cache-Tag"),
    "fastly": _Kind(fastly, _NAME, "the id of a service", "an API token", "Surrogate-Key"),
    "alibaba": _Kind(
        alibaba,
        re.compile(r"(?:https?://)?[a-z0-9.-]+"),
        "the accelerated domain",
        "AccessKeyId:AccessKeySecret",
    ),
    "webhook": _Kind(webhook, re.compile(r"https?://\S+"), "a URL"),
}


def parse_targets(words: Sequence[str], secrets: Mapping[str, str]) -> tuple[Target, ...]:
    """`varnish=http://127.0.0.1:6081` and so on, with the secrets by kind. Raises ValueError that names the word."""
    targets = []
    for word in words:
        name, _, where = word.partition("=")
        kind = _KINDS.get(name)
        if kind is None:
            raise ValueError(f"{name!r} is no kind of cache; expected {', '.join(_KINDS)}")
        where = where.rstrip("/") if name in ("nginx", "varnish") else where
        if not kind.where.fullmatch(where):
            raise ValueError(f"{name}: {where!r}; expected {name}=<{kind.expected}>")
        if kind.secret and not secrets.get(name):
            raise ValueError(f"{name} needs a secret in IMGFN_PURGE_TOKENS: {name}=<{kind.secret}>")
        targets.append(Target(name, where, secrets.get(name, "")))
    return tuple(targets)


def tag_headers(targets: Sequence[Target]) -> tuple[str, ...]:
    """The headers in which these caches read the tags of an answer."""
    headers = (_KINDS[target.kind].tag_header for target in targets)
    return tuple(dict.fromkeys(header for header in headers if header))


def _bearer(target: Target) -> dict[str, str]:
    return {"Authorization": f"Bearer {target.secret}"} if target.secret else {}


def _batches(things: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    return (things[start : start + most] for start in range(0, len(things), most))


def _cloudflare_has_done_it(status: int, body: bytes) -> bool:
    try:
        return status == 200 and json.loads(body)["success"] is True
    except (ValueError, KeyError, TypeError):
        return False
