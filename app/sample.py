"""The picture that comes with imgfn: something to try things on before one has uploaded anything."""

from pathlib import Path

from app.core.key import Key

SAMPLE = Path(__file__).parent / "web" / "sample.png"
SAMPLE_KEY = Key("sample.png")  # not the tutorial's lena.png: that name is free for its reader's own picture
