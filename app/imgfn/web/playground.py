"""The playground page: its files, the modules that it shares with the mini-program, and QR codes."""

import io
import json
from pathlib import Path
from urllib.parse import urlsplit

import segno
from flask import Blueprint, Response, request, send_file, send_from_directory

from imgfn.core.faults import InvalidArgument
from imgfn.web.sample import SAMPLE

# `img-src blob:` shows the chosen file before it is uploaded, and the result without asking for it twice.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

PAGE = Path(__file__).parent / "playground"

playground = Blueprint("playground", __name__)


def find_shared_modules() -> Path:
    """The folder of the mini-program's plain modules: in the clone, or where the wheel put its copy."""
    installed = PAGE / "lib"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "miniprogram" / "lib"


@playground.get("/")
def show_page() -> Response:
    """The page."""
    return send_from_directory(PAGE, "index.html")


@playground.get("/playground/<name>")
def send_page_file(name: str) -> Response:
    """One of the page's own files."""
    return send_from_directory(PAGE, name)


@playground.get("/playground/sample.png")
def send_sample() -> Response:
    """The sample picture."""
    return send_file(SAMPLE)


@playground.get("/playground/lib.js")
def send_shared_modules() -> Response:
    """All of miniprogram/lib as one ES module.

    The mini-program loads those files with CommonJS's `require`, which browsers lack. So each becomes a function here,
    and the page imports a `require` that calls it once: one copy of the source, no build, and no eval.
    """
    modules = ",\n".join(
        f"{json.dumps('./' + path.stem)}(module, require) {{\n{path.read_text(encoding='utf-8')}}}"
        for path in sorted(find_shared_modules().glob("*.js"))
    )
    loader = """
const loaded = {};
export function require(name) {
  if (!loaded[name]) {
    loaded[name] = { exports: {} };
    modules[name](loaded[name], require);
  }
  return loaded[name].exports;
}
"""
    response = Response(f"const modules = {{\n{modules}\n}};\n{loader}", content_type="text/javascript; charset=utf-8")
    response.add_etag()
    response.make_conditional(request)
    return response


@playground.get("/qr.svg")
def draw_qr_code() -> Response:
    """The QR code of `url`, which has to be a result's URL on this host: nobody's links get our name.

    Raises InvalidArgument.
    """
    url = request.args.get("url", "")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.netloc != request.host or not parts.path.startswith("/proc/"):
        raise InvalidArgument(
            "QR codes are drawn for results on this host only",
            parameter="url",
            expected=f"http(s)://{request.host}/proc/…",
        )
    drawing = io.BytesIO()
    segno.make(url, error="m").save(drawing, kind="svg", omitsize=True, border=4, light="#fff", xmldecl=False)
    return Response(drawing.getvalue(), content_type="image/svg+xml")


@playground.after_request
def protect(response: Response) -> Response:
    """No other host is ever asked, nothing inline runs, and the page is not framed."""
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-cache"  # files are small and have ETags: a new version shows at once
    return response
