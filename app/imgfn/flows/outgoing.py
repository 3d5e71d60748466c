"""Calls to other servers: only to what the operator listed, at addresses that were looked at, and never redirected.

What a flow calls may come from an event, so an open list would let strangers reach into our network (SSRF, OWASP's
"Server-Side Request Forgery Prevention").
"""

import ipaddress
import json
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

import certifi
import urllib3

INTERNAL = "internal+"  # before an entry whose host may have an address in a private network
MAX_ANSWER_BYTES = 64 * 1024
CONNECT_SECONDS, READ_SECONDS = 5.0, 15.0
PORTS = {"http": 80, "https": 443}


class OutgoingRefused(Exception):
    """The call is not allowed; another try would be refused, too."""


class OutgoingFailed(Exception):
    """The call was made and did not succeed. `passes` tells whether another try may."""

    def __init__(self, words: str, *, passes: bool) -> None:
        super().__init__(words)
        self.passes = passes


@dataclass(frozen=True)
class Reply:
    """What came back: `body` is parsed where it is JSON, else text."""

    status: int
    body: Any


Resolve = Callable[[str, int], Sequence[str]]


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Outgoing:
    """`allowed` are URL prefixes: https://hooks.slack.com/services/; internal+http://approvals.lan:8080/."""

    def __init__(self, allowed: Sequence[str], resolver: Resolve = resolve) -> None:
        self._allowed = [(entry.removeprefix(INTERNAL), entry.startswith(INTERNAL)) for entry in allowed]
        self._resolve = resolver

    def request(self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
        """Send `body` as JSON (bytes: as they are). Raises OutgoingRefused and OutgoingFailed; gives every 2xx."""
        parts, internal = self._admit(url)
        address = self._address(parts, internal)
        data = body if isinstance(body, bytes | None) else json.dumps(body, ensure_ascii=False).encode()
        told = {"User-Agent": "imgfn", "Host": parts.netloc.rpartition("@")[2], **(headers or {})}
        if data is not None and not isinstance(body, bytes):
            told.setdefault("Content-Type", "application/json; charset=utf-8")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        with self._pool(parts, address) as pool:
            try:
                reply = pool.request(method, target, body=data, headers=told, redirect=False, preload_content=False)
                text = reply.read(MAX_ANSWER_BYTES, decode_content=True)
                reply.release_conn()
            except urllib3.exceptions.HTTPError as error:
                raise OutgoingFailed(f"{parts.hostname}: {type(error).__name__}", passes=True) from error
        if not 200 <= reply.status < 300:
            # 4xx but for "too early", "too many" and "took too long" stay as they are.
            passes = reply.status >= 500 or reply.status in (408, 425, 429)
            raise OutgoingFailed(f"{parts.hostname} answered {reply.status}", passes=passes)
        return Reply(reply.status, _parse(text))

    def _admit(self, url: str) -> tuple[SplitResult, bool]:
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname or parts.username is not None:
            raise OutgoingRefused(f"{url[:80]!r}: expected http(s)://host/…, without a user")
        for entry, internal in self._allowed:
            allowed = urlsplit(entry)
            same = (allowed.scheme, allowed.hostname, _port(allowed)) == (parts.scheme, parts.hostname, _port(parts))
            path = allowed.path or "/"
            below = (parts.path or "/").startswith(path if path.endswith("/") else path + "/")
            if same and (below or parts.path == allowed.path) and "/../" not in f"{parts.path}/":
                return parts, internal
        raise OutgoingRefused(f"{parts.scheme}://{parts.netloc} is not in IMGFN_NOTICE_URLS")

    def _address(self, parts: SplitResult, internal: bool) -> str:
        host = parts.hostname or ""
        try:
            addresses = self._resolve(host, _port(parts))
        except OSError as error:
            raise OutgoingFailed(f"the host {host} has no address", passes=True) from error
        listed = _is_address(host)  # an address that the operator wrote himself
        for address in addresses:
            if not (internal or listed or ipaddress.ip_address(address.partition("%")[0]).is_global):
                raise OutgoingRefused(
                    f"{host} has the address {address} in a private network; if that is meant, list it as {INTERNAL}…"
                )
        return addresses[0]

    def _pool(self, parts: SplitResult, address: str) -> urllib3.HTTPConnectionPool:
        """A connection to that very address: a second look-up could give another one."""
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        if parts.scheme == "http":
            return urllib3.HTTPConnectionPool(address, _port(parts), timeout=timeout, retries=False)
        return urllib3.HTTPSConnectionPool(
            address,
            _port(parts),
            timeout=timeout,
            retries=False,
            server_hostname=parts.hostname,
            assert_hostname=parts.hostname,
            cert_reqs="CERT_REQUIRED",
            ca_certs=certifi.where(),
        )


def _port(parts: SplitResult) -> int:
    return parts.port or PORTS.get(parts.scheme, 0)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _parse(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace")
