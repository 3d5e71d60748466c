"""A flow's `imgfn:purge` is tried until the cache has heard of it, through a restart of the worker."""

from pathlib import Path

import pytest

from tests.flows.receiver import receiving
from tests.flows.working import make_site, wait_until

pytest.importorskip("dbos", reason="pip install 'imgfn[flows]'")

FLOW = """
version: v1
type: flow
name: forget
steps:
  - type: task
    name: purge
    resource: imgfn:purge
    inputMappings:
      - {target: key, source: $input.key}
    retry:
      - {errors: [Outgoing.Failed], intervalSeconds: 1, maxAttempts: 20, multiplier: 1}
"""


def test_a_purge_outlives_a_cache_that_is_away_and_a_killed_worker(tmp_path: Path):
    with receiving() as cache:
        cache.answers["/hook"] = [(503, {})]
        site = make_site(tmp_path, "", purge=f"webhook={cache.url}/hook")
        (tmp_path / "flows" / "forget.yml").write_text(FLOW)
        worker = site.start("--name", "one").ready()
        site.call("start_flow", name="forget", given={"key": "a/b.png"}, run="run-1")
        wait_until(lambda: len(cache.got) >= 2)
        worker.kill()
        cache.answers["/hook"] = [(204, {})]
        before = len(cache.got)
        with site.working("--name", "one"):
            wait_until(lambda: site.call("run", run="run-1")["state"] not in ("running", "waiting"))
            assert site.call("run", run="run-1")["state"] == "succeeded", site.log[-2000:]
        assert len(cache.got) > before
        assert "/proc/a/b.png" in cache.got[-1][3]["paths"]
