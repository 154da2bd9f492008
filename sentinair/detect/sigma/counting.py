"""The condition of a correlation: numbers that a count is compared with, or rules joined by `and` and `or`.

Source: Sigma correlation rules specification 2.1, "Condition".
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from sentinair.detect.sigma.head import scalars
from sentinair.detect.sigma.nodes import Faults, Mapped, Node, Scalar

__all__ = ["MAX_COUNT", "Bounds", "Condition", "holds", "least", "read_condition", "waits"]

MAX_COUNT: Final = 10_000
"""The largest number a condition may name: a group remembers as many events."""
MAX_WAYS: Final = 64
_COMPARE: Final[dict[str, Callable[[int, int], bool]]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "eq": operator.eq,
}
_WORD: Final = re.compile(r"\s*([()]|[^\s()]+)")
Bounds = tuple[tuple[str, int], ...]
"""(gt, gte, lt, lte or eq, number) each; all must hold."""
_Ways = tuple[frozenset[int], ...]


class Condition(msgspec.Struct, frozen=True):
    """bounds on the count, or the sets of rules (by place) of which one must be there whole."""

    bounds: Bounds = ()
    fields: tuple[Scalar, ...] = ()  # of value_count: what is counted
    wanted: _Ways = ()


def holds(bounds: Bounds, count: int) -> bool:
    """Whether count is what the condition wants."""
    return all(_COMPARE[name](count, limit) for name, limit in bounds)


def waits(bounds: Bounds) -> bool:
    """Whether more events could make it false again, so that only the whole window can be judged."""
    return any(name in {"lt", "lte", "eq"} for name, _ in bounds)


def least(bounds: Bounds) -> int:
    """The smallest count above 0 that fulfils bounds of which none waits."""
    return max([1, *(limit + (name == "gt") for name, limit in bounds)])


def read_condition(
    node: Node | None, kind: str, names: Sequence[str], line: int, faults: Faults
) -> Condition:
    """kind: the correlation's type.  names: of its rules, in order.  line: for what is missing."""
    line = line if node is None else node.line
    if kind in {"event_count", "value_count"}:
        if not isinstance(node, Mapped):
            faults.add(
                line, f"{kind} needs a condition with a number", "write `condition: {gte: 10}`"
            )
            return Condition()
        return _map(node, kind, faults)
    everything = frozenset(range(len(names)))
    found = Condition(wanted=(everything,))
    if isinstance(node, Mapped):
        found = _of_rules(_map(node, kind, faults), len(names))
    elif isinstance(node, Scalar):
        found = Condition(wanted=_Expression(node, names, faults).ways())
    elif node is not None:
        faults.add(line, "a condition is a map or text", "leave it out: all rules are wanted then")
    if kind == "temporal_ordered" and found.wanted != (everything,):
        faults.add(line, "temporal_ordered wants all its rules", "leave the condition out")
    return found


def _of_rules(found: Condition, count: int) -> Condition:
    """`gte: 3` of three rules means all of them."""
    least_needed = 0 if waits(found.bounds) else least(found.bounds)
    if least_needed == count or found.bounds == (("eq", count),):
        return Condition(wanted=(frozenset(range(count)),))
    return found


def _map(value: Mapped, kind: str, faults: Faults) -> Condition:
    bounds: list[tuple[str, int]] = []
    fields: tuple[Scalar, ...] = ()
    for name, one in value.entries.items():
        if name == "field" and kind == "value_count":
            fields = scalars(one)
        elif name in _COMPARE:
            bounds.append((name, _number(name, one, faults)))
        else:
            known = ", ".join(_COMPARE) + (", field" if kind == "value_count" else "")
            faults.add(one.line, f"unknown key condition.{name}", f"known are {known}")
    if kind == "value_count" and not fields:
        faults.add(value.line, "condition.field is missing", "name the field whose values count")
    if not bounds:
        faults.add(value.line, "the condition has no number", "write gte: 10 or the like")
    elif not any(holds(tuple(bounds), count) for count in _telling(bounds)):
        faults.add(value.line, "no number of events fulfils this condition", "mend its numbers")
    return Condition(tuple(bounds), fields)


def _telling(bounds: Sequence[tuple[str, int]]) -> set[int]:
    """If none of these counts fulfils them, none does; a group that was never seen has no window to judge."""
    return {1} | {limit + by for _, limit in bounds for by in (-1, 0, 1) if limit + by > 0}


def _number(name: str, node: Node, faults: Faults) -> int:
    text = node.text if isinstance(node, Scalar) and node.kind == "int" else ""
    if text.isdecimal() and text.isascii() and len(text) < 9 and int(text) <= MAX_COUNT:
        return int(text)
    what = f"condition.{name} is a whole number from 0 to {MAX_COUNT}"
    faults.add(node.line, what, "write it without quotes")
    return 0


class _Expression:
    """`a and (b or c)` as the sets of rules that fulfil it."""

    def __init__(self, node: Scalar, names: Sequence[str], faults: Faults) -> None:
        self._words = [found[1] for found in _WORD.finditer(node.text)]
        self._names = list(names)
        self._line = node.line
        self._faults = faults
        self._at = 0
        self._fault = ""

    def ways(self) -> _Ways:
        found = self._either(0)
        if not self._fault and self._at < len(self._words):
            self._fault = f"what does {self._words[self._at]!r} do there?"
        if self._fault:
            remedy = "join the names of its rules by `and`, `or` and ( )"
            self._faults.add(self._line, f"condition: {self._fault}", remedy)
            return ()
        return tuple(one for one in found if not any(other < one for other in found))

    def _next(self) -> str:
        return self._words[self._at].lower() if self._at < len(self._words) else ""

    def _either(self, depth: int) -> _Ways:
        found = self._both(depth)
        while self._next() == "or" and not self._fault:
            self._at += 1
            found = self._few({*found, *self._both(depth)})
        return found

    def _both(self, depth: int) -> _Ways:
        found = self._one(depth)
        while self._next() == "and" and not self._fault:
            self._at += 1
            after = self._one(depth)
            found = self._few({one | other for one in found for other in after})
        return found

    def _one(self, depth: int) -> _Ways:
        word = self._words[self._at] if self._at < len(self._words) else ""
        self._at += 1
        if word == "(" and depth < MAX_WAYS:
            found = self._either(depth + 1)
            if self._next() != ")":
                self._fault = self._fault or "a parenthesis is not closed"
            self._at += 1
            return found
        if word in self._names:
            return (frozenset({self._names.index(word)}),)
        said = f"{word!r} is none of its rules" if word else "it ends too early"
        self._fault = self._fault or said
        return ()

    def _few(self, found: set[frozenset[int]]) -> _Ways:
        if len(found) > MAX_WAYS:
            self._fault = self._fault or f"more than {MAX_WAYS} ways to fulfil it"
            return ()
        return tuple(sorted(found, key=sorted))
