"""The picture that comes with imgfn: something to try things on before one has uploaded anything."""

from pathlib import Path

from imgfn.core.key import Key

SAMPLE = Path(__file__).with_name("sample.png")
SAMPLE_KEY = Key("sample.png")  # not the tutorial's lena.png: that name is free for its reader's own picture
