"""Writes voxgate.json, the dashboard for Grafana: `python3 docs/grafana/make.py`; with --check it says whether it is stale."""

import json
import sys
from pathlib import Path

PLACE = Path(__file__).with_name("voxgate.json")

# Title, unit of Grafana, and the queries with their legends. Two panels a row.
PANELS = [
    ("Streams by where their audio goes", "short", [("sum by (state) (voxgate_streams)", "{{state}}")]),
    ("Audio a second, by what became of it", "none", [("sum by (outcome) (rate(voxgate_frames_total[$__rate_interval])) / 100", "{{outcome}}")]),
    ("Kept back, by reason", "percentunit", [("sum by (reason) (rate(voxgate_suppressed_seconds_total[5m])) / scalar(sum(rate(voxgate_audio_seconds_total[5m])))", "{{reason}}")]),
    ("Turns and misfires a minute", "short", [("60 * sum(rate(voxgate_turns_total[5m]))", "turns"), ("60 * sum(rate(voxgate_misfires_total[5m]))", "misfires"), ("60 * sum(rate(voxgate_would_lose_total[5m]))", "would lose words (shadow)")]),
    ("Storms: streams by level", "short", [('sum by (level) (voxgate_storm_streams{level!="calm"})', "{{level}}")]),
    ("Failed open, by cause", "short", [("sum by (cause) (increase(voxgate_failures_total[$__rate_interval]))", "{{cause}}")]),
    ("Echo: streams by what is known of the delay", "short", [("sum by (delay) (voxgate_echo_streams)", "{{delay}}"), ("sum(voxgate_echo_likely_streams)", "likely echo now")]),
    ("Echo delay", "s", [("histogram_quantile(0.5, sum by (le) (rate(voxgate_echo_delay_seconds_bucket[30m])))", "median"), ("histogram_quantile(0.95, sum by (le) (rate(voxgate_echo_delay_seconds_bucket[30m])))", "p95")]),
    ("Lateness of decisions", "s", [(f"histogram_quantile({q}, sum by (le) (rate(voxgate_decision_lateness_seconds_bucket[$__rate_interval])))", f"p{100 * q:g}") for q in (0.5, 0.99, 0.999)]),
    ("Worker's time for a frame", "s", [(f"histogram_quantile({q}, sum by (le) (rate(voxgate_gate_duration_seconds_bucket[$__rate_interval])))", f"p{100 * q:g}") for q in (0.5, 0.99)]),
    ("Queues", "s", [("sum by (queue) (voxgate_queue_seconds)", "{{queue}}")]),
    ("Events that wait", "short", [("sum(voxgate_queue_events)", "events")]),
    ("Guards: refusals", "short", [('sum by (guard) (increase(voxgate_guard_answers_total{answer="refused"}[$__rate_interval]))', "{{guard}}")]),
    ("Limits used", "percentunit", [("voxgate_limit_used / voxgate_limit_allowed", "{{resource}}"), ('sum by (resource) (rate(voxgate_limit_answers_total{answer="full"}[5m]))', "{{resource}}: refused a second")]),
    ("Store: p99 by operation", "s", [("histogram_quantile(0.99, sum by (le, operation) (rate(voxgate_store_operation_duration_seconds_bucket[5m])))", "{{operation}}")]),
    ("Store: errors", "short", [("sum by (operation, error) (increase(voxgate_store_errors_total[$__rate_interval]))", "{{operation}}: {{error}}")]),
    ("Spent", "currencyUSD", [("sum by (item) (voxgate_spent_usd)", "{{item}}")]),
    ("Saved", "currencyUSD", [("sum by (cause) (voxgate_saved_usd)", "{{cause}}")]),
    ("Recordings of the flight recorder", "short", [("sum by (outcome) (increase(voxgate_dumps_total[1h]))", "{{outcome}}")]),
]


def panel(number: int, title: str, unit: str, queries: list[tuple[str, str]]) -> dict:
    source = {"type": "prometheus", "uid": "${source}"}
    targets = [
        {"refId": chr(65 + n), "datasource": source, "expr": expr, "legendFormat": legend}
        for n, (expr, legend) in enumerate(queries)
    ]
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": title,
        "datasource": source,
        "gridPos": {"x": 12 * (number % 2), "y": 8 * (number // 2), "w": 12, "h": 8},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": targets,
    }


def main() -> None:
    dashboard = {
        "title": "voxgate",
        "uid": "voxgate",
        "tags": ["voxgate"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]},
        "panels": [panel(number, *about) for number, about in enumerate(PANELS)],
    }
    text = json.dumps(dashboard, indent=1) + "\n"
    if "--check" in sys.argv:
        sys.exit(None if PLACE.read_text() == text else f"{PLACE} is stale: run {sys.argv[0]}")
    PLACE.write_text(text)


if __name__ == "__main__":
    main()
