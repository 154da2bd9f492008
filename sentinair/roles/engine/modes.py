"""How loud the agent is: observe (the usual), maintenance (notices held for a while), protect (not built).

A mode lives in the record: the newest `mode.changed` says which, until when, and what was held.  A maintenance ends by
itself, on the steady clock within one boot and on the wall clock over a restart, so that neither a clock set back nor
a stopped agent makes it longer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

from sentinair.alerts.circumstances import Circumstances
from sentinair.alerts.held import MAX_NAMED, summary
from sentinair.codecs.times import rfc3339
from sentinair.errors import PermissionFault, UsageFault
from sentinair.model.alert import SEVERITIES, Alert
from sentinair.model.record import Stamp
from sentinair.model.text import shown
from sentinair.roles.engine.commits import Commits
from sentinair.store.read import AlertFilter, Reader, StoredRecord

__all__ = ["MAX_SECS", "MODES", "Changed", "Modes"]

log = logging.getLogger("sentinair.engine")

OBSERVE: Final = "observe"
MAINTENANCE: Final = "maintenance"
PROTECT: Final = "protect"
MODES: Final = (OBSERVE, PROTECT, MAINTENANCE)
MAX_SECS: Final = 7 * 86_400  # longer than any planned work; nobody shall forget it for good
_NS: Final = 1_000_000_000
_SOON_NS: Final = (
    60 * _NS
)  # alerts are dated by their event, which may lie this much before it was judged


class Changed(msgspec.Struct, frozen=True):
    """mode.changed."""

    mode: str
    before: str
    by: str | None  # None: the agent itself, its time being up
    reason: str
    at_ns: int  # wall clock; alerts held in a maintenance name it
    secs: int | None = None  # how long it lasts; None: until it is changed
    since_ns: int | None = None  # the maintenance that ended began then
    held: dict[str, int] = {}  # alerts whose notice was held in it, by severity


class Open(Protocol):
    """Opens the record for reading."""

    def __call__(self) -> Reader: ...


class Modes:
    """Goes on with the mode the record tells of."""

    def __init__(
        self,
        commits: Commits,
        circumstances: Circumstances,
        stamp: Callable[[], Stamp],
        read: Open,
        new_id: Callable[[], str],
        *,
        host: str,
        never: frozenset[int] = frozenset(),
    ) -> None:
        """read: opens the ledger.  never: uids that may not change the mode, whoever let them connect."""
        self._commits = commits
        self._circumstances = circumstances
        self._stamp = stamp
        self._read = read
        self._new_id = new_id
        self._host = host
        self._never = never
        self._now: Changed = Changed(OBSERVE, OBSERVE, None, "the usual", 0)
        self._since: Stamp | None = None
        with read() as reader:
            last = reader.last_record("mode.changed")
            if last is not None:
                self._restore(reader, last)

    @property
    def name(self) -> str:
        """One of MODES."""
        return self._now.mode

    def _restore(self, reader: Reader, last: StoredRecord) -> None:
        self._now = msgspec.convert(last.data, Changed)
        self._since = last.stamp
        if self._now.mode == MAINTENANCE:
            began_ns = self._now.at_ns
            self._circumstances.holding_since_ns = began_ns
            for severity in SEVERITIES[:-1]:
                wanted = AlertFilter(since_ns=began_ns, severity=(severity,))
                self._circumstances.held[severity] = reader.count_alerts(wanted, None)

    def left_ns(self, stamp: Stamp) -> int | None:
        """How long the mode goes on, 0 or less: it is over; None: until it is changed."""
        if self._now.secs is None or self._since is None:
            return None
        if stamp.boot != self._since.boot:
            # Another boot: the wall clock says once how long it was, from then on the steady one counts.
            passed = max(stamp.time_ns - self._since.time_ns, 0)
            self._since = msgspec.structs.replace(
                self._since, boot=stamp.boot, mono_ns=stamp.mono_ns - passed
            )
        return self._now.secs * _NS - max(stamp.mono_ns - self._since.mono_ns, 0)

    def tick(self, stamp: Stamp) -> None:
        """Once a second."""
        left = self.left_ns(stamp)
        if left is not None and left <= 0:
            self._change(OBSERVE, None, "its time was up", None)

    def status(self) -> dict[str, object]:
        """The mode for people and programs, JSON-able."""
        left = self.left_ns(self._stamp())
        since = self._since
        return {
            "mode": self._now.mode,
            "since": None if since is None else rfc3339(since.time_ns),
            "by": self._now.by,
            "reason": self._now.reason,
            "until": None if left is None else rfc3339(self._stamp().time_ns + max(left, 0)),
            "left_secs": None if left is None else max(0, left // _NS),
            "held": self._circumstances.held.total(),
        }

    def set(self, uid: int, by: str, mode: str, secs: int | None, reason: str) -> dict[str, object]:
        """Change it for a person; returns status(), with a note where nothing was changed.

        Raises PermissionFault for an uid that never may, UsageFault for what cannot be.
        """
        if uid in self._never:
            raise PermissionFault(
                "this user may never change the mode",
                remedy="a person with sudo, or in the group sentinair-admin, may",
            )
        if mode not in MODES:
            raise UsageFault(f"no mode {shown(mode)!r}", remedy=f"use one of {', '.join(MODES)}")
        if mode == PROTECT:
            note = f"protect is not built yet: the mode stays {self._now.mode}"
            return {**self.status(), "note": note}
        if mode == MAINTENANCE:
            _check(secs, reason)
        elif self._now.mode == OBSERVE:
            return {**self.status(), "note": "the mode is observe already"}
        self._change(mode, by, shown(reason), secs if mode == MAINTENANCE else None)
        return self.status()

    def _change(self, mode: str, by: str | None, reason: str, secs: int | None) -> None:
        at = self._stamp()
        before, began_ns = self._now.mode, self._circumstances.holding_since_ns
        held = {name: n for name, n in self._circumstances.held.items() if n}
        self._now = Changed(mode, before, by, reason, at.time_ns, secs, began_ns, held)
        self._since = at
        self._commits.record("mode.changed", self._now)
        if began_ns is not None and held:
            change = summary(
                held,
                self._named(began_ns),
                self._new_id(),
                began_ns=began_ns,
                now_ns=at.time_ns,
                host=self._host,
                reason=reason or "somebody said so",
            )
            self._commits.alert([change])
        self._circumstances.holding_since_ns = at.time_ns if mode == MAINTENANCE else None
        self._circumstances.held.clear()
        log.info("mode %s, before %s: %s", mode, before, reason)

    def _named(self, began_ns: int) -> list[Alert]:
        """The gravest alerts held in the maintenance that began then, of these the newest."""
        self._commits.commit()  # what was raised to this moment shall be found
        found: list[Alert] = []
        with self._read() as reader:
            for severity in SEVERITIES[-2::-1]:
                wanted = AlertFilter(since_ns=began_ns - _SOON_NS, severity=(severity,))
                rows = reader.alerts(wanted, limit=MAX_NAMED - len(found)).rows
                found += [alert for alert in rows if alert.held_since_ns == began_ns]
                if len(found) >= MAX_NAMED:
                    break
        return found


def _check(secs: int | None, reason: str) -> None:
    if secs is None or not 0 < secs <= MAX_SECS:
        raise UsageFault(
            "a maintenance needs an end, within 7 days",
            remedy='give it, as in: sentinair mode set maintenance --for 2h --reason "…"',
        )
    if not reason.strip():
        raise UsageFault("a maintenance needs a reason", remedy='give it with --reason "…"')


def params_of(params: Mapping[str, object]) -> tuple[int | None, str]:
    """secs and reason of a request.  Raises UsageFault for what is neither."""
    secs, reason = params.get("secs"), params.get("reason")
    if secs is not None and (not isinstance(secs, int) or isinstance(secs, bool)):
        raise UsageFault(f"parameter 'secs' must be a whole number, got {type(secs).__name__}")
    if reason is not None and not isinstance(reason, str):
        raise UsageFault(f"parameter 'reason' must be text, got {type(reason).__name__}")
    return secs, (reason or "")[:1000]
