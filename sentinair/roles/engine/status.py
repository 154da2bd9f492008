"""What the engine says of itself: the shape of GET /api/v1/status in the contract, plus what doctor needs."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Final

from sentinair import __version__
from sentinair.alerts.manager import AlertManager
from sentinair.codecs.times import rfc3339
from sentinair.model.alert import SEVERITIES
from sentinair.model.record import Stamp
from sentinair.roles.engine.commits import Commits
from sentinair.roles.engine.gaps import Gaps
from sentinair.roles.engine.senders import ROLES, Sender
from sentinair.roles.engine.totals import Totals
from sentinair.store.read import AlertFilter, Reader

__all__ = ["MONITORS", "Counters", "monitoring", "status", "status_without_record"]

MONITORS: Final = {  # name in the contract: the role and the monitor that prove it, or why there is none yet
    "file_monitor": ("sensor", "file"),
    "process_monitor": ("execs", "process"),
    "usb_monitor": None,
    "behavior_monitor": None,
    "media_monitor": None,
    "airgap_monitor": None,
}
FRESH_NS: Final = 30_000_000_000  # a monitor's word is good for three of its 10 s intervals


class Counters:
    """Totals of this run of the engine."""

    def __init__(self) -> None:
        self.events = 0
        self.started_ns = 0
        self.started_mono_ns = 0
        self.totals = Totals()


def monitoring(
    senders: dict[str, Sender], now_mono_ns: int
) -> tuple[dict[str, bool], dict[str, str]]:
    """Which monitors are proven to work now, and the evidence or the reason against it."""
    proven: dict[str, bool] = {}
    evidence: dict[str, str] = {}
    for name, place in MONITORS.items():
        proven[name], evidence[name] = _monitor(place, senders, now_mono_ns)
    if not proven["process_monitor"]:
        fallback, why = _monitor(("sensor", "process"), senders, now_mono_ns)
        if fallback:
            proven["process_monitor"] = True
            evidence["process_monitor"] = f"{why}; {evidence['process_monitor']}"
    return proven, evidence


def _monitor(
    place: tuple[str, str] | None, senders: dict[str, Sender], now_mono_ns: int
) -> tuple[bool, str]:
    if place is None:
        return False, "not built"
    role, monitor = place
    sender = senders.get(role)
    if sender is None or sender.hello is None:
        return False, f"{role} is not connected"
    health = sender.health
    if health is None:
        return False, f"{role} has not reported yet"
    if now_mono_ns - sender.heard_mono_ns > FRESH_NS:
        return False, f"{role} last reported {(now_mono_ns - sender.heard_mono_ns) // 10**9} s ago"
    note = health.notes.get(monitor, "")
    if not health.monitors.get(monitor, False):
        return False, note or f"{role} has no working {monitor} monitor"
    return True, "its source answered within the last 30 s" + (f"; {note}" if note else "")


def status(
    *,
    mode: dict[str, object],
    state: Path,
    stamp: Stamp,
    senders: dict[str, Sender],
    commits: Commits,
    gaps: Gaps,
    alerts: AlertManager,
    counters: Counters,
    shared: str | None,
) -> dict[str, object]:
    """The whole answer, JSON-able.  mode: Modes.status().  shared: None, or why the roles share one user."""
    proven, evidence = monitoring(senders, stamp.mono_ns)
    kept = _kept(state, stamp, commits.totals)
    disk = os.statvfs(state)
    usage = os.times()
    up_secs = (stamp.mono_ns - counters.started_mono_ns) / 1e9
    return {
        "system": {
            "running": True,
            "uptime": round(up_secs, 1),
            "version": __version__,
            "mode": mode["mode"],
        },
        "mode": mode,
        "monitoring": proven,
        "performance": {
            "cpu_usage": round(100 * (usage.user + usage.system) / max(up_secs, 1e-9), 2),
            "memory_usage": _rss_bytes(),
            "disk_usage": round(100 * (1 - disk.f_bavail / max(disk.f_blocks, 1)), 1),
        },
        "alerts": {
            **kept["alerts"],
            "escalated_open": alerts.escalation.open,
            "suppressions": len(alerts.suppressions),
            "held_back": alerts.suppressions.held_back,
        },
        "coverage": {
            "evidence": evidence,
            "gaps_open": [
                {
                    "id": found.gap.gap_id.hex(),
                    "source": found.gap.source,
                    "reason": found.gap.reason,
                    "lost": found.gap.lost,
                    "since": rfc3339(found.gap.since_ns),
                    "until": rfc3339(found.gap.until_ns),
                }
                for found in gaps.open.values()
            ],
            "gaps_total": gaps.total,
            "blind_spots": [
                f"{probe.name}: {limit}"
                for sender in senders.values()
                if sender.hello
                for probe in sender.hello.probes
                for limit in (probe.limits if probe.works else (probe.reason,))
            ],
        },
        "ledger": kept["ledger"],
        "roles": {role: _role(senders.get(role), stamp) for role in ROLES},
        "probes": [
            {"name": probe.name, "works": probe.works, "reason": probe.reason}
            for sender in senders.values()
            if sender.hello
            for probe in sender.hello.probes
        ],
        "roles_separated": shared is None,
        "roles_note": shared or "",
        "events_this_run": counters.events,
        "totals": kept["totals"],
        "waiting": commits.waiting,
        "not_writing": commits.refusal or commits.store.seal_refusal,
    }


def status_without_record(why: str, counters: Counters, stamp: Stamp) -> dict[str, object]:
    """The answer while the record cannot be opened: nothing is read, nothing is judged."""
    return {
        "system": {
            "running": True,
            "uptime": round((stamp.mono_ns - counters.started_mono_ns) / 1e9, 1),
            "version": __version__,
            "mode": "observe",
        },
        "monitoring": dict.fromkeys(MONITORS, False),
        "coverage": {"evidence": dict.fromkeys(MONITORS, "the record is not open")},
        "roles": {role: {"state": "unknown", "pid": None, "note": ""} for role in ROLES},
        "probes": [],
        "not_writing": why,
    }


def _kept(state: Path, stamp: Stamp, totals: Totals) -> dict[str, dict[str, object]]:
    """What the database itself tells, and what was put there in this life."""
    midnight = datetime.fromtimestamp(stamp.time_ns / 1e9).astimezone()
    midnight = midnight.replace(hour=0, minute=0, second=0, microsecond=0)
    with Reader.open(state) as reader:
        head = reader.head()
        sealed = reader.last_record("checkpoint")
        newest = reader.alerts(AlertFilter(), limit=1).rows
        today = AlertFilter(since_ns=int(midnight.timestamp()) * 10**9)
        shelves = reader.alert_counts()
        by_severity = dict.fromkeys(SEVERITIES, 0)
        for shelf in shelves:
            if shelf.status == "open":
                by_severity[shelf.severity] = by_severity.get(shelf.severity, 0) + shelf.count
        return {
            "alerts": {
                "total_today": reader.count_alerts(today),
                "critical_open": by_severity["critical"],
                "by_severity": by_severity,
                "last_alert": rfc3339(newest[0].time_ns) if newest else None,
            },
            "ledger": {
                "seq": head.seq,
                "link": head.link.hex(),
                "last_checkpoint": rfc3339(sealed.stamp.time_ns) if sealed else None,
            },
            "totals": totals.told(shelf.category for shelf in shelves),
        }


def _role(sender: Sender | None, stamp: Stamp) -> dict[str, object]:
    if sender is None or sender.hello is None:
        return {"state": "absent", "pid": None, "since": None, "note": "not connected"}
    health = sender.health
    notes = [f"{name}: {text}" for name, text in health.notes.items() if text] if health else []
    return {
        "state": "running",
        "pid": sender.peer.pid,
        "since": rfc3339(sender.hello.ready_ns),
        "counters": dict(health.counters) if health else {},
        "heard_secs_ago": round((stamp.mono_ns - sender.heard_mono_ns) / 1e9, 1),
        "note": "; ".join(notes),
    }


def _rss_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
