"""Which entries go to a sink."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable

from sentinair.model.delivery import REFUSED, UNDELIVERED
from sentinair.model.entry import Entry
from sentinair.settings.sinks import SinkSettings

__all__ = ["TESTED", "Chooser", "is_own_trouble"]

TESTED = "sink.tested"
_OWN_RULES = (REFUSED, UNDELIVERED)


class Chooser:
    """Knows one sink's kinds, severities and categories."""

    def __init__(self, settings: SinkSettings) -> None:
        self._name = settings.name
        self._records = _any_of(settings.records)
        self._events = _any_of(settings.events)
        self._severities = frozenset(settings.severities)
        self._categories = frozenset(settings.categories)
        self.wants_events = bool(settings.events)

    def may_want(self, kind: str) -> bool:
        """Whether a record of this kind need be looked at."""
        return kind == TESTED or self._records(kind)

    def wants(self, entry: Entry) -> bool:
        """Severities and categories are asked of alerts only.  A test of this sink always goes.

        One of another sink goes as any record does: left out, it would be a hole.
        """
        if entry.stream == "event":
            return self._events(entry.kind)
        if entry.kind == TESTED and entry.data.get("sink") == self._name:
            return True
        if not self._records(entry.kind):
            return False
        alert = entry.alert
        if alert is None:
            return True
        return (not self._severities or alert.severity in self._severities) and (
            not self._categories or alert.category in self._categories
        )


def _any_of(globs: tuple[str, ...]) -> Callable[[str], bool]:
    if "*" in globs:
        return lambda _kind: True
    if not globs:
        return lambda _kind: False
    pattern = re.compile("|".join(fnmatch.translate(glob) for glob in globs))
    return lambda kind: pattern.match(kind) is not None


def is_own_trouble(entry: Entry) -> bool:
    """Whether it tells of a sink's trouble: refused, it must not make new trouble that is refused in its turn."""
    if entry.stream == "event":
        return entry.kind == "sink"
    if entry.alert is not None:
        return entry.alert.rule_id in _OWN_RULES
    return entry.kind.startswith("sink.")
