"""The engine's answer to "status" as metrics: which there are, what each means, and where in the answer it stands.

Counters count since the engine started, as Prometheus expects: a restart is a reset that rate() knows how to take.
What the answer does not hold (the engine is down, or cannot open its record) is left out, never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal

import msgspec

from sentinair.codecs.metrics_told import Histogram, Sink, Told, told
from sentinair.codecs.prometheus import Family, Sample
from sentinair.codecs.times import from_rfc3339
from sentinair.model.delivery import SINK_STATES

__all__ = ["METRICS", "Metric", "families"]


class Metric(msgspec.Struct, frozen=True):
    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    samples: Callable[[Told], Sequence[Sample]]


def families(answer: object, now_ns: int) -> list[Family]:
    """answer: of the engine's `status`; now_ns: wall clock when it was asked.  Raises DataFault if it is no status."""
    found = told(answer)
    asked = Sample(round(now_ns / 1e9, 3))
    stamp = Family("sentinair_status_timestamp_seconds", "gauge", _ASKED, [asked])
    made = (Family(one.name, one.kind, one.help, one.samples(found)) for one in METRICS)
    return [stamp, *(family for family in made if family.samples)]


_ASKED: Final = "When this text was made, seconds since the epoch."


def _one(value: float | None, **labels: str) -> list[Sample]:
    return [] if value is None else [Sample(value, labels)]


def _each(label: str, values: dict[str, int] | dict[str, bool]) -> list[Sample]:
    return [Sample(value, {label: name}) for name, value in values.items()]


def _moment(text: str | None) -> list[Sample]:
    try:
        return [] if text is None else [Sample(round(from_rfc3339(text) / 1e9, 3))]
    except ValueError:
        return []


def _ratio(percent: float | None) -> list[Sample]:
    return [] if percent is None else [Sample(round(percent / 100, 5))]


def _alerts(found: Told) -> list[Sample]:
    return [
        Sample(one.count, {"severity": one.severity, "category": one.category})
        for one in found.totals.alerts
    ]


def _gaps(found: Told) -> list[Sample]:
    return [
        Sample(one.count, {"source": one.source, "reason": one.reason}) for one in found.totals.gaps
    ]


def _gaps_open(found: Told) -> list[Sample]:
    opened = found.coverage.gaps_open
    if isinstance(opened, int):  # the record of an engine that is down
        return [Sample(opened)]
    return _one(None if opened is None else len(opened))


def _of_roles(counter: str, **labels: str) -> Callable[[Told], list[Sample]]:
    """One of the counters that senders tell, by role."""
    return lambda found: [
        Sample(role.counters[counter], {"role": name} | labels)
        for name, role in found.roles.items()
        if counter in role.counters
    ]


def _lanes(what: str) -> Callable[[Told], list[Sample]]:
    vital, bulk = (_of_roles(f"{lane}_{what}", lane=lane) for lane in ("vital", "bulk"))
    return lambda found: [*vital(found), *bulk(found)]


def _queues(found: Told) -> list[Sample]:
    sensor = found.roles["sensor"].counters if "sensor" in found.roles else {}
    depths = {
        "commit": found.waiting,
        "sensor": sensor.get("waiting"),
        "hashes": sensor.get("hashes_waiting"),
    }
    return [Sample(n, {"queue": name}) for name, n in depths.items() if n is not None]


def _heard(found: Told) -> list[Sample]:
    return [
        Sample(role.heard_secs_ago, {"role": name})
        for name, role in found.roles.items()
        if role.heard_secs_ago is not None
    ]


def _sinks(what: Callable[[Sink], float | None], **labels: str) -> Callable[[Told], list[Sample]]:
    """One figure of each sink that is to work."""
    return lambda found: [
        Sample(value, {"sink": one.name} | labels)
        for one in found.sinks
        if one.enabled and (value := what(one)) is not None
    ]


def _entries(
    records: Callable[[Sink], int | None], events: Callable[[Sink], int | None]
) -> Callable[[Told], list[Sample]]:
    by_stream = (_sinks(records, stream="record"), _sinks(events, stream="event"))
    return lambda found: [sample for one in by_stream for sample in one(found)]


def _sink_states(found: Told) -> list[Sample]:
    return [
        Sample(one.state == state, {"sink": one.name, "state": state})
        for one in found.sinks
        if one.enabled and one.state is not None
        for state in SINK_STATES
    ]


def _sink_success(one: Sink) -> float | None:
    return next((sample.value for sample in _moment(one.last_success)), None)


def _histogram(spread: Histogram | None) -> list[Sample]:
    if spread is None:
        return []
    below = zip(spread.bounds, spread.counts, strict=False)
    return [
        *(Sample(count, {"le": repr(bound)}, "_bucket") for bound, count in below),
        Sample(spread.count, {"le": "+Inf"}, "_bucket"),
        Sample(spread.sum, {}, "_sum"),
        Sample(spread.count, {}, "_count"),
    ]


METRICS: Final[tuple[Metric, ...]] = (
    Metric("sentinair_up", "gauge", "1 while the engine runs and answers.",
           lambda t: _one(t.system.running)),
    Metric("sentinair_build_info", "gauge", "Always 1; the version is in the label.",
           lambda t: _one(1 if t.system.version else None, version=t.system.version or "")),
    Metric("sentinair_mode_info", "gauge", "Always 1; the label tells observe, protect or maintenance.",
           lambda t: _one(1 if t.system.mode else None, mode=t.system.mode or "")),
    Metric("sentinair_uptime_seconds", "gauge", "Since the engine started.",
           lambda t: _one(t.system.uptime)),
    Metric("sentinair_writing", "gauge", "1 while the disk takes the record, 0 while it refuses.",
           lambda t: _one(not t.not_writing if t.system.running else None)),
    Metric("sentinair_alerts_total", "counter", "Alerts raised and on disk since the engine started.", _alerts),
    Metric("sentinair_alerts_by_severity", "gauge", "Alerts that are open now.",
           lambda t: _each("severity", t.alerts.by_severity)),
    Metric("sentinair_alerts_escalated", "gauge", "Open alerts that nobody has answered for too long.",
           lambda t: _one(t.alerts.escalated_open)),
    Metric("sentinair_last_alert_timestamp_seconds", "gauge", "When the newest alert was raised.",
           lambda t: _moment(t.alerts.last_alert)),
    Metric("sentinair_suppressions", "gauge", "Suppressions that count now.",
           lambda t: _one(t.alerts.suppressions)),
    Metric("sentinair_events_total", "counter", "Events on disk since the engine started.",
           lambda t: _each("kind", t.totals.events)),
    Metric("sentinair_gaps_total", "counter", "Losses noticed since the engine started.", _gaps),
    Metric("sentinair_gap_events_lost_total", "counter", "Events lost in them, as far as they can be counted.",
           lambda t: _each("source", t.totals.lost)),
    Metric("sentinair_gaps_open", "gauge", "Losses after which the truth is not yet restored.", _gaps_open),
    Metric("sentinair_monitor_proven", "gauge", "1 while a monitor is proven to work, by what it saw or its own test.",
           lambda t: _each("monitor", t.monitoring)),
    Metric("sentinair_role_up", "gauge", "1 while a role is connected to the engine.",
           lambda t: [Sample(r.state == "running", {"role": n}) for n, r in t.roles.items() if r.state != "unknown"]),
    Metric("sentinair_role_heard_age_seconds", "gauge", "Since a role last said anything.", _heard),
    Metric("sentinair_queue_entries", "gauge", "What waits: for the next commit, in the sensor, for hashing.", _queues),
    Metric("sentinair_lane_bytes", "gauge", "What a sender holds until it is on disk.", _lanes("bytes")),
    Metric("sentinair_lane_dropped_total", "counter", "Events a full lane dropped; each is in a gap.",
           _of_roles("bulk_dropped", lane="bulk")),
    Metric("sentinair_file_records_total", "counter", "File records the kernel gave, since the role started.",
           _of_roles("file_records")),
    Metric("sentinair_process_records_total", "counter", "Process records the kernel gave, since the role started.",
           _of_roles("received")),
    Metric("sentinair_process_records_lost_total", "counter", "Process records the kernel lost; each is in a gap.",
           _of_roles("lost")),
    Metric("sentinair_own_writes_dropped_total", "counter", "File records of the agent's own writes, left out.",
           _of_roles("own_writes_dropped")),
    Metric("sentinair_files_hashed_total", "counter", "Files hashed since the role started.", _of_roles("hashed")),
    Metric("sentinair_commit_duration_seconds", "histogram", "How long a commit took.",
           lambda t: _histogram(t.totals.commit_secs)),
    Metric("sentinair_commit_delay_seconds", "histogram", "From the first event of a commit being seen to its being on disk.",
           lambda t: _histogram(t.totals.delay_secs)),
    Metric("sentinair_ledger_records_total", "counter", "Records in the ledger; a new chain begins anew.",
           lambda t: _one(t.ledger.seq)),
    Metric("sentinair_checkpoint_timestamp_seconds", "gauge", "When the ledger was last signed.",
           lambda t: _moment(t.ledger.last_checkpoint)),
    Metric("sentinair_sink_behind", "gauge", "Entries not yet handed over to a sink.",
           _entries(lambda s: s.behind, lambda s: s.events_behind)),
    Metric("sentinair_sink_unsure", "gauge",
           "Entries handed over that may still be lost there: they come again if they are. With those behind: the lag of its cursor.",
           _entries(lambda s: s.unsure, lambda s: s.events_unsure)),
    Metric("sentinair_sink_state", "gauge", "1 for the state a sink is in: healthy, degraded, stale or unhealthy.",
           _sink_states),
    Metric("sentinair_sink_paused", "gauge", "1 while a person has paused a sink.", _sinks(lambda s: s.paused)),
    Metric("sentinair_sink_dead_letters", "gauge", "Entries a sink would not take; `sentinair sinks replay` tries them again.",
           _sinks(lambda s: s.letters)),
    Metric("sentinair_sink_delivered_total", "counter", "Entries delivered since the forwarder started.",
           _sinks(lambda s: s.delivered)),
    Metric("sentinair_sink_left_out_total", "counter", "Entries that a sink's own filter left out.",
           _sinks(lambda s: s.left_out)),
    Metric("sentinair_sink_refused_total", "counter", "Entries that became dead letters.", _sinks(lambda s: s.refused)),
    Metric("sentinair_sink_failures_total", "counter", "Deliveries that did not work, and were tried again.",
           _sinks(lambda s: s.failed)),
    Metric("sentinair_sink_latency_seconds", "gauge", "How long the last delivery took.", _sinks(lambda s: s.latency_secs)),
    Metric("sentinair_sink_last_success_timestamp_seconds", "gauge", "When a delivery last worked.",
           _sinks(_sink_success)),
    Metric("sentinair_rules_loaded", "gauge", "Rules that judge.", lambda t: _one(t.rules.loaded)),
    Metric("sentinair_rules_refused", "gauge", "Faults in rule files that keep them from being read.",
           lambda t: _one(t.rules.refused_count)),
    Metric("sentinair_engine_cpu_ratio", "gauge", "Of one core, the engine's mean since it started.",
           lambda t: _ratio(t.performance.cpu_usage)),
    Metric("sentinair_engine_resident_memory_bytes", "gauge", "Memory of the engine.",
           lambda t: _one(t.performance.memory_usage)),
    Metric("sentinair_state_disk_used_ratio", "gauge", "How full the disk is that holds the state.",
           lambda t: _ratio(t.performance.disk_usage)),
)  # fmt: skip
"""All but sentinair_status_timestamp_seconds, in the order of the text."""
