"""From version 0.1 to this one under load: two containers behind nginx, changed over by imgfn-release."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.containers import BASE, IMAGE, Engine
from tests.deploy.load import Load
from tests.deploy.nginx import running_nginx
from tests.servers import ROOT, fetch, free_port, need
from tests.web.test_metrics import draw

pytestmark = [pytest.mark.hard, pytest.mark.real]

OLD_COMMIT = "9751c9b"  # the last one of 0.1.0
OLD = "localhost/imgfn:0.1"
# That version had no image of its own.
CONTAINERFILE = f"""
FROM {BASE}
RUN apt-get update \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \\
      ca-certificates gcc libc6-dev python3 python3-venv libfribidi0 libseccomp2 \\
 && rm -rf /var/lib/apt/lists/*
COPY . /src
RUN python3 -m venv /opt/imgfn && /opt/imgfn/bin/pip install --no-cache-dir -q -c /src/constraints.txt /src
ENV PATH=/opt/imgfn/bin:$PATH IMGFN_FOLDER=/data
USER 10001:10001
WORKDIR /
ENTRYPOINT ["imgfn"]
CMD ["serve"]
"""


@pytest.fixture(scope="module")
def old_image(engine: Engine, image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("old")
    archive = subprocess.run(["git", "archive", OLD_COMMIT], cwd=ROOT, capture_output=True)
    if archive.returncode:
        need("the history", f"git fetch --unshallow: {OLD_COMMIT} is version 0.1.0")
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    (folder / "Containerfile").write_text(CONTAINERFILE)
    (folder / ".containerignore").unlink(missing_ok=True)
    options: list[str] = []
    if certificate := os.environ.get("PIP_CERT"):
        conf = folder.parent / "pip.conf"
        conf.write_text("[global]\ncert = /run/pip-ca.crt\n")
        options = ["--volume", f"{certificate}:/run/pip-ca.crt:ro", "--volume", f"{conf}:/etc/pip.conf:ro"]
    order = ("buildah", "bud", "--isolation", "chroot", "--layers", "--format", "docker", *options)
    engine.run(*order, "--tag", OLD, "--file", str(folder / "Containerfile"), str(folder))
    return OLD


@pytest.fixture
def release(engine: Engine, old_image: str, tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, 10001, 10001)
    start = (
        "podman rm --force --ignore imgfn-$SLOT >/dev/null && podman run --detach --name imgfn-$SLOT --network=host "
        "--tmpfs=/tmp:rw,mode=1777 --tmpfs=/runtime:rw,mode=1777 --volume={data}:/data --env=IMGFN_OPEN=true "
        "--env=IMGFN_PORT=$PORT --env=IMGFN_METRICS_PORT={metrics} localhost/imgfn:$VERSION serve"
    )
    environ = {
        **engine.environ,
        "IMGFN_RELEASE_STATE": str(tmp_path / "state"),
        "IMGFN_RELEASE_NGINX": str(tmp_path / "nginx" / "imgfn-upstream.conf"),
        "IMGFN_RELEASE_RELOAD": f"cd {tmp_path}/nginx && nginx -q -t -p . -c nginx.conf && kill -HUP $(cat pid)",
        "IMGFN_RELEASE_START": start.format(data=data, metrics=free_port()),
        "IMGFN_RELEASE_STOP": "podman stop --time 45 imgfn-$SLOT",
        "IMGFN_RELEASE_PORTS": f"{free_port()} {free_port()}",
        "IMGFN_RELEASE_DRAIN": "3",
    }
    try:
        yield tmp_path, environ
    finally:
        for slot in "ab":
            engine.run("podman", "rm", "--force", "--ignore", "--time", "5", f"imgfn-{slot}")


def test_an_upgrade_from_0_1_fails_no_request(release: tuple[Path, dict[str, str]]):
    folder, environ = release

    def run(*words: str) -> None:
        script = ROOT / "deploy" / "release" / "imgfn-release"
        done = subprocess.run([script, *words], env=environ, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stdout + done.stderr

    first, _ = environ["IMGFN_RELEASE_PORTS"].split()
    with running_nginx(folder / "nginx", int(first), limits=False, wait=False) as port:
        run("start", "0.1")
        origin = f"http://127.0.0.1:{port}"
        for number in range(8):
            assert fetch(f"{origin}/upload/{number}.png", "PUT", draw()).status in (200, 201)
        before = fetch(f"{origin}/proc/resize/w_33/0.png")
        assert before.headers["X-Imgfn-Version"] == "0.1.0"
        with Load(port, 8, kept=False) as load:
            load.await_more(200)
            run("start", IMAGE.rpartition(":")[2])
            run("weight", "50")
            load.await_more(400)
            run("promote")
            load.await_more(200)
        after = fetch(f"{origin}/proc/resize/w_33/0.png")
        print(f"through the upgrade: {load.seen.total()} answers")
        assert load.failures == []
        assert after.headers["X-Imgfn-Version"] != "0.1.0"
        # What the old version has kept the new one finds: the recipe is the same.
        assert after.headers["X-Imgfn-Result"] == "kept"
        assert (after.headers["ETag"], after.body) == (before.headers["ETag"], before.body)
