"""As much of the engine's answer to "status" as metrics are made of; absent is None, for what is not told is not 0."""

from __future__ import annotations

import msgspec

from sentinair.errors import DataFault

__all__ = ["Histogram", "Told", "told"]


class Histogram(msgspec.Struct, frozen=True):
    """counts: at or below each bound (seconds); count: of all; sum: seconds."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    count: int
    sum: float


class Raised(msgspec.Struct, frozen=True):
    severity: str
    category: str
    count: int


class Gap(msgspec.Struct, frozen=True):
    source: str
    reason: str
    count: int


class Totals(msgspec.Struct, frozen=True):
    events: dict[str, int] = {}
    alerts: tuple[Raised, ...] = ()
    gaps: tuple[Gap, ...] = ()
    lost: dict[str, int] = {}
    commit_secs: Histogram | None = None
    delay_secs: Histogram | None = None


class System(msgspec.Struct, frozen=True):
    running: bool = False
    uptime: float | None = None
    version: str | None = None
    mode: str | None = None


class Performance(msgspec.Struct, frozen=True):
    cpu_usage: float | None = None  # per cent
    memory_usage: float | None = None  # bytes
    disk_usage: float | None = None  # per cent


class Alerts(msgspec.Struct, frozen=True):
    by_severity: dict[str, int] = {}  # open now
    escalated_open: int | None = None
    suppressions: int | None = None
    last_alert: str | None = None  # RFC 3339


class Coverage(msgspec.Struct, frozen=True):
    gaps_open: tuple[object, ...] | int | None = None


class Ledger(msgspec.Struct, frozen=True):
    seq: int | None = None
    last_checkpoint: str | None = None  # RFC 3339


class Role(msgspec.Struct, frozen=True):
    state: str = "unknown"
    counters: dict[str, int] = {}
    heard_secs_ago: float | None = None


class Sink(msgspec.Struct, frozen=True):
    """Counts are of this life of the forwarder; behind, unsure: entries."""

    name: str
    enabled: bool = False
    paused: bool = False
    state: str | None = None
    behind: int | None = None
    unsure: int | None = None
    events_behind: int | None = None
    events_unsure: int | None = None
    letters: int | None = None
    delivered: int | None = None
    left_out: int | None = None
    refused: int | None = None
    failed: int | None = None
    latency_secs: float | None = None
    last_success: str | None = None  # RFC 3339


class Rules(msgspec.Struct, frozen=True):
    loaded: int | None = None
    refused_count: int | None = None


class Told(msgspec.Struct, frozen=True):
    """More fields may come."""

    system: System = System()
    monitoring: dict[str, bool] = {}
    performance: Performance = Performance()
    alerts: Alerts = Alerts()
    coverage: Coverage = Coverage()
    ledger: Ledger = Ledger()
    roles: dict[str, Role] = {}
    rules: Rules = Rules()
    sinks: tuple[Sink, ...] = ()
    totals: Totals = Totals()
    waiting: int | None = None
    not_writing: str | None = None


def told(answer: object) -> Told:
    """Raises DataFault if answer is no status."""
    try:
        return msgspec.convert(answer, Told)
    except msgspec.ValidationError as fault:
        raise DataFault(
            f"the engine's status cannot be read: {fault}",
            remedy="the engine and this command differ in version; restart the engine",
        ) from fault
