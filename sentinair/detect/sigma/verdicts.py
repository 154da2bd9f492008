"""Remembers which rules held for processes alike: the same program with the same arguments begins again and again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Final, Generic, TypeVar

from sentinair.detect.sigma.rule import Test, items
from sentinair.model.process import Process

__all__ = ["Verdicts", "looked_at"]

MAX_KEPT: Final = 1024
MAX_LINE_BYTES: Final = 512  # longer command lines seldom come again
V = TypeVar("V")
_OF: Final[dict[str, Callable[[Process], Hashable]]] = {
    "Image": lambda p: p.exe,
    "CommandLine": lambda p: p.argv,
    "CurrentDirectory": lambda p: p.cwd,
    "User": lambda p: p.uid,
    "Uid": lambda p: p.uid,
    "LogonId": lambda p: p.auid,
    "LoginUid": lambda p: p.auid,
    "Deleted": lambda p: p.deleted,
    "Memfd": lambda p: p.memfd,
    "ParentImage": lambda p: p.parents[0].exe if p.parents else None,
    "ParentCommandLine": lambda p: p.parents[0].argv if p.parents else None,
    "Ancestors": lambda p: tuple(parent.exe for parent in p.parents),
}
"""Fields of which two processes with equal values are alike; any other names one event."""


def looked_at(tests: Iterable[Test]) -> frozenset[str]:
    """Every field these tests read; "" if one reads all of them."""
    found: set[str] = set()
    for item in (item for test in tests for item in items(test)):
        found.add(item.field)
        if item.op == "fieldref":
            found.update(item.values)
    return frozenset(found)


class Verdicts(Generic[V]):
    """The last MAX_KEPT verdicts, by the fields that rules look at."""

    def __init__(self, fields: frozenset[str]) -> None:
        """fields: what looked_at() says of all rules."""
        names = sorted(fields)
        self._getters = tuple(_OF[name] for name in names if name in _OF)
        self._possible = len(self._getters) == len(names)
        self._kept: dict[Hashable, V] = {}

    def key(self, process: Process) -> Hashable | None:
        """What stands for all processes like this one; None: it has to be judged by itself."""
        argv = process.argv
        if not self._possible or argv is None or sum(map(len, argv)) > MAX_LINE_BYTES:
            return None
        return tuple([get(process) for get in self._getters])

    def get(self, key: Hashable) -> V | None:
        return self._kept.get(key)

    def keep(self, key: Hashable, verdict: V) -> None:
        if len(self._kept) >= MAX_KEPT:  # the oldest goes
            del self._kept[next(iter(self._kept))]
        self._kept[key] = verdict
