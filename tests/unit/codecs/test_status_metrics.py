from __future__ import annotations

from typing import Any

import pytest

from sentinair.codecs.prometheus import exposition
from sentinair.codecs.status_metrics import METRICS, families
from sentinair.errors import DataFault

SPREAD = {"bounds": [0.1, 1.0], "counts": [3, 4], "count": 5, "sum": 2.5}
ANSWER: dict[str, Any] = {
    "system": {"running": True, "uptime": 12.5, "version": "1.0", "mode": "observe"},
    "monitoring": {"file_monitor": True, "usb_monitor": False},
    "performance": {"cpu_usage": 12.5, "memory_usage": 1000, "disk_usage": 41.5},
    "alerts": {
        "by_severity": {"low": 1, "critical": 2},
        "escalated_open": 1,
        "suppressions": 3,
        "last_alert": "1970-01-01T00:00:07.500000Z",
    },
    "coverage": {"gaps_open": [{"id": "00"}]},
    "ledger": {"seq": 99, "last_checkpoint": None},
    "roles": {
        "sensor": {
            "state": "running",
            "heard_secs_ago": 1.5,
            "counters": {
                "file_records": 7, "own_writes_dropped": 1, "hashed": 2, "hashes_waiting": 4,
                "waiting": 5, "vital_bytes": 10, "bulk_bytes": 20, "bulk_dropped": 6,
            },
        },
        "execs": {"state": "absent", "counters": {"received": 8, "lost": 9}},
    },
    "rules": {"loaded": 90, "refused_count": 0},
    "totals": {
        "events": {"file": 5},
        "alerts": [{"severity": "high", "category": "usb", "count": 4}],
        "gaps": [{"source": "fanotify", "reason": "overflow", "count": 1}],
        "lost": {"fanotify": 12},
        "commit_secs": SPREAD,
        "delay_secs": SPREAD,
    },
    "sinks": [
        {
            "name": "siem", "kind": "syslog", "enabled": True, "paused": False, "state": "unhealthy",
            "behind": 7, "unsure": 2, "events_behind": 5, "events_unsure": 0, "letters": 3,
            "delivered": 90, "left_out": 11, "refused": 4, "failed": 6, "latency_secs": 0.25,
            "last_success": "1970-01-01T00:00:09Z",
        },
        {"name": "drop", "enabled": False, "state": "off", "behind": 8},
    ],
    "waiting": 3,
    "not_writing": None,
}  # fmt: skip


def lines(answer: object) -> set[str]:
    text = exposition(families(answer, 1_500_000_000)).decode()
    return {line for line in text.splitlines() if not line.startswith("#")}


def test_what_the_engine_says_is_a_metric() -> None:
    found = lines(ANSWER)
    assert found >= {
        "sentinair_status_timestamp_seconds 1.5",
        "sentinair_up 1",
        "sentinair_writing 1",
        'sentinair_alerts_total{severity="high",category="usb"} 4',
        'sentinair_alerts_by_severity{severity="critical"} 2',
        "sentinair_last_alert_timestamp_seconds 7.5",
        'sentinair_events_total{kind="file"} 5',
        'sentinair_gaps_total{source="fanotify",reason="overflow"} 1',
        'sentinair_gap_events_lost_total{source="fanotify"} 12',
        "sentinair_gaps_open 1",
        'sentinair_monitor_proven{monitor="usb_monitor"} 0',
        'sentinair_role_up{role="execs"} 0',
        'sentinair_queue_entries{queue="commit"} 3',
        'sentinair_queue_entries{queue="hashes"} 4',
        'sentinair_lane_bytes{role="sensor",lane="bulk"} 20',
        'sentinair_lane_dropped_total{role="sensor",lane="bulk"} 6',
        'sentinair_process_records_lost_total{role="execs"} 9',
        "sentinair_ledger_records_total 99",
        "sentinair_engine_cpu_ratio 0.125",
    }


def test_each_sink_says_how_far_and_how_it_is() -> None:
    assert {line for line in lines(ANSWER) if "_sink" in line} == {
        'sentinair_sink_behind{sink="siem",stream="record"} 7',
        'sentinair_sink_behind{sink="siem",stream="event"} 5',
        'sentinair_sink_unsure{sink="siem",stream="record"} 2',
        'sentinair_sink_unsure{sink="siem",stream="event"} 0',
        'sentinair_sink_state{sink="siem",state="healthy"} 0',
        'sentinair_sink_state{sink="siem",state="degraded"} 0',
        'sentinair_sink_state{sink="siem",state="stale"} 0',
        'sentinair_sink_state{sink="siem",state="unhealthy"} 1',
        'sentinair_sink_paused{sink="siem"} 0',
        'sentinair_sink_dead_letters{sink="siem"} 3',
        'sentinair_sink_delivered_total{sink="siem"} 90',
        'sentinair_sink_left_out_total{sink="siem"} 11',
        'sentinair_sink_refused_total{sink="siem"} 4',
        'sentinair_sink_failures_total{sink="siem"} 6',
        'sentinair_sink_latency_seconds{sink="siem"} 0.25',
        'sentinair_sink_last_success_timestamp_seconds{sink="siem"} 9.0',
    }


def test_a_sink_that_has_delivered_nothing_yet_says_no_time() -> None:
    young = {"name": "a", "enabled": True, "state": "healthy", "behind": 1, "last_success": None}
    assert not any("success" in line for line in lines({"sinks": [young]}))


def test_a_histogram_counts_upwards_to_all() -> None:
    assert lines(ANSWER) >= {
        'sentinair_commit_delay_seconds_bucket{le="0.1"} 3',
        'sentinair_commit_delay_seconds_bucket{le="1.0"} 4',
        'sentinair_commit_delay_seconds_bucket{le="+Inf"} 5',
        "sentinair_commit_delay_seconds_sum 2.5",
        "sentinair_commit_delay_seconds_count 5",
    }


def test_what_is_not_told_is_left_out() -> None:
    assert lines({"system": {"running": False}}) == {
        "sentinair_status_timestamp_seconds 1.5",
        "sentinair_up 0",
    }
    assert not any("checkpoint" in line for line in lines(ANSWER))
    assert not any("last_alert" in line for line in lines({"alerts": {"last_alert": "never"}}))


def test_a_disk_that_refuses_is_told() -> None:
    assert "sentinair_writing 0" in lines(ANSWER | {"not_writing": "disk full"})


def test_the_gaps_of_a_record_whose_engine_is_down_are_a_number() -> None:
    assert "sentinair_gaps_open 4" in lines({"coverage": {"gaps_open": 4}})


def test_an_answer_that_is_no_status_is_refused() -> None:
    with pytest.raises(DataFault, match="cannot be read"):
        families({"system": {"running": "perhaps"}}, 0)
    with pytest.raises(DataFault):
        families([], 0)


def test_every_metric_has_one_name_and_a_sentence_and_counters_end_as_counters_do() -> None:
    names = [one.name for one in METRICS]
    assert len(set(names)) == len(names)
    for one in METRICS:
        assert one.name.startswith("sentinair_")
        assert one.help.endswith(".")
        assert one.name.endswith("_total") == (one.kind == "counter")


def test_each_metric_comes_from_a_whole_answer() -> None:
    whole = ANSWER | {"ledger": {"seq": 1, "last_checkpoint": "1970-01-01T00:00:00Z"}}
    told = {one.name for one in families(whole, 0)}
    assert told == {one.name for one in METRICS} | {"sentinair_status_timestamp_seconds"}
