"""Which rules can match a process at all: by the program's name first, then by literals its command line must hold.

From a rule's tree follow sets of needs, each of which every matching process fulfils in at least one member.  A rule
is filed under the set that is cheapest to look up; it is asked only where that set is fulfilled.  A rule from which
nothing follows (say, only a `not`) is always asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from sentinair.detect.fields import PROCESS_CREATION, Texts, command_line, fold, text_of
from sentinair.detect.sigma.gate import NAMED, Need, all_needs, is_named, worth
from sentinair.detect.sigma.rule import Test
from sentinair.model.process import Process

__all__ = ["ProcessIndex"]

R = TypeVar("R")


class ProcessIndex(Generic[R]):
    """Rules of any kind, filed by what their tests need.  Look-ups cost some microseconds for hundreds of rules."""

    def __init__(self, rules: Iterable[tuple[R, Test]]) -> None:
        self._always: list[int] = []
        self._names: dict[str, dict[str, list[int]]] = {field: {} for field in NAMED}
        self._texts: dict[tuple[str, str], dict[str, list[int]]] = {}  # by field and op
        self._flags: dict[str, list[int]] = {}
        self._rules: list[R] = []
        for number, (rule, test) in enumerate(rules):
            self._rules.append(rule)
            self._file(number, all_needs(test, PROCESS_CREATION))
        get = self._texts.get
        self._lines = tuple(get(("CommandLine", "contains"), {}).items())
        self._other = [
            (field, op, tuple(found.items()))
            for (field, op), found in self._texts.items()
            if (field, op) != ("CommandLine", "contains")
        ]

    def _file(self, number: int, sets: Sequence[frozenset[Need]]) -> None:
        if not sets:
            self._always.append(number)
            return
        named = [found for found in sets if all(is_named(need) for need in found)]
        for need in min(named, key=len) if named else max(sets, key=worth):
            if is_named(need):
                name = need.literal.rpartition("/")[2]
                self._names[need.field].setdefault(name, []).append(number)
            elif need.op == "flag":
                self._flags.setdefault(need.field, []).append(number)
            else:
                under = self._texts.setdefault((need.field, need.op), {})
                under.setdefault(need.literal, []).append(number)

    def candidates(self, process: Process, low: dict[str, Texts]) -> list[R]:
        """The rules to ask, in the order in which they were given.  low: takes fields in lower case, for the view."""
        found = set(self._always)
        exe = _path(process.exe)
        parent = _path(process.parents[0].exe if process.parents else None)
        found.update(self._names["Image"].get(exe.rpartition("/")[2], ()))
        found.update(self._names["ParentImage"].get(parent.rpartition("/")[2], ()))
        line = "" if process.argv is None else fold(command_line(process.argv))
        low["Image"] = () if process.exe is None else (exe,)
        low["CommandLine"] = () if process.argv is None else (line,)
        for literal, numbers in self._lines:
            if literal in line:
                found.update(numbers)
        for field, op, literals in self._other:
            text = line if field == "CommandLine" else exe if field == "Image" else parent
            for literal, numbers in literals:
                if _fulfils(text, op, literal):
                    found.update(numbers)
        if self._flags:
            if process.memfd:
                found.update(self._flags.get("Memfd", ()))
            if process.deleted:
                found.update(self._flags.get("Deleted", ()))
        return [self._rules[number] for number in sorted(found)] if found else []


def _path(exe: bytes | None) -> str:
    return "" if exe is None else fold(text_of(exe))


def _fulfils(text: str, op: str, literal: str) -> bool:
    if op == "contains":
        return literal in text
    if op == "startswith":
        return text.startswith(literal)
    return text.endswith(literal) if op == "endswith" else text == literal
