"""A sink that tells people at this host, at once, what cannot wait."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sentinair.errors import SentinairError
from sentinair.model.entry import Entry, Parcel
from sentinair.model.standing import Standing
from sentinair.sinks.choose import TESTED
from sentinair.sinks.notice.blind import Blind
from sentinair.sinks.notice.motd import Motd
from sentinair.sinks.notice.options import NoticeOptions
from sentinair.sinks.notice.pace import Pace
from sentinair.sinks.notice.terminals import Terminals
from sentinair.sinks.notice.text import (
    alert_line,
    blind_line,
    message,
    more_line,
    sees_line,
    trial_line,
)

__all__ = ["NoticeSink"]

log = logging.getLogger("sentinair.forwarder")

_URGENT: Final = ("alert.raised", "alert.reopened", "alert.escalated")
_LOOK_NS: Final = 1_000_000_000  # between two looks at what is open
_LATE_NS: Final = 60_000_000_000  # so often without a word of a change: what is told in time only


class NoticeSink:
    """Never refuses and is never away: who does not hear it has the record.  Holds nothing back from its cursor."""

    def __init__(
        self,
        name: str,
        options: NoticeOptions,
        *,
        terminals: Terminals | None,
        motd: Motd | None,
        standing: Callable[[], Standing],
        wall_ns: Callable[[], int],
        mono_ns: Callable[[], int],
    ) -> None:
        """terminals, motd: None where they are not wanted.  standing: raises SentinairError."""
        self.name = name
        self._objects = options.objects
        self._terminals = terminals
        self._motd = motd
        self._standing = standing
        self._wall_ns = wall_ns
        self._mono_ns = mono_ns
        self._blind = Blind(options.blind_secs)
        # A flood of alerts must not be a way to keep people from hearing that the agent no longer sees.
        self._alerts, self._sight = Pace(options.lines_per_minute), Pace(options.lines_per_minute)
        self._found = Standing()
        self._look_ns = 0
        self._changed = True  # what is open may not be what was last looked at
        # By the message of the day; None: not known.
        self._shown: tuple[Standing, list[str]] | None = None
        self._trouble = ""

    def open(self) -> None:
        """Nothing is held open."""

    def deliver(self, parcels: Sequence[Parcel]) -> None:
        """Say what is urgent; the rest only tells what to look at."""
        for parcel in parcels:
            self._hear(parcel.entry)
        self._go_on(self._mono_ns())

    def holding(self) -> Mapping[str, int]:
        return {}

    def idle(self, mono_ns: int) -> None:
        self._go_on(mono_ns)

    def close(self) -> None:
        """Says in the message of the day that nobody keeps it any more, if it says anything."""
        if self._motd is None or self._shown is None:
            return
        told = self._message(*self._shown)
        if told is not None:
            self._show(self._motd, told + "  Not kept since then: the forwarder has ended.\n")

    # -- what comes ----------------------------------------------------------------------------------------------

    def _hear(self, entry: Entry) -> None:
        now_ns = self._mono_ns()
        if entry.alert is not None:
            self._changed = True
            if entry.kind in _URGENT and entry.alert.severity == "critical":
                line = alert_line(entry.kind, entry.alert, objects=self._objects)
                self._say(line, self._alerts, now_ns)
        elif entry.kind.startswith("gap"):
            self._changed = True
        elif entry.kind == "heartbeat":
            self._blind.heartbeat(entry.data, now_ns)
        elif entry.kind == TESTED and entry.data.get("sink") == self.name:
            by = str(entry.data.get("by") or "an administrator")
            self._say(trial_line(self._wall_ns(), by), self._sight, now_ns)

    def _go_on(self, now_ns: int) -> None:
        late = now_ns - self._look_ns >= _LATE_NS
        if late or (self._changed and now_ns - self._look_ns >= _LOOK_NS):
            self._look(now_ns)
        for blind, what in self._blind.changes(now_ns):
            line = blind_line if blind else sees_line
            self._say(line(self._wall_ns(), what), self._sight, now_ns)
        self._tell_more(now_ns)
        if self._motd is not None:
            self._keep(self._motd)

    def _look(self, now_ns: int) -> None:
        self._look_ns = now_ns
        try:
            self._found = self._standing()
        except SentinairError as fault:  # a reader may meet the writer's change: looked at again
            self._note(f"what is open cannot be read: {fault}")
            self._changed = True
            return
        self._changed = False
        self._blind.losses(self._found.losses, now_ns)

    # -- what goes -----------------------------------------------------------------------------------------------

    def _say(self, line: str, pace: Pace, now_ns: int) -> None:
        self._tell_more(now_ns)
        if pace.take(now_ns):
            self._write(line)

    def _tell_more(self, now_ns: int) -> None:
        count = self._alerts.over(now_ns) + self._sight.over(now_ns)
        if count:
            self._write(more_line(self._wall_ns(), count))

    def _write(self, line: str) -> None:
        if self._terminals is None:
            return
        try:
            self._terminals.tell(line)
        except OSError as fault:
            self._note(f"terminals cannot be listed: {fault}")

    def _keep(self, motd: Motd) -> None:
        open_now = (self._found, self._blind.now())
        if open_now != self._shown and self._show(motd, self._message(*open_now)):
            self._shown = open_now

    def _message(self, found: Standing, blind: list[str]) -> str | None:
        return message(self._wall_ns(), found, blind, objects=self._objects)

    def _show(self, motd: Motd, text: str | None) -> bool:
        try:
            motd.show(text)
        except SentinairError as fault:
            self._note(f"the message of the day is not kept: {fault}")
            return False
        return True

    def _note(self, trouble: str) -> None:
        """Once each: it may last, and is no reason to be quiet at the terminals."""
        if trouble != self._trouble:
            self._trouble = trouble
            log.warning("%s: %s", self.name, trouble)
