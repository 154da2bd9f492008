"""What cannot match any rule is dismissed before any rule is asked: an ordinary event costs about a microsecond.

From each rule's tree follows a set of needs, one of which every matching event fulfils: "the lowered path ends so",
"the file is setuid".  The gate of a log source joins the needs of all its rules into a few look-ups.  A rule from
which nothing follows (say, only a `not`) keeps the gate open for its log source.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Final

import msgspec

from sentinair.detect.fields import (
    FILE_EVENT,
    NETWORK_CONNECTION,
    PROCESS_CREATION,
    fold,
    is_setgid,
    is_setuid,
    text_of,
)
from sentinair.detect.sigma.pattern import Pattern, longest_literal
from sentinair.detect.sigma.rule import All, Item, Not, Rule, Test, items
from sentinair.model.event import ACTIONS, CREATE, RENAME, WRITE, FileEvent

__all__ = [
    "NAMED",
    "FileGate",
    "Need",
    "TextGate",
    "all_needs",
    "is_named",
    "judged_actions",
    "needs",
    "worth",
]

# Fields a gate can look at, by log source; flags are booleans and as good as a very long literal.
_TEXT_FIELDS: Final = {
    FILE_EVENT: frozenset({"TargetFilename"}),
    PROCESS_CREATION: frozenset({"CommandLine", "Image", "ParentImage"}),
    NETWORK_CONNECTION: frozenset(),
}
_FLAGS: Final = frozenset({"SetUid", "SetGid", "Memfd", "Deleted"})
_FLAG_WORTH: Final = 100
NAMED: Final = ("Image", "ParentImage")
_NAME_WORTH: Final = 50
_BY_DEFAULT: Final = CREATE | WRITE | RENAME


class Need(msgspec.Struct, frozen=True):
    """field op literal, literal folded; op is equals, contains, startswith, endswith or flag."""

    field: str
    op: str
    literal: str


def all_needs(test: Test, logsource: str) -> list[frozenset[Need]]:
    """Sets of which test fulfils one member each, whenever it holds; empty if nothing can be said."""
    if isinstance(test, All):
        return [found for part in test.parts for found in all_needs(part, logsource)]
    found = needs(test, logsource)
    return [] if found is None else [found]


def needs(test: Test, logsource: str) -> frozenset[Need] | None:
    """One of these holds whenever test does; None if nothing can be said."""
    if isinstance(test, Not):
        return None
    if isinstance(test, Item):
        return _item_needs(test, logsource)
    found = [needs(part, logsource) for part in test.parts]
    known = [one for one in found if one is not None]
    if isinstance(test, All):
        return max(known, key=worth, default=None)
    return frozenset().union(*known) if len(known) == len(found) else None


def worth(one: frozenset[Need]) -> int:
    """How rarely it is fulfilled by chance, and how cheaply that is seen: the worst of its members decides."""
    return min(_worth(need) for need in one)


def _worth(need: Need) -> int:
    if need.op == "flag":
        return _FLAG_WORTH
    return _NAME_WORTH if is_named(need) else len(need.literal)


def is_named(need: Need) -> bool:
    """Whether it fixes the program's name, which one look-up finds: the literal ends a path, from a slash on."""
    return need.field in NAMED and need.op in ("endswith", "equals") and "/" in need.literal


def _item_needs(item: Item, logsource: str) -> frozenset[Need] | None:
    if item.field in _FLAGS:
        wanted = item.op == "equals" and set(item.values) == {"true"}
        return frozenset({Need(item.field, "flag", "true")}) if wanted else None
    if item.field not in _TEXT_FIELDS[logsource] or not item.patterns or item.absent:
        return None
    found: list[Need] = []
    chosen = item.patterns
    if item.every:  # each must match: the one that says most is enough
        chosen = (max(item.patterns, key=_says),)
    for pattern in itertools.chain.from_iterable(chosen):
        plain = len(pattern) == 1 and isinstance(pattern[0], str)
        literal = fold(longest_literal(pattern))
        if not literal:
            return None
        found.append(Need(item.field, item.op if plain else "contains", literal))
    return frozenset(found)


def _says(alternatives: tuple[Pattern, ...]) -> int:
    return min(len(longest_literal(pattern)) for pattern in alternatives)


class TextGate:
    """Needs on one field as few look-ups; open means that every text passes."""

    __slots__ = ("_contains", "_exact", "_prefixes", "_suffixes")

    def __init__(self, wanted: Iterable[Need]) -> None:
        by_op: dict[str, list[str]] = {}
        for need in wanted:
            by_op.setdefault(need.op, []).append(need.literal)
        self._exact = frozenset(by_op.get("equals", ()))
        self._prefixes = tuple(by_op.get("startswith", ()))
        self._suffixes = tuple(by_op.get("endswith", ()))
        self._contains = tuple(by_op.get("contains", ()))

    def passes(self, low: str) -> bool:
        """low: the field's text, folded."""
        if low in self._exact or low.startswith(self._prefixes) or low.endswith(self._suffixes):
            return True
        for literal in self._contains:  # noqa: SIM110 - a generator costs twice as much
            if literal in low:
                return True
        return False


def judged_actions(rule: Rule) -> int:
    """Which file actions a rule is asked about, as bits of model.event.ACTIONS.

    A rule that does not speak of Action means what Sigma's file_event means: a file came to be or got new content.
    """
    speaks = any(item.field == "Action" for item in items(rule.test))
    return sum(ACTIONS) if speaks else _BY_DEFAULT


def _split(rules: Iterable[Rule], logsource: str) -> tuple[bool, list[Need]]:
    """(is there a rule that needs nothing, needs of all others)."""
    wanted: list[Need] = []
    is_open = False
    for rule in rules:
        found = needs(rule.test, logsource)
        if found is None:
            is_open = True
        else:
            wanted += found
    return is_open, wanted


class FileGate:
    """May any file rule match this event?"""

    __slots__ = ("_actions", "_open", "_setgid", "_setuid", "_target")

    def __init__(self, rules: Iterable[Rule]) -> None:
        rules = list(rules)
        self._open, wanted = _split(rules, FILE_EVENT)
        self._target = TextGate(need for need in wanted if need.field == "TargetFilename")
        flags = {need.field for need in wanted if need.op == "flag"}
        self._setuid, self._setgid = "SetUid" in flags, "SetGid" in flags
        self._actions = 0
        for rule in rules:
            self._actions |= judged_actions(rule)

    def passes(self, event: FileEvent) -> bool:
        """False only if no rule can match."""
        if not event.actions & self._actions:
            return False
        if self._open or self._target.passes(fold(text_of(event.path))):
            return True
        state = event.state
        if state is None or not state.mode & 0o6000:
            return False
        return (self._setuid and is_setuid(event)) or (self._setgid and is_setgid(event))
