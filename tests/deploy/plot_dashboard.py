"""Draws every panel of the dashboard from a real Prometheus that watches a real run:

python -m tests.deploy.plot_dashboard docs/images/dashboard.png     (needs imgfn[bench] for matplotlib)
"""

import json
import re
import sys
import tempfile
import threading
import time
from pathlib import Path

import matplotlib.pyplot as plt

from tests.deploy.watched import use, watched
from tests.servers import ROOT

SECONDS = 75
CLIENTS = 4


def main(target: Path) -> None:
    """Run, ask, draw."""
    panels = json.loads((ROOT / "deploy" / "grafana" / "imgfn.json").read_text())["panels"]
    with tempfile.TemporaryDirectory() as folder, watched(Path(folder)) as (prometheus, server):
        start = time.time()
        use(server, SECONDS / 3)
        clients = [threading.Thread(target=use, args=(server, SECONDS / 3)) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        use(server, SECONDS / 3)
        end = time.time()
        figure, axes = plt.subplots((len(panels) + 2) // 3, 3, figsize=(16, 3 * ((len(panels) + 2) // 3)))
        for axis, panel in zip(axes.flat, panels, strict=False):
            for query in panel["targets"]:
                for series in prometheus.ask_range(query["expr"], start, end):
                    label = re.sub(
                        r"\{\{(\w+)\}\}", lambda found, s=series: s["metric"][found[1]], query["legendFormat"]
                    )
                    points = [(float(at) - start, float(value)) for at, value in series["values"]]
                    axis.plot(*zip(*points, strict=True), label=label)
            axis.set_title(f"{panel['title']} ({panel['fieldConfig']['defaults']['unit']})", fontsize=9)
            axis.set_ylim(bottom=0)
            axis.legend(fontsize=6)
            axis.tick_params(labelsize=7)
        for axis in list(axes.flat)[len(panels) :]:
            axis.axis("off")
        figure.tight_layout()
        figure.savefig(target, dpi=70)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
