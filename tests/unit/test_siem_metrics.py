"""The Grafana dashboard and the Prometheus rules name only metrics that there are, and Prometheus takes both."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sentinair.codecs.status_metrics import METRICS
from tests.harness.agent import ROOT

SIEM = ROOT / "config" / "siem"
RULES = SIEM / "prometheus" / "sentinair.rules.yml"
KINDS = {one.name: one.kind for one in METRICS} | {"sentinair_status_timestamp_seconds": "gauge"}
PARTS = {f"{name}_{part}" for name, kind in KINDS.items() if kind == "histogram" for part in ("bucket", "sum", "count")}  # fmt: skip
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="needs promtool, of Debian's package prometheus"
)


def dashboard() -> Any:
    return json.loads((SIEM / "grafana" / "sentinair.json").read_text("utf-8"))


def queries() -> Iterator[str]:
    for panel in dashboard()["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def named(query: str) -> set[str]:
    return set(re.findall(r"\bsentinair_\w+", query))


def check(*words: str) -> str:
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_dashboard_and_the_rules_name_only_metrics_that_there_are() -> None:
    known = set(KINDS) | PARTS
    shown = set().union(*map(named, queries()))
    judged = set().union(*(named(rule["expr"]) for rule in rules()))
    assert shown - known == set()
    assert judged - known == set()
    assert len(shown) > 15
    assert len(judged) > 9


def test_a_rate_is_taken_of_counters_only_and_of_every_counter_that_is_shown() -> None:
    texts = [*queries(), *(rule["expr"] for rule in rules())]
    for text in texts:
        rated = set(re.findall(r"(?:rate|increase)\((sentinair_\w+)", text))
        counters = {one for one in named(text) if KINDS.get(one) == "counter" or one in PARTS}
        assert rated == counters, text


def test_the_dashboard_has_the_promised_panels_and_can_be_imported_again() -> None:
    found = dashboard()
    assert found["title"] == "Sentinair Security Dashboard"
    assert (found["id"], found["uid"]) == (None, "sentinair-security")  # its like is replaced
    by_title = {panel["title"]: panel for panel in found["panels"]}
    assert by_title["Alert severity distribution"]["type"] == "piechart"
    assert by_title["Alerts over time"]["type"] == "timeseries"
    assert "graph" not in {panel["type"] for panel in found["panels"]}  # Grafana has dropped it
    assert len({panel["id"] for panel in found["panels"]}) == len(by_title)
    variables = {one["name"] for one in found["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(found["panels"]))) - {"__rate_interval"}
    assert used == variables


def test_panels_do_not_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_every_rule_says_how_grave_it_is_and_where() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert "$labels.instance" in rule["annotations"]["summary"] or rule["alert"] == "SentinairAbsent"  # fmt: skip


@needs_promtool
def test_prometheus_takes_the_rules() -> None:
    assert f"{len(rules())} rules found" in check("check", "rules", str(RULES))


@needs_promtool
def test_prometheus_can_parse_every_query_of_the_dashboard(tmp_path: Path) -> None:
    texts = [re.sub(r"\$__rate_interval", "5m", query) for query in queries()]
    group = [{"record": f"query:{n}", "expr": text} for n, text in enumerate(texts)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "q", "rules": group}]}), "utf-8")
    assert f"{len(texts)} rules found" in check("check", "rules", str(file))


@needs_promtool
def test_the_rules_speak_when_the_agent_is_down_blind_or_has_found_something(
    tmp_path: Path,
) -> None:
    cases: list[tuple[str, str, str, dict[str, str] | None]] = [
        ("SentinairDown", 'sentinair_up{instance="a"}', "0x20", {"instance": "a"}),
        ("SentinairNotWriting", 'sentinair_writing{instance="a"}', "0x20", {"instance": "a"}),
        (
            "SentinairBlind", 'sentinair_monitor_proven{instance="a",monitor="file_monitor"}', "0x20",
            {"instance": "a", "monitor": "file_monitor"},
        ),
        (
            "SentinairCriticalAlert", 'sentinair_alerts_by_severity{instance="a",severity="critical"}', "2x20",
            {"instance": "a", "severity": "critical"},
        ),
        (
            "SentinairAlertBurst", 'sentinair_alerts_total{instance="a",severity="high",category="usb"}', "0+9x20",
            {"instance": "a", "category": "usb"},
        ),
        (
            "SentinairSinkTrouble", 'sentinair_sink_state{instance="a",sink="s",state="unhealthy"}', "1x20",
            {"instance": "a", "sink": "s"},
        ),
        ("SentinairSinkTrouble", 'sentinair_sink_state{instance="a",sink="s",state="degraded"}', "1x20", None),
        ("SentinairSinkBehind", 'sentinair_sink_behind{instance="a",sink="s",stream="record"}', "9000x20", {"instance": "a", "sink": "s"}),
        ("SentinairSinkBehind", 'sentinair_sink_behind{instance="a",sink="s",stream="record"}', "9000x5 10x15", None),
        ("SentinairDeadLetters", 'sentinair_sink_dead_letters{instance="a",sink="s"}', "2x20", {"instance": "a", "sink": "s"}),
        ("SentinairSilent", 'sentinair_status_timestamp_seconds{instance="a"}', "0x20", {"instance": "a"}),
        ("SentinairSilent", 'sentinair_status_timestamp_seconds{instance="a"}', "0+60x20", None),
        ("SentinairDown", 'sentinair_up{instance="a"}', "1x20", None),
    ]  # fmt: skip
    grave = {rule["alert"]: rule["labels"]["severity"] for rule in rules()}
    tests = []
    for name, series, values, labels in cases:
        wanted: dict[str, Any] = {"eval_time": "18m", "alertname": name, "exp_alerts": []}
        if labels is not None:  # else nothing is to be said
            told = _annotations(name, labels, values.partition("x")[0])
            named_so = {"severity": grave[name]} | labels
            wanted["exp_alerts"] = [{"exp_labels": named_so, "exp_annotations": told}]
        values_of = [{"series": series, "values": values}]
        tests.append({"interval": "1m", "input_series": values_of, "alert_rule_test": [wanted]})
    file = tmp_path / "tests.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "tests": tests}), "utf-8")
    check("test", "rules", str(file))


def _annotations(name: str, labels: dict[str, str], value: str) -> dict[str, str]:
    """What the rule's templates say for these labels and this value."""
    found = next(rule["annotations"] for rule in rules() if rule["alert"] == name)
    filled = {}
    for key, template in found.items():
        text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda match: labels[match[1]], template)
        filled[key] = text.replace("{{ $value }}", value)
    return filled
