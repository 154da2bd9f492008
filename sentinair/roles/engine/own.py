"""Who we are: the processes of this agent, whose writes below the state are no stranger's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sentinair.model.event import FileEvent
from sentinair.model.process import Process
from sentinair.roles.engine.join import START_SLACK

__all__ = ["OwnRoles"]

MAX_OWN: Final = 256


class OwnRoles:
    """Roles that ended stay known, at most MAX_OWN: what they did last is told of after their end."""

    def __init__(self, state: bytes) -> None:
        """state: the state directory, absolute, raw, without symlinks."""
        self._below = state + b"/"
        self._known: dict[int | None, int] = {}  # pid to start

    def learn(self, roles: Iterable[tuple[int, int]]) -> None:
        """roles: pid and start of each that lives."""
        for pid, start in roles:
            self._known.pop(pid, None)
            self._known[pid] = start
        while len(self._known) > MAX_OWN:
            del self._known[next(iter(self._known))]

    def wrote(self, event: FileEvent, writer: Process | None) -> bool:
        """Whether one of them did it in our state: the sensor may not have known that role yet, or found it gone."""
        pid, start = event.pid, event.start
        if pid not in self._known or not event.path.startswith(self._below):
            return False
        if start is None and writer is not None:
            start = writer.start
        return start is not None and abs(self._known[pid] - start) <= START_SLACK
