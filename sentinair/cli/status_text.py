"""The engine's answer to "status" as a person reads it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec

from sentinair.cli import sink_text
from sentinair.cli.moments import ago, span
from sentinair.codecs.times import from_rfc3339
from sentinair.errors import DataFault

__all__ = ["Status", "parse", "rows"]


class System(msgspec.Struct, frozen=True):
    running: bool = False
    uptime: float = 0.0  # seconds
    version: str = "?"
    mode: str = "?"


class Mode(msgspec.Struct, frozen=True):
    mode: str = "?"
    by: str | None = None
    reason: str = ""
    left_secs: int | None = None
    held: int = 0


class Performance(msgspec.Struct, frozen=True):
    cpu_usage: float | None = None  # per cent of one core, since start
    memory_usage: float | None = None  # bytes
    disk_usage: float | None = None  # per cent of the disk that holds the state


class Alerts(msgspec.Struct, frozen=True):
    total_today: int = 0
    critical_open: int = 0
    escalated_open: int = 0  # unanswered for too long
    suppressions: int = 0  # that count now
    held_back: int = 0  # detections, by those
    last_alert: str | None = None  # RFC 3339


class OpenGap(msgspec.Struct, frozen=True):
    source: str
    reason: str
    lost: int | None = None
    since: str = ""  # RFC 3339


class Coverage(msgspec.Struct, frozen=True):
    evidence: dict[str, str] = {}  # monitor to what proves it works, or why it does not
    gaps_open: tuple[OpenGap, ...] = ()
    gaps_total: int = 0
    blind_spots: tuple[str, ...] = ()


class Ledger(msgspec.Struct, frozen=True):
    seq: int = 0
    link: str = ""
    last_checkpoint: str | None = None  # RFC 3339


class Role(msgspec.Struct, frozen=True):
    state: str = "unknown"
    pid: int | None = None
    note: str = ""


class Rules(msgspec.Struct, frozen=True):
    loaded: int = 0
    correlations: int = 0
    refused: tuple[str, ...] = ()  # the first faults, with file and line
    refused_count: int = 0
    memory: dict[str, int] = {}  # what correlations hold, and what they had to let go
    memory_fault: str | None = None


class Status(msgspec.Struct, frozen=True):
    """What of the answer this program shows; more fields may come, fewer are read as unknown."""

    system: System = System()
    mode: Mode = Mode()
    monitoring: dict[str, bool] = {}
    performance: Performance = Performance()
    alerts: Alerts = Alerts()
    coverage: Coverage = Coverage()
    ledger: Ledger = Ledger()
    rules: Rules = Rules()
    sinks: tuple[sink_text.Sink, ...] = ()
    roles: dict[str, Role] = {}
    roles_separated: bool = False
    roles_note: str = ""
    not_writing: str | None = None


def parse(answer: object) -> Status:
    """Raises DataFault if the engine's answer is no status."""
    try:
        return msgspec.convert(answer, Status, strict=False)
    except msgspec.ValidationError as fault:
        raise DataFault(
            f"the engine's status cannot be read: {fault}",
            remedy="the engine and this command differ in version; restart the engine",
        ) from fault


def rows(status: Status) -> Iterator[tuple[str, str]]:
    """Name and value, as a person asks: is it on, what does it see, what did it miss or find, is it kept."""
    system = status.system
    yield (
        "sentinair",
        f"running for {span(system.uptime)}, version {system.version}, mode {system.mode}",
    )
    if status.mode.mode == "maintenance":
        yield "MAINTENANCE", _maintenance(status.mode)
    if status.not_writing:
        yield "NOT WRITING", status.not_writing
    for name, on in status.monitoring.items():
        evidence = status.coverage.evidence.get(name, "")
        yield name.replace("_", " "), f"{'on' if on else 'OFF'}{': ' if evidence else ''}{evidence}"
    yield from _coverage(status.coverage)
    for name, role in status.roles.items():
        parts = [role.state, "" if role.pid is None else f"pid {role.pid}", role.note]
        yield f"role {name}", ", ".join(part for part in parts if part)
    if status.roles_separated or status.roles_note:
        note = status.roles_note
        yield "roles", "each its own user" if status.roles_separated else f"not separated: {note}"
    yield from _rules(status.rules)
    for sink in status.sinks:
        if sink.enabled:
            yield f"sink {sink.name}", f"{sink_text.told(sink)}, {sink.behind} records behind"
    if status.ledger.link:  # else the record is not open, and NOT WRITING says why
        yield from _record(status)
    yield "load", _load(status.performance)


def _maintenance(mode: Mode) -> str:
    left = "" if mode.left_secs is None else f"{span(mode.left_secs)} more, "
    return f"{left}{mode.held} notices held; by {mode.by}: {mode.reason}"


def _rules(rules: Rules) -> Iterator[tuple[str, str]]:
    if rules.refused:
        more = f" (and {rules.refused_count - 1} more)" if rules.refused_count > 1 else ""
        yield "RULES REFUSED", f"{rules.refused[0]}{more}; `sentinair rules check` names all"
    if rules.memory_fault:
        yield "NOT KEPT", f"what correlations remember: {rules.memory_fault}"
    memory = rules.memory
    parts = [f"{rules.loaded} judge"]
    if rules.correlations:
        held = memory.get("correlation_groups", 0)
        parts.append(f"{rules.correlations} correlations, {held} groups open")
    lost = {name: memory.get(f"correlation_{name}", 0) for name in ("forgotten", "late")}
    parts += [f"{count} {name}" for name, count in lost.items() if count]
    yield "rules", ", ".join(parts)


def _record(status: Status) -> Iterator[tuple[str, str]]:
    found = status.alerts
    today = f"{found.total_today} today, {found.critical_open} critical open"
    yield "alerts", f"{today}, last {_since(found.last_alert)}"
    if found.escalated_open:
        yield "UNANSWERED", f"{found.escalated_open} alerts wait for an answer for too long"
    if found.suppressions:
        yield (
            "suppressions",
            f"{found.suppressions} in force, {found.held_back} detections held back",
        )
    yield "ledger", f"record {status.ledger.seq}, head {status.ledger.link[:16]}"
    yield "checkpoint", _since(status.ledger.last_checkpoint)


def _coverage(coverage: Coverage) -> Iterator[tuple[str, str]]:
    for spot in coverage.blind_spots:
        yield "cannot see", spot
    for gap in coverage.gaps_open:
        lost = "an unknown number of" if gap.lost is None else str(gap.lost)
        yield "OPEN GAP", f"{gap.source} lost {lost} events ({gap.reason}) {_since(gap.since)}"
    yield "gaps", f"{coverage.gaps_total} since start, {len(coverage.gaps_open)} not yet restored"


def _load(load: Performance) -> str:
    parts = []
    if load.cpu_usage is not None:
        parts.append(f"engine {load.cpu_usage:g} % CPU")
    if load.memory_usage is not None:
        parts.append(f"{load.memory_usage / 1e6:.0f} MB")
    if load.disk_usage is not None:
        parts.append(f"disk {load.disk_usage:g} % full")
    return ", ".join(parts) or "unknown"


def _since(moment: str | None) -> str:
    """An RFC 3339 time as `3 min ago`; what is no time is shown as it came."""
    if not moment:
        return "none"
    try:
        return ago(from_rfc3339(moment), time.time_ns())
    except ValueError:
        return moment
