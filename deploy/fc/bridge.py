"""Function Compute 3.0: its built-in runtimes hand a JSON event over, and these two handlers make WSGI of it.

https://help.aliyun.com/zh/functioncompute/fc/user-guide/http-trigger-invoke-function. Handlers in s.yaml:
`deploy/fc/bridge.upload` and `deploy/fc/bridge.proc`.
"""

import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes, urlencode

from werkzeug.test import EnvironBuilder, run_wsgi_app

import functions.proc
import functions.upload
from imgfn import wiring
from imgfn.http.function_compute import remember_context
from imgfn.http.urls import SAFE

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Handler = Callable[[bytes, Any], dict[str, Any]]


def initializer(context: Any) -> None:
    """Function Compute calls this once for each instance, before the first event."""
    wiring.open_service(context)


def bridge(application: "WSGIApplication") -> Handler:
    """A handler of events that asks `application`. Bodies come back as base64, which adds a third: mind the 6 MB."""

    def handle(event: bytes, context: Any) -> dict[str, Any]:
        remember_context(context)
        told = json.loads(event)
        http = told["requestContext"]["http"]
        body = told.get("body") or ""
        environ = EnvironBuilder(
            method=http["method"],
            base_url=f"https://{told['requestContext'].get('domainName', 'localhost')}/",
            headers=told.get("headers") or {},
            # Written again as browsers and `imgfn sign` write it: a signature covers its very bytes.
            query_string=urlencode(told.get("queryParameters") or {}, doseq=True, safe=SAFE, quote_via=quote),
            data=base64.b64decode(body) if told.get("isBase64Encoded") else body.encode(),
        ).get_environ()
        environ["PATH_INFO"] = unquote_to_bytes(told["rawPath"]).decode("latin-1")
        environ["RAW_URI"] = told["rawPath"]
        environ["REMOTE_ADDR"] = http.get("sourceIp", "")
        chunks, status, headers = run_wsgi_app(application, environ, buffered=True)
        return {
            "statusCode": int(status.partition(" ")[0]),
            "headers": {name: ", ".join(headers.getlist(name)) for name in headers.keys()},  # noqa: SIM118  # Headers iterates over pairs
            "isBase64Encoded": True,
            "body": base64.b64encode(b"".join(chunks)).decode(),
        }

    return handle


upload = bridge(functions.upload.handler)
proc = bridge(functions.proc.handler)
