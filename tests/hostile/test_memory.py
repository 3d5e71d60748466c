"""What a large picture may cost: memory that is there once for each core, and given back."""

from pathlib import Path

import pytest
from PIL import Image, ImageChops

from tests.hostile.corpus import peak_bytes
from tests.hostile.storm import render_children
from tests.pictures import encoded, scene
from tests.servers import serving

MOST_BYTES = 512 << 20
ANGLES = (10, 80, 170)  # none of them leaves a canvas of less than 16 megapixels


@pytest.mark.hard
@pytest.mark.parametrize("name", ["avif", "webp", "png"])
def test_a_telephones_picture_turned_three_times_needs_less_than_512_mb(tmp_path: Path, name: str):
    noise = Image.effect_noise((4032, 3024), 20).convert("RGB")
    picture = encoded(ImageChops.add(scene(noise.size), noise, scale=1.5), "AVIF", speed=10)
    with serving(tmp_path, render_processes="1", render_seconds="60") as server:
        assert server.ask("/upload/a.avif", "PUT", picture).status == 201
        for angle in ANGLES:
            assert server.ask(f"/proc/rotate/{angle}/format/{name}/a.avif").status == 200
        (renderer,) = render_children(server)
        assert peak_bytes(renderer) < MOST_BYTES
