"""What was acknowledged stays, and arrives as it was sent, whatever else happens at that moment."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.hostile.storm import PICTURE
from tests.servers import Answer, Server, serving

BOUNDARY = b"----WebKitFormBoundary7MA4YWxkTrZu0gW"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}"}
ADMIN = {"Authorization": "Bearer admin"}


def post_body(pictures: dict[str, bytes], line_end: bytes) -> bytes:
    lines = []
    for name, body in pictures.items():
        disposition = f'Content-Disposition: form-data; name="{name}"; filename="{name}"'.encode()
        lines += [b"--" + BOUNDARY, disposition, b"", body]
    return line_end.join([*lines, b"--" + BOUNDARY + b"--", b""])


def post(server: Server, pictures: dict[str, bytes], line_end: bytes = b"\r\n") -> Answer:
    return server.ask("/upload/", "POST", post_body(pictures, line_end), FORM)


def upload_to_a_full_disk(folder: Path, disk: Path, rounds: int) -> dict[int, int]:
    """Four forms at once with the same seven pictures, of which the disk has room for some; gives how many answers
    had which status. Whatever was acknowledged has to be there when all are answered.
    """
    statuses: dict[int, int] = {}
    with serving(folder, folder=str(disk / "data"), admin_token="admin") as server, ThreadPoolExecutor(4) as pool:
        for number in range(rounds):
            pictures = {f"{number}/{n}.jpg": PICTURE + bytes([n]) * 190_000 for n in range(7)}
            names = list(pictures)
            forms = [{name: pictures[name] for name in names[at:] + names[:at]} for at in (0, 2, 4, 6)]
            # One that fits, so that some are acknowledged in each round.
            forms[number % 4] = dict(list(forms[number % 4].items())[:2])
            answers = list(pool.map(lambda form: post(server, form), forms))
            for answer in answers:
                statuses[answer.status] = statuses.get(answer.status, 0) + 1
                for told in json.loads(answer.body).get("files", []):
                    stored = server.ask(f"/proc/{told['key']}")
                    assert (stored.status, stored.body == pictures[told["key"]]) == (200, True), told["key"]
            for name in names:
                assert server.ask(f"/upload/{name}", "DELETE", headers=ADMIN).status in (204, 404)
    return statuses


def test_what_was_acknowledged_at_a_full_disk_stays(tmp_path: Path, small_disk: Path) -> None:
    statuses = upload_to_a_full_disk(tmp_path, small_disk, 6)
    assert {507} < set(statuses) <= {200, 201, 507}


@pytest.mark.hard
def test_200_forms_at_a_full_disk_lose_nothing_that_was_acknowledged(tmp_path: Path, small_disk: Path) -> None:
    statuses = upload_to_a_full_disk(tmp_path, small_disk, 50)
    print(f"answers by status: {statuses}")
    assert {507} < set(statuses) <= {200, 201, 507}


def test_the_same_new_picture_from_many_at_once_is_no_conflict(tmp_path: Path) -> None:
    with serving(tmp_path) as server, ThreadPoolExecutor(8) as pool:
        for number in range(5):
            told = pool.map(
                lambda _, key=f"{number}.jpg": server.ask(f"/upload/{key}", "PUT", PICTURE).status, range(8)
            )
            assert sorted(told) == [200] * 7 + [201]


def test_a_form_that_the_store_cuts_short_says_what_it_has(tmp_path: Path, small_disk: Path) -> None:
    pictures = {f"{n}.jpg": PICTURE + bytes(300_000) for n in range(5)}
    with serving(tmp_path, folder=str(small_disk / "data")) as server:
        answer = post(server, pictures)
        assert answer.status == 507
        assert "stored already: '0.jpg', " in json.loads(answer.body)["detail"]
        assert server.ask("/proc/0.jpg").body == pictures["0.jpg"]
        # The same picture again is no conflict, so whoever sends the form again loses nothing.
        assert server.ask("/upload/0.jpg", "PUT", pictures["0.jpg"]).status == 200


@pytest.mark.hard
def test_uploads_of_every_length_around_the_edges_of_reads_arrive_as_they_are(tmp_path: Path) -> None:
    """Lengths of the whole body, as the server reads it, and with both line ends."""
    lengths = [*range(65_000, 66_001), *range(131_022, 131_123), *range(196_558, 196_659)]
    with serving(tmp_path, max_upload_parts="3") as server:
        for length in lengths:
            for line_end in (b"\r\n", b"\n"):
                name = f"{length}-{len(line_end)}.jpg"
                empty = len(post_body({name: b"", f"small-{name}": PICTURE}, line_end))
                body = PICTURE.ljust(length - empty, b"\r")
                assert post(server, {f"small-{name}": PICTURE, name: body}, line_end).status == 201
                stored = (tmp_path / "data" / "sources" / name).read_bytes()
                assert hashlib.sha256(stored).digest() == hashlib.sha256(body).digest(), name
    print(f"{2 * len(lengths)} forms with two files each: all bytes equal")
