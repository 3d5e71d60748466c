"""Plans done to bytes, as the tests of this folder say it."""

from PIL import Image

import imgfn.ops  # noqa: F401  fills the registry
from imgfn.core.plan import parse_path
from imgfn.imaging.limits import Limits
from imgfn.imaging.render import Rendered, render
from tests.pictures import opened


def rendered(plan: str, source: bytes, limits: Limits | None = None) -> Rendered:
    return render(source, parse_path(plan)[0], limits or Limits())


def pixels(plan: str, source: bytes) -> Image.Image:
    return opened(rendered(plan, source).body)
