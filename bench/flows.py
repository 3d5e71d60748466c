"""What flows promise, measured: python -m bench.flows [events|kills|workers|backfill] …

Each part prints one JSON line, with the machine's load. Real workers, SQLite; `workers` needs PostgreSQL.
"""

import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from imgfn.core.faults import Fault
from imgfn.core.key import Key
from tests.flows.postgres import running_postgres
from tests.flows.working import Site, Working, make_site, picture, wait_until

RULES = '[[derive]]\nprefix = "photos/"\nstyles = ["thumb"]\n'
LONG = 900.0  # seconds


def tell(part: str, **figures: Any) -> None:
    print(json.dumps({"part": part, "load": round(os.getloadavg()[0], 1), **figures}), flush=True)


def quantile(values: list[float], share: float) -> float:
    return round(sorted(values)[min(len(values) - 1, int(share * len(values)))], 3)


def events(folder: Path, count: int = 400, rate: float = 20.0) -> None:
    """From the event in the journal to the derivative in the store, at 20 events a second."""
    site = make_site(folder, RULES)
    body, results, made = picture(800, 600), {}, {}
    with site.working():
        store = site.results
        site.put("photos/first.png", body)  # renderers start with the first picture
        wait_until(site.idle, LONG)
        began = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            event = site.put(f"photos/{number}.png", body)
            results[event.key] = time.time()
        wait_until(site.idle, LONG)
        for key, told in results.items():
            [stat] = store.list(f"{key}/")
            made[key] = stat.modified.timestamp() - told
    waits = [*made.values()]
    tell(
        "events",
        events=count,
        rate=rate,
        p50_s=quantile(waits, 0.5),
        p99_s=quantile(waits, 0.99),
        lost=count - len(made),
    )


def kills(folder: Path, count: int = 2000, rounds: int = 20) -> None:
    """kill -9 of one of two workers, again and again, while 2,000 events are worked on."""
    site = make_site(folder, RULES)
    for number in range(count):
        site.put(f"photos/{number}.png", picture(64, 48))
    chosen = random.Random(1)
    workers: dict[str, Working] = {name: site.start("--name", name) for name in ("one", "two")}
    takeovers = []
    for worker in workers.values():
        worker.ready()
    for _ in range(rounds):
        # A peer has to be there to take over.
        wait_until(lambda: {told["worker"] for told in site.control.call_all("health")} == {"one", "two"}, LONG)
        time.sleep(chosen.uniform(0.2, 1.0))
        victim = chosen.choice(["one", "two"])
        workers[victim].kill()
        killed = time.monotonic()

        def taken(name: str = victim) -> bool:
            try:
                return not [run for run in site.runs(state="running") if run["executor"] == name]
            except Fault:
                return False

        wait_until(taken, LONG)
        takeovers.append(time.monotonic() - killed)
        workers[victim] = site.start("--name", victim)
        if not site.journal.entries() and not site.runs(state="waiting"):
            break
    wait_until(site.idle, LONG)
    lost = [number for number in range(count) if len(site.kept(f"photos/{number}.png")) != 1]
    runs = [
        run for start in range(0, count, 1000) for run in site.call("runs", kind="derive", limit=1000, offset=start)
    ]
    again = sum("kept" in str(run["output"]) for run in runs)
    for worker in workers.values():
        worker.stop()
    figures = {"lost": len(lost), "runs": len(runs), "found_ready": again}
    figures["failed"] = sum(run["state"] == "failed" for run in runs)
    figures |= {"takeover_s_p50": quantile(takeovers, 0.5), "takeover_s_max": round(max(takeovers), 2)}
    tell("kills", events=count, kills=len(takeovers), **figures)


def rate_of(site: Site, names: list[str], count: int) -> float:
    """Derive runs a second that end as soon as they begin: the objects are gone, so nothing is rendered."""
    from imgfn.flows.event import Event

    for start in range(0, count, 100):
        site.journal.append([Event("created", "imgfn-sources", f"photos/{n}", "e") for n in range(start, start + 100)])
    workers = [site.start("--name", name) for name in names]
    for worker in workers:
        worker.ready()
    wait_until(lambda: site.call("runs", kind="derive", state="succeeded", limit=1), LONG)
    wait_until(site.idle, LONG)
    runs = [
        run for start in range(0, count, 1000) for run in site.call("runs", kind="derive", limit=1000, offset=start)
    ]
    for worker in workers:
        worker.stop()
    ended = sorted(run["ended"] for run in runs)
    low, high = ended[len(ended) // 10], ended[9 * len(ended) // 10]
    return round(0.8 * len(ended) / max(0.001, high - low), 1)


def workers(folder: Path, count: int = 3000) -> None:
    """Two workers against one, without renders."""
    tell("workers", database="sqlite", one=rate_of(make_site(folder / "lite", RULES), ["one"], count))
    with running_postgres() as server:
        figures = {}
        for number, names in enumerate((["one"], ["one", "two"])):
            url = server.database()
            site = make_site(folder / f"pg{number}", RULES, flows_url=url, flow_secret="secret of sixteen")
            figures["two" if number else "one"] = rate_of(site, names, count)
    tell("workers", database="postgresql", **figures, ratio=round(figures["two"] / figures["one"], 2))


def backfill(folder: Path, count: int = 10_000, kills: int = 10) -> None:
    """10,000 objects of which 1 % are broken, the worker killed on the way; then again."""
    import io

    site = make_site(folder, "")
    good, bad, store = picture(64, 48), picture(64, 48)[:60], site.sources
    for number in range(count):
        body = bad if number % 100 == 0 else good
        store.put(Key(f"many/{number:05}.png"), io.BytesIO(body), len(body), "image/png")
    worker = site.start("--name", "one").ready()
    site.call("start_backfill", name="first", prefix="many/", plan="style/thumb")
    chosen, done = random.Random(2), 0
    for _ in range(kills):
        time.sleep(chosen.uniform(1, 3))
        if site.call("backfill", name="first")["state"] != "running":
            break
        worker.kill()
        done += 1
        worker = site.start("--name", "one").ready()
    wait_until(lambda: site.call("backfill", name="first")["state"] != "running", LONG)
    first = site.call("backfill", name="first")
    site.call("start_backfill", name="second", prefix="many/", plan="style/thumb")
    wait_until(lambda: site.call("backfill", name="second")["state"] != "running", LONG)
    second = site.call("backfill", name="second")
    worker.stop()
    shown = ("made", "kept", "failed", "seconds")
    figures = {f"first_{name}": first[name] for name in shown} | {f"second_{name}": second[name] for name in shown}
    tell("backfill", objects=count, kills=done, **figures)


PARTS = {"events": events, "kills": kills, "workers": workers, "backfill": backfill}

if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        with tempfile.TemporaryDirectory(prefix="imgfn-flows-") as place:
            PARTS[name](Path(place))
