"""A real MinIO that notifies a real server, and a real worker behind it."""

import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from minio import Minio as Client
from minio.notificationconfig import NotificationConfig, QueueConfig

from tests.flows.working import Site, picture, wait_until
from tests.servers import Minio, Server, free_port, open_bucket, running_minio, serving

pytest.importorskip("dbos", reason="pip install 'imgfn[flows]'")
pytestmark = pytest.mark.real

TOKEN = "events-token-of-16"
RULES = """
[[derive]]
prefix = "in/"
styles = ["thumb"]
"""


@pytest.fixture(scope="module")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Minio, int]]:
    port = free_port()
    folder = tmp_path_factory.mktemp("queue")
    hook = {
        "MINIO_NOTIFY_WEBHOOK_ENABLE_IMGFN": "on",
        "MINIO_NOTIFY_WEBHOOK_ENDPOINT_IMGFN": f"http://127.0.0.1:{port}/events/s3",
        "MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_IMGFN": TOKEN,
        "MINIO_NOTIFY_WEBHOOK_QUEUE_DIR_IMGFN": str(folder),
    }
    with running_minio(tmp_path_factory.mktemp("minio"), variables=hook) as server:
        yield server, port


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, minio: tuple[Minio, int]) -> Iterator[tuple[Site, Client, Server]]:
    server, port = minio
    sources, results = open_bucket(server), open_bucket(server)
    client = Client(server.endpoint, server.access_key, server.secret_key, secure=False)
    folder = tmp_path_factory.mktemp("site")
    (folder / "rules.toml").write_text(RULES)
    (folder / "styles.toml").write_text('thumb = "resize/w_16/format/webp"')
    settings = {
        "store": "minio",
        "s3_endpoint": server.endpoint,
        "s3_access_key": server.access_key,
        "s3_secret_key": server.secret_key,
        "s3_secure": "false",
        "s3_source_bucket": sources.bucket,
        "s3_result_bucket": results.bucket,
        "folder": str(folder / "data"),
        "runtime_dir": str(folder / "runtime"),
        "flows_file": str(folder / "rules.toml"),
        "styles_file": str(folder / "styles.toml"),
        "events_token": TOKEN,
        "port": str(port),
    }
    site = Site(folder, settings)
    with serving(folder / "server", **settings) as web:
        queue = QueueConfig(
            queue="arn:minio:sqs::IMGFN:webhook",
            events=["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
            config_id="1",
        )
        client.set_bucket_notification(sources.bucket, NotificationConfig(queue_config_list=[queue]))
        with site.working():
            yield site, client, web


def put(site: Site, client: Client, key: str, body: bytes) -> None:
    client.put_object(
        bucket_name=site.settings["s3_source_bucket"],
        object_name=key,
        data=io.BytesIO(body),
        length=len(body),
        content_type="image/png",
    )


def kept(site: Site, client: Client, key: str) -> list[str]:
    found = client.list_objects(bucket_name=site.settings["s3_result_bucket"], prefix=f"{key}/", recursive=True)
    return [str(one.object_name) for one in found]


@pytest.mark.parametrize("key", ["in/a.png", "in/b c+d%20.png", "in/图.png"])
def test_a_put_into_the_bucket_makes_the_derivative(site: tuple[Site, Client, Server], key: str) -> None:
    own, client, _ = site
    put(own, client, key, picture())
    wait_until(lambda: kept(own, client, key))


def test_a_removed_object_takes_its_results_along(site: tuple[Site, Client, Server]) -> None:
    own, client, _ = site
    put(own, client, "in/gone.png", picture())
    wait_until(lambda: kept(own, client, "in/gone.png"))
    client.remove_object(bucket_name=own.settings["s3_source_bucket"], object_name="in/gone.png")
    wait_until(lambda: not kept(own, client, "in/gone.png"))


def test_an_upload_through_imgfn_is_one_run_though_the_bucket_tells_too(site: tuple[Site, Client, Server]) -> None:
    own, client, web = site
    assert web.ask("/upload/in/own.png", "PUT", picture()).status == 201
    wait_until(lambda: kept(own, client, "in/own.png"))
    time.sleep(0.5)
    assert len([run for run in own.runs(kind="derive") if run["key"] == "in/own.png"]) == 1


def test_missing_derivatives_are_found_in_the_bucket(site: tuple[Site, Client, Server]) -> None:
    own, client, _ = site
    put(own, client, "in/missing.png", picture())
    [name] = wait_until(lambda: kept(own, client, "in/missing.png"))
    client.remove_object(bucket_name=own.settings["s3_result_bucket"], object_name=name)
    told = own.command("backfill", "start", "--missing", "--prefix", "in/", "--wait")
    assert json.loads(told.stdout.splitlines()[-1])["made"] == 1
    assert kept(own, client, "in/missing.png") == [name]


def test_the_modules_of_the_web_server_know_no_engine(tmp_path: Path) -> None:
    code = (
        "import sys, imgfn.web.app, imgfn.functions.proc, imgfn.functions.derive, imgfn.cli.main;"
        "assert not {'dbos', 'sqlalchemy', 'psycopg', 'croniter', 'yaml'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True, cwd=tmp_path)
