"""Writes imgfn.json, the Grafana dashboard, from the table below: python deploy/grafana/make_dashboard.py

A test asks each query of a real Prometheus that has scraped a real run.
"""

import json
from pathlib import Path
from typing import Any

JOB = 'job=~"$job", instance=~"$instance"'
PROC = f'{JOB}, function="proc"'
RATE = "$__rate_interval"


def quantile(share: float, metric: str, labels: str, by: str = "") -> str:
    """A PromQL quantile of a histogram."""
    return f"histogram_quantile({share}, sum by (le{by}) (rate({metric}_bucket{{{labels}}}[{RATE}])))"


# title, unit, width of 24, stacked, (query, legend)…; a new row begins where the width is used up
PANELS: list[tuple[str, str, int, bool, list[tuple[str, str]]]] = [
    ("Answers by status", "reqps", 12, True, [
        (f"sum by (function, status) (rate(imgfn_requests_total{{{JOB}}}[{RATE}])) > 0", "{{function}} {{status}}"),
    ]),
    ("Failures (5xx) of pictures and uploads", "percentunit", 6, False, [
        (f'sum(rate(imgfn_requests_total{{{JOB}, function=~"proc|upload", status=~"5.."}}[{RATE}])) '
         f'/ sum(rate(imgfn_requests_total{{{JOB}, function=~"proc|upload"}}[{RATE}]))', "share"),
    ]),
    ("Kept, unchanged, made", "percentunit", 6, True, [
        (f'sum by (result) (rate(imgfn_requests_total{{{PROC}, result!="none"}}[{RATE}])) '
         f'/ ignoring(result) group_left sum(rate(imgfn_requests_total{{{PROC}, result!="none"}}[{RATE}]))',
         "{{result}}"),
    ]),
    ("Time to a picture", "s", 12, False, [
        (quantile(share, "imgfn_request_seconds", PROC), name)
        for share, name in ((0.5, "half"), (0.95, "95 %"), (0.99, "99 %"))
    ]),
    ("Stages of a request, 95 %", "s", 12, False, [
        (quantile(0.95, "imgfn_stage_seconds", f'{JOB}, stage=~"fetch|queue|render|store|keep"', ", stage"),
         "{{stage}}"),
    ]),
    ("Renders: running, waiting", "short", 8, True, [
        (f"sum(imgfn_renders{{{JOB}}} - imgfn_queue_depth{{{JOB}}})", "running"),
        (f"sum(imgfn_queue_depth{{{JOB}}})", "waiting"),
    ]),
    ("Places for renders in use", "percentunit", 8, False, [
        (f'sum by (instance) (rate(imgfn_stage_seconds_sum{{{JOB}, stage="render"}}[{RATE}])) '
         f"/ sum by (instance) (imgfn_render_places{{{JOB}}})", "{{instance}}"),
    ]),
    ("Incidents", "cpm", 8, False, [
        (f"60 * sum by (event) (rate(imgfn_incidents_total{{{JOB}}}[{RATE}]))", "{{event}}"),
    ]),
    ("Bytes out", "Bps", 8, True, [
        (f"sum by (function) (rate(imgfn_sent_bytes_total{{{JOB}}}[{RATE}]))", "{{function}}"),
    ]),
    ("CPU by role", "short", 8, True, [
        (f"sum by (role) (rate(imgfn_process_cpu_seconds_total{{{JOB}}}[{RATE}]))", "{{role}}"),
    ]),
    ("Memory by role", "bytes", 8, True, [
        (f"sum by (role) (imgfn_process_resident_memory_bytes{{{JOB}}})", "{{role}}"),
    ]),
    ("Store: circuit breakers open", "short", 6, False, [
        (f"sum by (instance) (imgfn_store_breakers_open{{{JOB}}})", "{{instance}}"),
    ]),
    ("Free on disk", "percentunit", 6, False, [
        (f"min by (instance, use) (imgfn_disk_free_bytes{{{JOB}}} / imgfn_disk_size_bytes{{{JOB}}})",
         "{{instance}} {{use}}"),
    ]),
    ("Processes", "short", 6, False, [
        (f"sum by (role) (imgfn_processes{{{JOB}}})", "{{role}}"),
    ]),
    ("Versions", "short", 6, False, [
        (f"count by (version) (imgfn_build_info{{{JOB}}})", "{{version}}"),
    ]),
]  # fmt: skip


def panel(number: int, x: int, y: int, spec: tuple[str, str, int, bool, list[tuple[str, str]]]) -> dict[str, Any]:
    """One panel in Grafana's model."""
    title, unit, width, stacked, queries = spec
    source = {"type": "prometheus", "uid": "${datasource}"}
    custom = {"fillOpacity": 20, "stacking": {"mode": "normal"}} if stacked else {"fillOpacity": 0}
    return {
        "id": number,
        "type": "timeseries",
        "title": title,
        "datasource": source,
        "gridPos": {"x": x, "y": y, "w": width, "h": 8},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": custom}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + index), "expr": query, "legendFormat": legend, "datasource": source}
            for index, (query, legend) in enumerate(queries)
        ],
    }


def variable(name: str, query: str) -> dict[str, Any]:
    """A variable that Prometheus fills; all by default."""
    return {
        "name": name,
        "type": "query",
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def dashboard() -> dict[str, Any]:
    """The whole of it."""
    panels, x, y = [], 0, 0
    for number, spec in enumerate(PANELS, 1):
        if x + spec[2] > 24:
            x, y = 0, y + 8
        panels.append(panel(number, x, y, spec))
        x += spec[2]
    return {
        "uid": "imgfn",
        "title": "imgfn",
        "tags": ["imgfn"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus"},
                variable("job", "label_values(imgfn_build_info, job)"),
                variable("instance", 'label_values(imgfn_build_info{job=~"$job"}, instance)'),
            ]
        },
        "panels": panels,
    }


if __name__ == "__main__":
    text = json.dumps(dashboard(), indent=1) + "\n"
    Path(__file__).with_name("imgfn.json").write_text(text, encoding="utf-8")
