"""One signature at every door of Function Compute."""

import time
from collections.abc import Callable

import pytest

from imgfn.http.signing import sign
from tests.entries.doors import Ask, Door, through_cloud_2, through_cloud_3

SECRET = "a-secret-of-sixteen"


def signed(target: str) -> str:
    """The URL below the function, as its door takes it."""
    return sign(target, "a", SECRET, int(time.time()) + 60).removeprefix("/proc").removeprefix("/upload")


@pytest.mark.parametrize("door", [through_cloud_2, through_cloud_3])
def test_a_signature_is_good_at_every_door(door: Door, configure: Callable[..., None], photo: bytes):
    configure(signing_keys=f"a:{SECRET}", access="signed-only")
    grant = signed(f"/upload/a/%E5%9B%BE%201.png?max-bytes={len(photo)}&type=image/png")
    assert door(Ask("upload", grant, "PUT", {"Content-Type": "image/png"}, photo)).status == 201
    for target in ("/proc/rotate/10/a/%E5%9B%BE%201.png", "/proc/a/%E5%9B%BE%201.png?x-oss-process=image/resize,w_20"):
        url = signed(target)
        assert door(Ask("proc", url)).status == 200
        assert door(Ask("proc", url.replace("%E5", "%e5"))).status == 403
        assert door(Ask("proc", url.replace("/a/", "/b/"))).status == 403
        assert door(Ask("proc", url[:-1])).status == 403
    assert door(Ask("proc", "/a/%E5%9B%BE%201.png")).status == 403
