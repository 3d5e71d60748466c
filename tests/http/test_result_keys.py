"""Results that an earlier version kept go on being served: how their keys are made is fixed since 0.1.0."""

import hashlib

import pytest

from imgfn import wiring
from imgfn.core.key import Key

PLANS = {  # as asked for, and the canonical text that version 0.1.0 made of it
    "rotate/10": "rotate/10",
    "resize/h_100,w_200": "resize/w_200,h_100",
    "resize/200,100/format/jpeg": "resize/w_200,h_100/format/jpg",
    "watermark/text_SGVsbG8g5rC05Y2w,size_32": "watermark/text_SGVsbG8g5rC05Y2w,size_32",
    "quality/Q_60/format/webp": "quality/Q_60/format/webp",
    "blurhash/_": "blurhash/_",
    "max-bytes/20000/format/jpg": "max-bytes/20000/format/jpg",
}


@pytest.mark.parametrize("asked", PLANS)
def test_a_result_is_found_where_version_0_1_0_kept_it(web_proc, web_upload, photo, asked):
    web_upload.put("/upload/a/lena.png", data=photo)
    etag = wiring.service().sources.stat(Key("a/lena.png")).etag
    digest = hashlib.sha256("\n".join(["2", etag, PLANS[asked]]).encode()).hexdigest()[:40]
    made = web_proc.get(f"/proc/{asked}/a/lena.png")
    assert made.headers["ETag"] == f'"{digest}"'
    with wiring.service().results.open(Key(f"a/lena.png/{digest}")) as kept:
        assert kept.body.read() == made.data
