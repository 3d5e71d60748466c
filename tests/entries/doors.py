"""The four ways into the two functions: one request goes through each, one Answer comes back."""

import base64
import io
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote

import functions.proc
import functions.upload
from deploy.fc import bridge
from tests.servers import Answer, Server

HANDLERS = {"proc": functions.proc.handler, "upload": functions.upload.handler}
CREDENTIALS = SimpleNamespace(access_key_id="id", access_key_secret="secret", security_token="token")
CONTEXT = SimpleNamespace(request_id="1-2-3", region="cn-shanghai", credentials=CREDENTIALS)


@dataclass(frozen=True)
class Ask:
    """A request to one of the functions; `path` is below the function's mount and percent-encoded."""

    function: str
    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __str__(self) -> str:
        return f"{self.method} {self.function}{self.path}"


Door = Callable[[Ask], Answer]


def through_server(server: Server, prefix: str) -> Door:
    """Mounted in the whole server."""
    return lambda ask: server.ask(f"{prefix}/{ask.function}{ask.path}", ask.method, ask.body or None, ask.headers)


def alone(servers: Mapping[str, Server]) -> Door:
    """`gunicorn functions.proc:handler`."""
    return lambda ask: servers[ask.function].ask(ask.path, ask.method, ask.body or None, ask.headers)


def through_cloud_2(ask: Ask) -> Answer:
    """Function Compute 2.0: the runtime's environ, a whole body in memory, and nobody who calls close()."""
    path, _, query = ask.path.partition("?")
    environ: dict[str, Any] = {
        **os.environ,
        "SCRIPT_NAME": "",
        "SERVER_NAME": "fc",
        "SERVER_PORT": "9000",
        "REQUEST_METHOD": ask.method,
        "PATH_INFO": unquote(path),  # real Unicode, against PEP 3333
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(ask.body)),
        "CONTENT_TYPE": "application/octet-stream",
        "REMOTE_ADDR": "127.0.0.1",
        "fc.request_uri": f"/2016-08-15/proxy/pydemo.prod/{ask.function}{ask.path}",
        "fc.context": CONTEXT,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(ask.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in ask.headers.items():
        cgi = name.upper().replace("-", "_")
        environ[cgi if cgi == "CONTENT_TYPE" else f"HTTP_{cgi}"] = value
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        started[:] = [status, headers]
        return lambda chunk: None

    body = b"".join(HANDLERS[ask.function](environ, start_response))
    status, headers = started
    return Answer(int(status.partition(" ")[0]), _message(headers), body)


def through_cloud_3(ask: Ask) -> Answer:
    """Function Compute 3.0: an event of JSON through deploy/fc/bridge.py."""
    path, _, query = ask.path.partition("?")
    event = {
        "version": "v1",
        "rawPath": path,
        "body": base64.b64encode(ask.body).decode(),
        "isBase64Encoded": True,
        "headers": dict(ask.headers),
        "queryParameters": {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()},
        "requestContext": {
            "accountId": "1",
            "domainName": "fc.example",
            "http": {
                "method": ask.method,
                "path": unquote(path),
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "test",
            },
            "requestId": "1-2-3",
        },
    }
    told = getattr(bridge, ask.function)(json.dumps(event).encode(), CONTEXT)
    json.dumps(told)  # what the runtime does with it
    return Answer(told["statusCode"], _message(told["headers"].items()), base64.b64decode(told["body"]))


def _message(headers: Any) -> Message:
    message = Message()
    for name, value in headers:
        message[name] = value
    return message


def open_doors(server: Server, proc: Server, upload: Server) -> dict[str, Door]:
    """All of them, by name."""
    return {
        "mounted": through_server(server, ""),
        "mounted, with the tutorial's prefix": through_server(server, "/2016-08-15/proxy/pydemo"),
        "alone": alone({"proc": proc, "upload": upload}),
        "Function Compute 2.0": through_cloud_2,
        "Function Compute 3.0": through_cloud_3,
    }
