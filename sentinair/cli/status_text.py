"""The engine's answer to "status" as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sentinair.cli.moments import span
from sentinair.errors import DataFault

__all__ = ["Status", "parse", "rows"]


class System(msgspec.Struct, frozen=True):
    running: bool = False
    uptime: float = 0.0  # seconds
    version: str = ""
    mode: str = "observe"


class Alerts(msgspec.Struct, frozen=True):
    total_today: int = 0
    critical_open: int = 0
    last_alert: str | None = None  # RFC 3339


class Ledger(msgspec.Struct, frozen=True):
    seq: int = 0
    link: str = ""
    last_checkpoint: str | None = None  # RFC 3339


class Coverage(msgspec.Struct, frozen=True):
    gaps: object = None
    dropped: object = None
    blind_spots: tuple[str, ...] = ()


class Role(msgspec.Struct, frozen=True):
    pid: int | None = None
    state: str = "unknown"
    since: object = None
    note: str | None = None


class Performance(msgspec.Struct, frozen=True):
    cpu_usage: float | None = None
    memory_usage: float | None = None
    disk_usage: float | None = None


class Status(msgspec.Struct, frozen=True):
    """What of the answer this program shows; more fields may come, fewer are read as unknown."""

    system: System = System()
    monitoring: dict[str, bool] = {}
    performance: Performance = Performance()
    alerts: Alerts = Alerts()
    ledger: Ledger = Ledger()
    coverage: Coverage = Coverage()
    roles: dict[str, Role] = {}
    not_writing: str | None = None


def parse(answer: object) -> Status:
    """Raises DataFault if the engine's answer is no status."""
    try:
        return msgspec.convert(answer, Status, strict=False)
    except msgspec.ValidationError as fault:
        raise DataFault(f"the engine's status cannot be read: {fault}", remedy="engine and command differ in version") from fault


def rows(status: Status) -> Iterator[tuple[str, str]]:
    """Name and value, in the order a person asks: is it on, what does it see, what did it find, is it kept."""
    system = status.system
    yield "sentinair", f"running {span(system.uptime)}, version {system.version}, mode {system.mode}"
    if status.not_writing:
        yield "NOT WRITING", status.not_writing
    for name, seen in status.monitoring.items():
        yield name.replace("_", " "), "on" if seen else "off"
    for spot in status.coverage.blind_spots:
        yield "blind spot", spot
    for name, role in status.roles.items():
        pid = f", pid {role.pid}" if role.pid is not None else ""
        note = f": {role.note}" if role.note else ""
        yield f"role {name}", f"{role.state}{pid}{note}"
    found = status.alerts
    yield "alerts", f"{found.total_today} today, {found.critical_open} critical open, last {found.last_alert or 'none'}"
    ledger = status.ledger
    yield "ledger", f"record {ledger.seq}, last checkpoint {ledger.last_checkpoint or 'none'}"
    yield "head", ledger.link
