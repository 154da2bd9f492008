"""What an alert must be told of the moment it is raised in: a maintenance, a drill, what a file was before.

Owned by the engine, which sets it; the alert manager and `build` only read it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from sentinair.alerts.fingerprint import usual_group
from sentinair.model.alert import Detection, Joined
from sentinair.model.event import FileEvent, FileState

__all__ = ["Circumstances"]

Before = Callable[[FileEvent, int | None], FileState | None]


def _unknown(_event: FileEvent, _event_id: int | None) -> FileState | None:
    return None


class Circumstances:
    """Mutable; nothing in it is kept over a restart by itself.

    holding_since_ns: when the maintenance began in which notices are held; None: there is none.
    held: alerts raised and held in it so far, by severity.
    tokens: words of the drills that are going on, each with the pid of who drills (None: not known); the word stands
    in the path, program, folder or arguments of its acts, which are that process's or its children's.
    before: gives what a file was before an event (its row's id), None: not known.
    """

    def __init__(self, before: Before = _unknown) -> None:
        self.holding_since_ns: int | None = None
        self.held: Counter[str] = Counter()
        self.tokens: tuple[tuple[bytes, int | None], ...] = ()
        self.before = before

    def hold(self, severity: str) -> int | None:
        """Counts a new alert as held and says since when notices are held; None: its notice goes out."""
        if self.holding_since_ns is None or severity == "critical":
            return None
        self.held[severity] += 1
        return self.holding_since_ns

    def drill(self, joined: Joined) -> str | None:
        """The token of the drill whose act this is.  Everybody can read it: who else uses it is not believed."""
        if not self.tokens:
            return None
        words = [word for word in _words(joined) if word]
        line = _line(joined)
        for token, pid in self.tokens:
            if any(token in word for word in words) and (pid is None or not line or pid in line):
                return token.decode()
        return None

    def apart(self, detections: Iterable[Detection], joined: Joined) -> Iterable[Detection]:
        """detections; those of a drill's act so that they never merge with what is no drill."""
        token = self.drill(joined)
        if token is None:
            return detections
        return [
            replace(one, group=(*(one.group or usual_group(joined)), "drill", token))
            for one in detections
        ]


def _line(joined: Joined) -> frozenset[int]:
    """Pids of whose act it is and of all above; empty where the source names none."""
    event, process = joined.event, joined.actor
    if process is not None:
        return frozenset((process.pid, *(parent.pid for parent in process.parents)))
    return frozenset(() if not isinstance(event, FileEvent) or event.pid is None else (event.pid,))


def _words(joined: Joined) -> list[bytes | None]:
    event, process = joined.event, joined.actor
    words: list[bytes | None] = []
    if isinstance(event, FileEvent):
        words += [event.path, event.old_path]
    if process is not None:
        words += [process.exe, process.cwd, *(process.argv or ())]
    return words
