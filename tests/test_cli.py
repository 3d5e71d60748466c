import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from imgfn.core.registry import REGISTRY
from tests.servers import ROOT, Minio, runtime_folder


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "in.jpg"
    Image.effect_noise((120, 80), 80).convert("RGB").save(path)
    return path


def run(folder: Path, *arguments: str, closed: bool = False, **settings: str) -> subprocess.CompletedProcess[bytes]:
    """Run `imgfn`; with its standard output `closed` from the start."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("IMGFN_")}
    own = {"folder": "data", "runtime_dir": runtime_folder(folder), "render": "inline"} | settings
    close = ("sh", "-c", 'exec "$@" >&-', "sh") if closed else ()
    return subprocess.run(
        [*close, sys.executable, "-c", "from imgfn.cli.main import main; main(prog_name='imgfn')", *arguments],
        cwd=folder,
        env=environ | {"PYTHONPATH": str(ROOT)} | {f"IMGFN_{name.upper()}": value for name, value in own.items()},
        capture_output=True,
        timeout=60,
    )


def test_proc_runs_a_plan_and_writes_the_format_of_the_targets_name(tmp_path: Path, photo: Path):
    assert run(tmp_path, "proc", "rotate/10/resize/w_60", "in.jpg", "out.webp").returncode == 0
    image = Image.open(tmp_path / "out.webp")
    assert (image.format, image.width) == ("WEBP", 60)


@pytest.mark.parametrize(
    ("plan", "target", "expected"),
    [
        ("format/png", "out.webp", "PNG"),  # the plan wins
        ("format/auto", "out.webp", "WEBP"),
        ("resize/w_10", "out.jpeg", "JPEG"),
        ("resize/w_10", "out", "JPEG"),  # the source's own
    ],
)
def test_the_format_is_the_plans_else_the_names_else_the_sources(
    tmp_path: Path, photo: Path, plan: str, target: str, expected: str
):
    assert run(tmp_path, "proc", plan, "in.jpg", target).returncode == 0
    assert Image.open(tmp_path / target).format == expected


def test_proc_writes_to_a_pipe_and_reports_in_words(tmp_path: Path, photo: Path):
    piped = run(tmp_path, "proc", "resize/w_10/format/png", "in.jpg", "-")
    assert Image.open(io.BytesIO(piped.stdout)).size[0] == 10
    assert b"ImageWidth" in run(tmp_path, "proc", "info", "in.jpg", "-").stdout


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ("rotat/10", b"did you mean rotate?"),
        ("rotate/361", b"a number from 0 to 360"),
        ("resize/_", b"resize needs"),
    ],
)
def test_a_plan_that_cannot_be_run_is_explained_without_a_traceback(
    tmp_path: Path, photo: Path, plan: str, words: bytes
):
    failed = run(tmp_path, "proc", plan, "in.jpg", "out.png")
    assert failed.returncode == 1
    assert words in failed.stderr
    assert b"Traceback" not in failed.stderr
    assert not (tmp_path / "out.png").exists()


def test_operations_lists_every_one(tmp_path: Path):
    listed = run(tmp_path, "operations").stdout.decode()
    assert [name for name in REGISTRY.names() if f"\n{name}" not in listed] == []


@pytest.mark.parametrize("command", [("serve",), ("serve", "--sample"), ("doctor",), ("proc", "info", "in.jpg", "-")])
def test_bad_settings_end_every_command_with_status_2_and_all_their_names(
    tmp_path: Path, photo: Path, command: tuple[str, ...]
):
    failed = run(tmp_path, *command, port="x", store="y")
    assert failed.returncode == 2
    assert b"IMGFN_PORT" in failed.stderr
    assert b"IMGFN_STORE" in failed.stderr
    assert b"Traceback" not in failed.stderr


def test_serve_refuses_strangers_unless_told_otherwise(tmp_path: Path):
    refused = run(tmp_path, "serve", host="0.0.0.0", port="0")
    assert refused.returncode == 2
    assert b"IMGFN_OPEN" in refused.stderr


def test_doctor_finds_a_sound_server_sound(tmp_path: Path):
    found = run(tmp_path, "doctor", render="process")
    assert found.returncode == 0
    assert b"FAIL" not in found.stdout
    assert b"versions: imgfn" in found.stdout


def test_doctor_fails_where_a_store_cannot_be_reached(tmp_path: Path):
    found = run(tmp_path, "doctor", store="minio", s3_endpoint="127.0.0.1:1", s3_access_key="a", s3_secret_key="b")
    assert found.returncode == 1
    assert b"FAIL  the sources cannot be reached (bucket imgfn-sources at https://127.0.0.1:1)" in found.stdout
    assert b"is IMGFN_S3_ENDPOINT right, and the service running?" in found.stdout


def test_doctor_takes_an_endpoint_as_a_url_and_says_where_each_store_is(tmp_path: Path):
    keys = {"s3_access_key": "a", "s3_secret_key": "b"}
    found = run(
        tmp_path, "doctor", store="minio", result_store="folder", s3_endpoint="http://127.0.0.1:1", **keys
    ).stdout.decode()
    assert "(bucket imgfn-sources at http://127.0.0.1:1)" in found
    assert f"ok    the results answer (folder {tmp_path / 'data' / 'results'})" in found


def test_doctor_names_the_setting_where_tls_fails(tmp_path: Path, minio_server: Minio):
    keys = {"s3_access_key": "a", "s3_secret_key": "b"}
    found = run(tmp_path, "doctor", store="minio", s3_endpoint=f"https://{minio_server.endpoint}", **keys)
    assert b"IMGFN_S3_SECURE=false" in found.stdout


def test_doctor_knows_what_kubernetes_sets_for_a_service(tmp_path: Path):
    links = {"service_host": "10.96.0.7", "service_port": "80", "port_80_tcp": "tcp://10.96.0.7:80"}
    found = run(tmp_path, "doctor", port="tcp://10.96.0.7:80", **links).stdout.decode()
    assert "IMGFN_PORT=tcp://10.96.0.7:80 is Kubernetes' link" in found
    assert "is no setting;" not in found
    assert "IMGFN_SERVICE_HOST" not in found


def test_doctor_warns_of_what_is_unsafe(tmp_path: Path):
    found = run(
        tmp_path,
        "doctor",
        host="0.0.0.0",
        allow_overwrite="true",
        admin_token="short",
        fodler="x",
    ).stdout.decode()
    assert "!!    anybody who reaches 0.0.0.0:8000 may upload" in found
    assert "!!    renders run in the web workers" in found
    assert "IMGFN_ADMIN_TOKEN has fewer than 16 characters" in found
    assert "short" not in found
    assert "IMGFN_FODLER is no setting; is IMGFN_FOLDER meant?" in found


def test_operations_fit_100_columns(tmp_path: Path):
    lines = run(tmp_path, "operations").stdout.decode().splitlines()
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("plan", ["image/resize,w_60", "?x-oss-process=image/resize,w_60", "style/small"])
def test_proc_takes_the_grammar_of_oss_and_styles(tmp_path: Path, photo: Path, plan: str):
    (tmp_path / "styles.toml").write_text('small = "image/resize,w_60"')
    done = run(tmp_path, "proc", plan, "in.jpg", "out.webp", styles_file="styles.toml")
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "out.webp").width == 60


def test_proc_goes_through_files_and_folders_and_goes_on_after_a_broken_one(tmp_path: Path, photo: Path):
    folder = tmp_path / "photos" / "inner"
    folder.mkdir(parents=True)
    Image.new("RGB", (50, 40)).save(folder / "a.png")
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    (tmp_path / "photos" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = run(tmp_path, "proc", "image/resize,w_10/format,webp", "photos", "in.jpg", "-o", "made")
    assert done.returncode == 1
    assert b"photos/broken.png: the image is broken" in done.stderr
    assert b"2 of 3 pictures done" in done.stderr
    made = sorted(str(path.relative_to(tmp_path / "made")) for path in (tmp_path / "made").rglob("*.*"))
    assert made == ["in.webp", "inner/a.webp"]
    assert Image.open(tmp_path / "made" / "in.webp").width == 10


def test_proc_keeps_each_files_own_format_in_a_folder_and_reports_beside_them(tmp_path: Path, photo: Path):
    Image.new("RGB", (50, 40)).save(tmp_path / "b.png")
    assert run(tmp_path, "proc", "resize/w_10", "in.jpg", "b.png", "-o", "made/").returncode == 0
    assert {path.name for path in (tmp_path / "made").iterdir()} == {"in.jpg", "b.png"}
    assert run(tmp_path, "proc", "info", "in.jpg", "b.png", "-o", "told/").returncode == 0
    assert {path.name for path in (tmp_path / "told").iterdir()} == {"in.json", "b.json"}


def test_proc_never_writes_two_results_into_one_file(tmp_path: Path, photo: Path):
    Image.new("RGB", (50, 40)).save(tmp_path / "in.png")
    done = run(tmp_path, "proc", "format/webp", "in.jpg", "in.png", "-o", "made/")
    assert done.returncode == 1
    assert b"is the result of in.jpg already" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("resize/w_10", "in.jpg", "out.docx"), b"no format is called 'docx'; expected jpg"),
        (("resize/w_10", "in.jpg", "out.svg"), b"no format is called 'svg'"),
        (("resize/w_10", "in.jpg"), b"-o OUT"),
        (("resize/w_10", "in.jpg", "in.jpg", "out.png"), b"-o OUT"),
        (("resize/w_10", "in.jpg", "in.jpg", "-o", "in.jpg"), b"is no folder"),
        (("resize/w_10", "absent.jpg", "out.png"), b"'absent.jpg' does not exist"),
        (("style/absent", "in.jpg", "out.png"), b"no style is called 'absent'"),
        (("watermark/image_YWJzZW50LnBuZw==", "in.jpg", "out.png"), b"absent.png: No such file"),
        (("watermark/image_YWJzZW50LnBuZw", "in.jpg", "in.jpg", "-o", "made"), b"absent.png: No such file"),
        (("resize/w_10", "in.jpg", "in.jpg/out.png"), b"in.jpg: "),
    ],
)
def test_proc_says_what_cannot_be_in_a_sentence(tmp_path: Path, photo: Path, arguments: tuple[str, ...], words: bytes):
    failed = run(tmp_path, "proc", *arguments)
    assert failed.returncode in (1, 2)
    assert words in failed.stderr
    assert b"Traceback" not in failed.stderr


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (("doctor",), 0),
        (("operations",), 0),
        (("proc", "resize/w_10", "in.jpg", "out.png"), 0),
        (("proc", "resize/w_10", "in.jpg", "-"), 1),
    ],
)
def test_a_standard_output_that_is_closed_is_no_traceback(
    tmp_path: Path, photo: Path, command: tuple[str, ...], status: int
):
    done = run(tmp_path, *command, closed=True)
    assert done.returncode == status, done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x = [", b'a = "rotat/10"', b"[a]\nb = 1", None])
def test_a_wrong_file_of_styles_is_no_traceback(tmp_path: Path, photo: Path, content: bytes | None):
    if content is not None:
        (tmp_path / "styles.toml").write_bytes(content)
    failed = run(tmp_path, "proc", "style/a", "in.jpg", "out.png", styles_file="styles.toml")
    assert failed.returncode == 1
    assert b"Traceback" not in failed.stderr + failed.stdout
