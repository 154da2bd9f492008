"""The sinks as the engine knows them: how far each is, its dead letters, its health; and what people ask of them.

What the forwarder says is checked before it is believed; it is stored with the next commit, and then acknowledged.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from sentinair.codecs.times import rfc3339
from sentinair.errors import DataFault
from sentinair.ipc.messages import (
    AskSink,
    ExportWord,
    ForForwarder,
    KeptSink,
    SinkReport,
    SinksKept,
    SinkWord,
    Wake,
)
from sentinair.model.delivery import Key, Letter, Position, SinkHealth
from sentinair.model.event import SinkEvent
from sentinair.model.record import Stamp
from sentinair.roles.engine.commits import Commits
from sentinair.roles.engine.exports import Exports
from sentinair.settings.types import SinksSettings
from sentinair.store.outgoing import OutgoingReader
from sentinair.store.sinks import LetterRow, PausedData, RefusedData, ReplayedData

__all__ = ["Sinks"]

log = logging.getLogger("sentinair.engine")

WAKE_NS: Final = 1_000_000_000  # between two words to the forwarder that the record has grown
NOTICE_NS: Final = 60_000_000_000  # between two events, or two records on health, of one sink
STARTING_NS: Final = (
    30_000_000_000  # a forwarder that is not here so long after our start is missed
)
_BAD: Final = ("stale", "unhealthy")
_REMEMBERED: Final = 2000


class _Sink:
    """One sink's state in the engine's memory."""

    def __init__(self, kept: KeptSink, enabled: bool) -> None:
        self.enabled = enabled
        self.kind = ""
        self.codec = ""
        self.position = kept.position
        self.given = kept.position  # handed over; what lies behind position may yet be lost there
        self.paused = kept.paused
        self.health: SinkHealth | None = None
        self.heard_ns: int | None = None  # steady clock
        self.letters = 0
        self.told_state = "healthy"  # in the last sink.health record
        self.told_ns: int | None = None
        self.bad_since_ns: int | None = None  # steady clock
        self.alerted = False  # for this episode
        self.waiting = 0  # refusals not yet told by an event
        self.waiting_why = ""
        self.refusal_ns: int | None = None
        self.seen: OrderedDict[Key, None] = OrderedDict()  # dead letters recorded in this life


class Sinks:
    """say: sends the forwarder a message, if it is there."""

    def __init__(
        self,
        commits: Commits,
        settings: SinksSettings,
        state: Path,
        *,
        stamp: Callable[[], Stamp],
        notice: Callable[[SinkEvent], None],
        say: Callable[[ForForwarder], None],
    ) -> None:
        """notice: stores and judges an event.  Raises StorageFault."""
        self._commits = commits
        self._settings = settings
        self._state = state
        self._stamp = stamp
        self._notice = notice
        self._say = say
        self.exports = Exports(lambda: stamp().mono_ns, say)
        self._taken: int | None = None  # report that the next commit makes durable
        self._grown = False
        self._woken_ns = 0
        self._began_ns = stamp().mono_ns
        self._sinks = self._read()

    def _read(self) -> dict[str, _Sink]:
        with OutgoingReader.open(self._state) as reader:
            rows = {row.name: row for row in reader.sinks()}
        # Not the newest event there is: retention may have forgotten them all, and numbers are never used again.
        self._newest = self._commits.store.last_event_id
        ends = self._commits.store.head.seq, self._newest
        found: dict[str, _Sink] = {}
        for given in self._settings.to:
            name = given.name or ""
            row = rows.pop(name, None)
            position = Position(0, 0)
            if row is not None and row.is_within(*ends):
                position = row.position
            elif row is not None:
                self._set_back(name, row.position)
            found[name] = _Sink(
                KeptSink(name, position, paused=row is not None and row.paused), given.enabled
            )
            found[name].kind, found[name].codec = given.kind, given.codec
            found[name].letters = 0 if row is None else row.letters
        return found

    def _set_back(self, name: str, was: Position) -> None:
        """All comes again: what it would leave out otherwise, nobody could tell."""
        why = f"its cursor cannot be: {was.seq!r}, {was.event!r}; it begins anew"
        log.error("sink %s: %s", name, why)
        data = {"sink": name, "state": "degraded", "was": "healthy", "why": why}
        self._commits.record("sink.health", data)

    # -- the forwarder -------------------------------------------------------------------------------------------

    def kept(self) -> tuple[KeptSink, ...]:
        """For its welcome; only after a commit of all that waits."""
        self._taken = None
        return tuple(
            KeptSink(name, sink.position, sink.paused)
            for name, sink in self._sinks.items()
            if sink.enabled
        )

    def hear(self, report: SinkReport | ExportWord) -> None:
        """Raises DataFault if it cannot be true."""
        if isinstance(report, ExportWord):
            self.exports.hear(report)
            return
        seq, event = self._commits.store.head.seq, self._newest
        for word in report.words:
            sink = self._sinks.get(word.name)
            if sink is None or not sink.enabled:
                raise DataFault(f"the forwarder speaks of a sink {word.name!r} that it has not")
            given = word.given or word.position
            if (
                max(word.position.seq, given.seq) > seq
                or max(word.position.event, given.event) > event
            ):
                raise DataFault(f"{word.name} is said to be beyond the record's end")
        stamp = self._stamp()
        news = [self._take(word, self._sinks[word.name], stamp) for word in report.words]
        if any(news) or self._taken is not None:
            self._taken = report.number
        else:  # nothing to be stored: no commit need come
            self._say(SinksKept(report.number))

    def _take(self, word: SinkWord, sink: _Sink, stamp: Stamp) -> bool:
        """Whether there is something to be stored."""
        news = bool(word.position != sink.position or word.letters or word.delivered)
        if word.position != sink.position:
            sink.position = word.position
            self._commits.position(word.name, word.position)
        letters = [letter for letter in word.letters if letter.key not in sink.seen]
        if letters:
            self._refused(word.name, sink, letters)
        if word.delivered:
            self._commits.record("sink.replayed", ReplayedData(word.name, word.delivered))
            sink.letters = max(0, sink.letters - len(word.delivered))
            for key in word.delivered:
                sink.seen.pop(key, None)
        sink.given = word.given or word.position
        sink.health, sink.heard_ns = word.health, stamp.mono_ns
        return news

    def _refused(self, name: str, sink: _Sink, letters: list[Letter]) -> None:
        self._commits.record("sink.refused", RefusedData.of(name, letters))
        for letter in letters:
            sink.seen[letter.key] = None
        while len(sink.seen) > _REMEMBERED:
            sink.seen.popitem(last=False)
        sink.letters += len(letters)
        sink.waiting += len(letters)
        sink.waiting_why = letters[-1].why

    def committed(self) -> None:
        """A transaction is on disk."""
        if self._taken is not None:
            self._say(SinksKept(self._taken))
            self._taken = None
        last = self._commits.last
        if last is not None and last.first_seq <= last.last_seq:
            self._newest = max(self._newest, last.last_id)
            self._grown = bool(self.names())
            self._wake(self._stamp().mono_ns)

    def _wake(self, now_ns: int) -> None:
        if self._grown and now_ns - self._woken_ns >= WAKE_NS:
            self._grown, self._woken_ns = False, now_ns
            self._say(Wake())

    # -- time ----------------------------------------------------------------------------------------------------

    def tick(self, stamp: Stamp) -> None:
        """Once a second."""
        self._wake(stamp.mono_ns)
        if self._commits.refusal is not None:
            return
        for name, sink in self._sinks.items():
            if not sink.enabled:
                continue
            self._judge(name, sink, stamp)
            self._tell_refusals(name, sink, stamp)

    def _state_of(self, sink: _Sink, now_ns: int) -> tuple[str, str]:
        """The word for it, and why."""
        heard = self._began_ns if sink.heard_ns is None else sink.heard_ns
        if now_ns - heard > STARTING_NS:
            return "stale", f"the forwarder has not spoken for {(now_ns - heard) // 10**9} s"
        if sink.paused:
            return "healthy", "paused"
        return ("healthy", "") if sink.health is None else (sink.health.state, sink.health.why)

    def _judge(self, name: str, sink: _Sink, stamp: Stamp) -> None:
        """A record when it becomes bad and when it is good again; an alert when it stays bad."""
        state, why = self._state_of(sink, stamp.mono_ns)
        if state not in _BAD:
            sink.bad_since_ns, sink.alerted = None, False
        elif sink.bad_since_ns is None:
            sink.bad_since_ns = stamp.mono_ns
        was_bad, is_bad = sink.told_state in _BAD, state in _BAD
        due = sink.told_ns is None or stamp.mono_ns - sink.told_ns >= NOTICE_NS
        if was_bad != is_bad and due:
            data = {"sink": name, "state": state, "was": sink.told_state, "why": why}
            self._commits.record("sink.health", data)
            sink.told_state, sink.told_ns = state, stamp.mono_ns
        if sink.bad_since_ns is None or sink.alerted:
            return
        bad_secs = (stamp.mono_ns - sink.bad_since_ns) // 10**9
        if bad_secs >= self._settings.alert_after_secs:
            sink.alerted = True
            self._event(name, "unhealthy", bad_secs, why, stamp)

    def _tell_refusals(self, name: str, sink: _Sink, stamp: Stamp) -> None:
        if not sink.waiting:
            return
        if sink.refusal_ns is not None and stamp.mono_ns - sink.refusal_ns < NOTICE_NS:
            return
        sink.refusal_ns = stamp.mono_ns
        count, sink.waiting = sink.waiting, 0
        self._event(name, "refused", count, sink.waiting_why, stamp)

    def _event(self, name: str, what: str, count: int, why: str, stamp: Stamp) -> None:
        self._notice(
            SinkEvent(
                seen_ns=stamp.time_ns,
                mono_ns=stamp.mono_ns,
                sink=name,
                what=what,
                count=count,
                why=why,
            )
        )

    # -- people --------------------------------------------------------------------------------------------------

    def status(self) -> list[dict[str, object]]:
        """Each sink of the configuration, JSON-able.

        behind: not handed over; unsure: handed over, may still be lost there, and would then come again.
        """
        now_ns = self._stamp().mono_ns
        head, newest = self._commits.store.head.seq, self._newest
        wants = {given.name: bool(given.events) for given in self._settings.to}
        return [
            {
                "name": name,
                "kind": sink.kind,
                "codec": sink.codec,
                "enabled": sink.enabled,
                "paused": sink.paused,
                "seq": sink.position.seq,
                "event": sink.position.event,
                "given": sink.given.seq,
                "behind": max(0, head - sink.given.seq),
                "unsure": max(0, sink.given.seq - sink.position.seq),
                "events_behind": max(0, newest - sink.given.event) if wants[name] else 0,
                "events_unsure": max(0, sink.given.event - sink.position.event)
                if wants[name]
                else 0,
                "letters": sink.letters,
                **self._health(sink, now_ns),
            }
            for name, sink in self._sinks.items()
        ]

    def _health(self, sink: _Sink, now_ns: int) -> dict[str, object]:
        state, why = self._state_of(sink, now_ns) if sink.enabled else ("off", "")
        health = sink.health or SinkHealth()
        told: dict[str, object] = msgspec.structs.asdict(health)
        last = told.pop("last_success_ns")
        told["last_success"] = rfc3339(last) if isinstance(last, int) else None
        return {**told, "state": state, "why": why}

    def known(self, name: str) -> bool:
        """Whether it is configured and enabled."""
        return name in self._sinks and self._sinks[name].enabled

    def names(self) -> list[str]:
        return [name for name, sink in self._sinks.items() if sink.enabled]

    def pause(self, name: str, by: str, *, paused: bool) -> None:
        """Written with the next commit; the forwarder is told at once."""
        self._sinks[name].paused = paused
        said = PausedData(name, by)
        self._commits.record("sink.paused" if paused else "sink.resumed", said)
        self._say(AskSink(name, "pause" if paused else "resume"))

    def test(self, name: str, by: str) -> None:
        """A record that goes to this sink only, whatever its filter; hurry() once it is on disk."""
        self._commits.record("sink.tested", {"sink": name, "by": by})

    def hurry(self, name: str) -> None:
        """Bring what there is now, and put away what the sink holds."""
        self._say(AskSink(name, "try"))

    def letters(self, name: str) -> list[LetterRow]:
        with OutgoingReader.open(self._state) as reader:
            return reader.letters(name)

    def replay(self, name: str, keys: tuple[Key, ...]) -> None:
        self._say(AskSink(name, "letters", keys))

    def back(self, name: str, seq: int) -> None:
        """All records after seq are delivered once more."""
        self._say(AskSink(name, "back", (), seq))

    def positions(self) -> Mapping[str, Position]:
        return {name: sink.position for name, sink in self._sinks.items()}
