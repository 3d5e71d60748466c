"""The whole server as one WSGI application: the two functions, and Flask for the rest."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.wrappers import Response
from werkzeug.wsgi import ClosingIterator

from imgfn import wiring
from imgfn.functions import foreign, proc, upload
from imgfn.grammars import iiif
from imgfn.http.request import Exchange
from imgfn.http.responses import Answer
from imgfn.http.serve import serve
from imgfn.observability import events, metrics
from imgfn.process.deferral import deferring
from imgfn.web.answers import answers
from imgfn.web.bucket_events import bucket_events
from imgfn.web.documents import documents
from imgfn.web.flows import flows
from imgfn.web.playground import playground
from imgfn.web.status import status

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HANDLERS = {"upload": upload.handler, "proc": proc.handler}
FUNCTION = re.compile(rf"(?:/2016-08-15/proxy/[^/]+)?/({'|'.join(HANDLERS)})(?:/|$)")


def create_app() -> "WSGIApplication":
    """The application that gunicorn serves. The functions are called as they are: Flask is not on the hot path."""
    events.count_with(metrics)
    metrics.start_at_zero()
    flask = create_flask()
    pages = flask.url_map.bind("")
    serves_iiif = "iiif" in wiring.settings().grammars
    serves_objects = wiring.settings().oss_mount

    def answer(exchange: Exchange) -> Answer:
        response = Response.from_app(flask, exchange.environ)
        chunks, _, headers = response.get_wsgi_response(exchange.environ)
        return Answer(response.status_code, dict(headers), chunks)

    def route(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        function = FUNCTION.match(environ["PATH_INFO"])
        if function:
            return HANDLERS[function[1]](environ, start_response)
        if serves_iiif and environ["PATH_INFO"].startswith(f"{iiif.MOUNT}/"):
            return foreign.iiif_handler(environ, start_response)
        if serves_objects and not pages.test(environ["PATH_INFO"]):
            return proc.object_handler(environ, start_response)
        methods = ("GET", "HEAD", "POST")
        return serve(answer, environ, start_response, mount="", methods=methods, settings=wiring.settings)

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with deferring() as deferred:
            body = route(environ, start_response)
        return ClosingIterator(body, deferred) if deferred else body

    return application


def create_flask() -> Flask:
    """Pages and probes. What its views raise, `serve` answers, as for the functions."""
    flask = Flask("imgfn.web", static_folder=None)
    flask.config.update(TRAP_HTTP_EXCEPTIONS=True, PROPAGATE_EXCEPTIONS=True)
    flask.url_map.merge_slashes = False
    flask.url_map.strict_slashes = False
    flask.register_blueprint(documents)
    flask.register_blueprint(playground)
    flask.register_blueprint(status)
    flask.register_blueprint(bucket_events)
    flask.register_blueprint(answers)
    flask.register_blueprint(flows)
    return flask
