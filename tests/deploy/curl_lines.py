"""The tutorial's four curl lines, with a token where the server wants one."""

import io
import subprocess
from pathlib import Path

from PIL import Image

from tests.servers import ROOT

SAMPLE = ROOT / "miniprogram" / "images" / "lena.png"


def run_the_four(origin: str, folder: Path, *options: str) -> list[int]:
    """The statuses of the four lines; the pictures that came back are checked for their kind and size."""
    picture = Image.linear_gradient("L").resize((400, 300)).convert("RGB")
    picture.save(folder / "lena.png")
    turned = picture.rotate(-10, expand=True).size
    lines = (
        (f"{origin}/2016-08-15/proxy/pydemo/upload/", "-F", "lena.png=@lena.png", "-o", "0.json"),
        (f"{origin}/2016-08-15/proxy/pydemo/proc/rotate/10/lena.png", "-o", "1.png"),
        (f"{origin}/upload/", "-F", "lena.png=@lena.png", "-o", "0.json"),
        (f"{origin}/proc/rotate/10/resize/w_200/format/webp/lena.png", "-o", "2.webp"),
    )
    statuses = []
    for line in lines:
        own = options if "-F" in line else ()
        order = ["curl", "-s", "-w", "%{http_code}", "--max-time", "30", *line, *own]
        done = subprocess.run(order, cwd=folder, capture_output=True, text=True, check=True)
        statuses.append(int(done.stdout))
        if statuses[-1] >= 300:
            raise AssertionError(f"{line}: {statuses[-1]} {(folder / line[-1]).read_text()[:500]}")
    first, second = Image.open(folder / "1.png"), Image.open(io.BytesIO((folder / "2.webp").read_bytes()))
    assert first.format == "PNG"
    assert abs(first.width - turned[0]) <= 2
    assert abs(first.height - turned[1]) <= 2
    assert (second.format, second.width) == ("WEBP", 200)
    return statuses
