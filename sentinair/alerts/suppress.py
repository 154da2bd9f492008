"""Detections that people do not want to see for a time: held back and counted, never silently."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec.structs import replace

from sentinair.alerts.glob import Glob
from sentinair.errors import UsageFault
from sentinair.model.alert import Detection, Joined
from sentinair.model.event import FileEvent, HashEvent
from sentinair.model.record import Record
from sentinair.model.suppression import (
    Suppression,
    SuppressionCounted,
    SuppressionRemoved,
    Tally,
)
from sentinair.model.text import shown

__all__ = ["MAX_ACTIVE", "MAX_REASON_CHARS", "Suppressions", "is_never_suppressed"]

MAX_ACTIVE: Final = 200  # more are a rule that wants to be mended, not suppressed
MAX_REASON_CHARS: Final = 1_000
MAX_PATTERN_CHARS: Final = 1_000
MAX_NS: Final = 366 * 86_400 * 1_000_000_000
COUNT_EVERY_NS: Final = 900 * 1_000_000_000
_WILD: Final = "/*?"  # with nothing but these in it a pattern names nothing


def is_never_suppressed(detection: Detection) -> bool:
    """What tells that the agent itself is being changed: whoever could suppress it could hide all else."""
    own = detection.source == "gap" or detection.category == "tamper"
    return own and detection.severity == "critical"


class _Active:
    """One suppression that counts, with its globs made ready."""

    __slots__ = ("_path", "_program", "wish")

    def __init__(self, wish: Suppression) -> None:
        self.wish = wish
        self._path = None if wish.path is None else Glob(wish.path)
        self._program = None if wish.program is None else Glob(wish.program)

    def holds(self, detection: Detection, joined: Joined, users: Mapping[int, str]) -> bool:
        """Whether all that it names is so.  What is not known is not so."""
        wish = self.wish
        if wish.rule is not None and wish.rule != detection.rule_id:
            return False
        if self._path is not None and not _path_fits(self._path, joined):
            return False
        if self._program is None and wish.user is None:
            return True
        process = joined.actor
        if process is None:
            return False
        if self._program is not None and (
            process.exe is None or process.memfd or not self._program.matches(process.exe)
        ):
            return False
        return wish.user is None or _is_user(wish.user, process.uid, users)


def _path_fits(path: Glob, joined: Joined) -> bool:
    event = joined.event
    if not isinstance(event, FileEvent | HashEvent) or not path.matches(event.path):
        return False
    # What is renamed into a suppressed place came from one that may not be.
    old = event.old_path if isinstance(event, FileEvent) else None
    return old is None or path.matches(old)


def _is_user(wanted: str, uid: int | None, users: Mapping[int, str]) -> bool:
    return uid is not None and (wanted == str(uid) or wanted == users.get(uid))


class Suppressions:
    """All that count now.  Pure: time and ids are passed in, records for the ledger handed out.

    Memory: at most MAX_ACTIVE.  A clock set back revives nothing: an end is judged by the latest time seen.
    """

    def __init__(self, users: Mapping[int, str] | None = None) -> None:
        """users: login names by uid."""
        self._users = {} if users is None else users
        self._active: dict[str, _Active] = {}  # the oldest first
        self._latest_ns = 0
        self._counted_ns: int | None = None  # when the tallies were last recorded; None: not yet
        self._told = True  # whether the record has the tallies as they are

    def __len__(self) -> int:
        return len(self._active)

    @property
    def held_back(self) -> int:
        """Detections that the ones counting now have held back in all."""
        return sum(one.wish.count for one in self._active.values())

    def restore(self, wishes: Iterable[Suppression]) -> None:
        """Goes on with those of an earlier life; the first tick ends those whose time came meanwhile."""
        for wish in wishes:
            if wish.ended_ns is None:
                self._active[wish.id] = _Active(wish)

    def listed(self) -> list[Suppression]:
        """Those that count, the oldest first."""
        return [one.wish for one in self._active.values()]

    def take(self, detection: Detection, joined: Joined, now_ns: int) -> bool:
        """Whether this detection is held back; then it is counted."""
        if not self._active or is_never_suppressed(detection):
            return False
        self._latest_ns = max(self._latest_ns, now_ns)
        for one in self._active.values():
            wish = one.wish
            if wish.expires_ns > self._latest_ns and one.holds(detection, joined, self._users):
                last_ns = max(joined.event.seen_ns, wish.last_ns or 0)
                one.wish = replace(wish, count=wish.count + 1, last_ns=last_ns)
                self._told = False
                return True
        return False

    def add(self, wish: Suppression) -> list[Record]:
        """Takes a new one in.  Raises UsageFault if it is not one that can be."""
        _check(wish)
        if len(self._active) >= MAX_ACTIVE:
            raise UsageFault(
                f"there are {MAX_ACTIVE} suppressions already",
                remedy="remove one, or mend the rule",
            )
        self._active[wish.id] = _Active(wish)
        return [Record("suppression.added", wish)]

    def remove(self, prefix: str, *, by: str, now_ns: int) -> tuple[Suppression, list[Record]]:
        """Ends the one whose id is or begins with prefix.  by: who the caller proved to be.

        Raises UsageFault if there is none, or more than one.
        """
        found = [key for key in self._active if prefix and key.startswith(prefix)]
        if len(found) != 1:
            raise UsageFault(
                f"{'no' if not found else 'more than one'} suppression {shown(prefix)!r}",
                remedy="`sentinair suppressions list` shows their ids",
            )
        return self._end(found[0], shown(by), now_ns)

    def tick(self, now_ns: int) -> list[Record]:
        """Once a second: ends what is due, and the tallies when they have changed and were not told for a while."""
        self._latest_ns = max(self._latest_ns, now_ns)
        due = [key for key, one in self._active.items() if one.wish.expires_ns <= self._latest_ns]
        records = self._tallies(now_ns) if due else []
        for key in due:
            records += self._end(key, None, now_ns)[1]
        if self._counted_ns is None or not 0 <= now_ns - self._counted_ns < COUNT_EVERY_NS:
            records += self._tallies(now_ns)
        return records

    def flush(self, now_ns: int) -> list[Record]:
        """The tallies, for the end of the engine's life."""
        return self._tallies(now_ns)

    def _tallies(self, now_ns: int) -> list[Record]:
        if self._told:
            return []
        self._told, self._counted_ns = True, now_ns
        wishes = self.listed()
        tallies = tuple(Tally(wish.id, wish.count, wish.last_ns) for wish in wishes)
        return [Record("suppression.counted", SuppressionCounted(tallies))]

    def _end(self, key: str, by: str | None, now_ns: int) -> tuple[Suppression, list[Record]]:
        wish = replace(self._active.pop(key).wish, ended_ns=now_ns, ended_by=by)
        end = SuppressionRemoved(wish.id, by, now_ns, wish.count, wish.last_ns)
        return wish, [Record("suppression.removed", end)]


def _check(wish: Suppression) -> None:
    if wish.rule is None and wish.path is None and wish.program is None:
        raise UsageFault(
            "a suppression must name a rule, a path or a program",
            remedy="a user alone would hide whatever that user does",
        )
    for name, glob in (("path", wish.path), ("program", wish.program)):
        if glob is None:
            continue
        if not glob.startswith("/") or len(glob) > MAX_PATTERN_CHARS:
            raise UsageFault(
                f"the {name} {shown(glob[:100])!r} is not an absolute path of at most {MAX_PATTERN_CHARS} characters",
                remedy="* and ? stay within one step, ** spans any number of steps",
            )
        if wish.rule is None and not glob.strip(_WILD):
            raise UsageFault(f"the {name} {glob!r} is everything", remedy="name a rule with it")
    if not wish.reason.strip() or len(wish.reason) > MAX_REASON_CHARS:
        raise UsageFault(
            f"a reason of 1 to {MAX_REASON_CHARS} characters is needed", remedy="--reason TEXT"
        )
    if not 0 < wish.expires_ns - wish.created_ns <= MAX_NS:
        raise UsageFault(
            "a suppression ends after some time, at most 366 days", remedy="--for 1d, say"
        )
