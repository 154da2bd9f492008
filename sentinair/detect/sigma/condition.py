"""`selection and not 1 of filter_*` as a tree of tests.

    or    = and {"or" and}          and  = not {"and" not}        not = "not" not | one
    one   = "(" or ")" | ("1" | "any" | "all") "of" ("them" | name with *) | name

Source: Sigma rules specification 2.1, "Condition".
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from typing import Final

from sentinair.detect.sigma.hints import meant
from sentinair.detect.sigma.rule import All, Any, Not, Test, items

__all__ = ["MAX_WEIGHT", "REMEDY", "ConditionFault", "Room", "parse_condition"]

MAX_WEIGHT: Final = 50_000
"""Of one rule: some 0.5 s to make ready, in which the engine does nothing else."""
_WILDCARD_WEIGHT: Final = 10

_TOKEN: Final = re.compile(r"\s*(?:(?P<word>[^\s()|]+)|(?P<sign>[()]))")
_MAX_DEPTH: Final = 32
REMEDY: Final = "write names of selections with and, or, not, ( ), `1 of name*` or `all of them`"


class ConditionFault(ValueError):
    """The condition cannot be read; its text says why."""


class Room:
    """How much the conditions of one rule may still stand for: `1 of them`, a thousand times, is soon millions."""

    def __init__(self) -> None:
        self._left = MAX_WEIGHT
        self._weights: dict[int, int] = {}  # by id() of a selection, which its rule holds

    def take(self, test: Test) -> None:
        """Counts one use of a selection.  Raises ConditionFault if that is too much."""
        weight = self._weights.get(id(test))
        if weight is None:
            weight = self._weights[id(test)] = _weight(test)
        self._left -= weight
        if self._left < 0:
            raise ConditionFault(
                f"all in all the rule compares more than {MAX_WEIGHT} values (a wildcard counts as {_WILDCARD_WEIGHT})"
            )


def _weight(test: Test) -> int:
    """Values to compare with, and what their wildcards cost."""
    found = 0
    for item in items(test):
        patterns = [pattern for value in item.patterns for pattern in value]
        wild = sum(not isinstance(part, str) for pattern in patterns for part in pattern)
        found += max(1, len(item.values), len(patterns)) + wild * _WILDCARD_WEIGHT
    return found


def parse_condition(text: str, selections: Mapping[str, Test], room: Room | None = None) -> Test:
    """The tree of one condition over the named selections.  Raises ConditionFault.

    room: shared by all conditions of the rule; None: this one is alone.
    """
    reader = _Reader(_tokens(text), selections, Room() if room is None else room)
    test = reader.either(0)
    if reader.next is not None:
        raise ConditionFault(f"what does {reader.next!r} do behind a whole condition?")
    return test


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:  # only a "|" is neither
            raise ConditionFault("aggregations (`| count() …`) are not supported")
        tokens.append(found["word"] or found["sign"])
        position = found.end()
    if not tokens:
        raise ConditionFault("the condition is empty")
    return tokens


class _Reader:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[str], selections: Mapping[str, Test], room: Room) -> None:
        self._tokens = tokens
        self._at = 0
        self._selections = selections
        self._room = room

    @property
    def next(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self) -> str:
        token = self.next
        if token is None:
            raise ConditionFault("the condition ends too early")
        self._at += 1
        return token

    def either(self, depth: int) -> Test:
        parts = [self._both(depth)]
        while self.next == "or":
            self._take()
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def _both(self, depth: int) -> Test:
        parts = [self._negated(depth)]
        while self.next == "and":
            self._take()
            parts.append(self._negated(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _negated(self, depth: int) -> Test:
        if depth > _MAX_DEPTH:
            raise ConditionFault(f"nested deeper than {_MAX_DEPTH} levels")
        if self.next == "not":
            self._take()
            return Not(self._negated(depth + 1))
        return self._one(depth)

    def _one(self, depth: int) -> Test:
        word = self._take()
        if word == "(":
            test = self.either(depth + 1)
            if self.next != ")":
                raise ConditionFault("a parenthesis is not closed")
            self._take()
            return test
        if word == ")" or word in {"and", "or", "of", "them"}:
            raise ConditionFault(f"{word!r} stands where a selection is expected")
        if self.next == "of":
            return self._of(word)
        if word not in self._selections:
            close = meant(word, self._selections)
            raise ConditionFault(f"there is no selection {word!r}{f' ({close})' if close else ''}")
        self._room.take(self._selections[word])
        return self._selections[word]

    def _of(self, amount: str) -> Test:
        self._take()
        if amount not in {"1", "any", "all"}:
            raise ConditionFault(f"`{amount} of` is not supported, only `1 of` and `all of`")
        which = self._take()
        if which == "them":
            # names that begin with _ are not among "them" (specification, same place)
            parts = [test for name, test in self._selections.items() if not name.startswith("_")]
        else:
            parts = [
                test for name, test in self._selections.items() if fnmatch.fnmatchcase(name, which)
            ]
        if not parts:
            raise ConditionFault(f"no selection is named {which!r}")
        for test in parts:
            self._room.take(test)
        return All(tuple(parts)) if amount == "all" else Any(tuple(parts))
