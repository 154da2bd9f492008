"""A rule's tree of tests as closures, and which fields made it hold."""

from __future__ import annotations

import ipaddress
import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Final

from msgspec.structs import replace

from sentinair.detect.fields import View, fold
from sentinair.detect.sigma.modifiers import NUMBERS
from sentinair.detect.sigma.pattern import Pattern, matcher
from sentinair.detect.sigma.regex import compile_regex
from sentinair.detect.sigma.rule import All, Item, Not, Test
from sentinair.detect.sigma.selection import number_of
from sentinair.model.alert import Match
from sentinair.model.text import shown

__all__ = ["Evidence", "Holds", "compile_evidence", "compile_test"]

_MAX_SHOWN: Final = 500

Holds = Callable[[View], bool]
Evidence = Callable[[View], list[Match]]
TextTest = Callable[[str], bool]


def compile_test(test: Test) -> Holds:
    """A closure that says whether the tree holds for a view."""
    if isinstance(test, Item):
        return _compile_item(test)
    if isinstance(test, Not):
        inner = compile_test(test.part)
        return lambda view: not inner(view)
    parts = [compile_test(part) for part in test.parts]
    if isinstance(test, All):
        return _every_part(parts)
    return _some_part(parts)


def _every_part(parts: Sequence[Holds]) -> Holds:
    def holds(view: View) -> bool:
        for part in parts:  # noqa: SIM110 - all() with a generator costs twice as much
            if not part(view):
                return False
        return True

    return holds


def _some_part(parts: Sequence[Holds]) -> Holds:
    def holds(view: View) -> bool:
        for part in parts:  # noqa: SIM110 - as above
            if part(view):
                return True
        return False

    return holds


def _compile_item(item: Item) -> Holds:
    field = item.field
    if item.op == "exists":
        wanted = item.values[0] == "true"
        return lambda view: bool(view.texts(field)) is wanted
    holds = _values_hold(item)
    if not item.absent:
        return holds
    if not item.values:
        return lambda view: not view.texts(field)
    return lambda view: not view.texts(field) or holds(view)


def _values_hold(item: Item) -> Holds:
    if item.every and len(item.values) > 1:
        return _every_part([_values_hold(one) for one in _singles(item)])
    if item.op == "fieldref":
        return _some_part([_refers(item, other) for other in item.values])
    return _any_text(item.field, _text_test(item), keep=_keeps_case(item))


def _keeps_case(item: Item) -> bool:
    return item.cased or item.op == "re"


def _any_text(field: str, test: TextTest, *, keep: bool) -> Holds:
    if keep:

        def holds_kept(view: View) -> bool:
            for text in view.texts(field):  # noqa: SIM110 - as above
                if test(text):
                    return True
            return False

        return holds_kept

    def holds(view: View) -> bool:
        for text in view.lowered(field):  # noqa: SIM110 - as above
            if test(text):
                return True
        return False

    return holds


def _refers(item: Item, other: str) -> Holds:
    """Holds if a text of the field is, contains, … a text of the other field."""
    field, compare = item.field, _COMPARE[item.how]

    def holds(view: View) -> bool:
        read = view.texts if item.cased else view.lowered
        return any(compare(text, wanted) for text in read(field) for wanted in read(other))

    return holds


_COMPARE: Final[dict[str, Callable[[str, str], bool]]] = {
    "equals": str.__eq__,
    "contains": str.__contains__,
    "startswith": str.startswith,
    "endswith": str.endswith,
}


def _singles(item: Item) -> list[Item]:
    """An item for each of its values."""
    return [
        replace(item, values=item.values[n : n + 1], patterns=item.patterns[n : n + 1], every=False)
        for n in range(len(item.values))
    ]


def _text_test(item: Item) -> TextTest:
    """Does one text match one of the item's values?"""
    if item.op == "re":
        return _any_of([_regex(value, item.flags) for value in item.values])
    if item.op == "cidr":
        return _in_network(item.values)
    if item.op in NUMBERS:
        return _any_of([_number_test(item.op, value) for value in item.values])
    tests: list[TextTest] = []
    literals: list[str] = []
    for pattern in itertools.chain.from_iterable(item.patterns):
        folded = pattern if item.cased else _folded(pattern)
        literal = folded[0] if folded else ""
        if len(folded) <= 1 and isinstance(literal, str):
            literals.append(literal)
        else:
            tests.append(matcher(folded))
    if literals:
        tests.insert(0, _literal_test(item.op, tuple(literals)))
    return _any_of(tests)


def _any_of(tests: Sequence[TextTest]) -> TextTest:
    return tests[0] if len(tests) == 1 else lambda text: any(test(text) for test in tests)


def _regex(value: str, flags: str) -> TextTest:
    """Made ready when a text is held against it for the first time: RE2 costs 3 MB, and most are never asked."""
    made: TextTest | None = None

    def found(text: str) -> bool:
        nonlocal made
        if made is None:
            compiled = compile_regex(value, flags)
            if isinstance(compiled, str):  # refused when the rule was read
                raise ValueError(compiled)
            made = compiled
        return made(text)

    return found


def _in_network(values: Sequence[str]) -> TextTest:
    networks = [ipaddress.ip_network(value) for value in values]

    def holds(text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        within = [address]
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            within.append(address.ipv4_mapped)  # ::ffff:10.0.0.1 is 10.0.0.1 (RFC 4291, 2.5.5.2)
        return any(one in network for network in networks for one in within)

    return holds


_ORDER: Final[dict[str, Callable[[float, float], bool]]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}


def _number_test(op: str, value: str) -> TextTest:
    compare, limit = _ORDER[op], number_of(value)
    if limit is None:  # refused when the rule was read
        raise ValueError(value)

    def holds(text: str) -> bool:
        number = number_of(text)
        return number is not None and compare(number, limit)

    return holds


def _folded(pattern: Pattern) -> Pattern:
    return tuple(fold(part) if isinstance(part, str) else part for part in pattern)


def _literal_test(op: str, literals: tuple[str, ...]) -> TextTest:
    if op == "equals":
        return frozenset(literals).__contains__
    if op == "startswith":
        return lambda text: text.startswith(literals)
    if op == "endswith":
        return lambda text: text.endswith(literals)

    def contains(text: str) -> bool:
        for literal in literals:  # noqa: SIM110 - as above
            if literal in text:
                return True
        return False

    return contains


def compile_evidence(test: Test) -> Evidence:
    """A function that names the fields that made the tree hold: what the event held, what the rule wanted as written.

    For what a rule excludes there is no evidence to show, so nothing under a `not` is named.
    """
    if isinstance(test, Item):
        return _item_evidence(test)
    if isinstance(test, Not):
        return lambda _: []
    parts = [(compile_test(part), compile_evidence(part)) for part in test.parts]
    if isinstance(test, All):
        return lambda view: [match for _, names in parts for match in names(view)]
    return lambda view: [match for holds, names in parts if holds(view) for match in names(view)]


def _item_evidence(item: Item) -> Evidence:
    field = item.field
    if item.op == "exists":
        return lambda view: [_match(item, ", ".join(view.texts(field)), f"exists {item.values[0]}")]
    singles = [
        (_values_hold(one), f"{_told(item)} {shown(one.values[0])}") for one in _singles(item)
    ]

    def names(view: View) -> list[Match]:
        texts = view.texts(field)
        if item.absent and not texts:
            return [_match(item, "", "null")]
        found: list[Match] = []
        for holds, wanted in singles:
            if holds(view):
                held = texts[0]
                if len(texts) > 1:
                    held = next((t for t in texts if holds(_Only(view, field, t))), held)
                found.append(_match(item, held, wanted))
        return found

    return names


def _match(item: Item, held: str, wanted: str) -> Match:
    return Match(item.field or "any field", _cut(held), wanted)


def _told(item: Item) -> str:
    return item.op if item.op != "fieldref" else f"{item.how} the field"


class _Only:
    """A view with one of the texts of one field."""

    def __init__(self, view: View, field: str, text: str) -> None:
        self._view, self._field, self._text = view, field, text

    def texts(self, field: str) -> tuple[str, ...]:
        return (self._text,) if field == self._field else self._view.texts(field)

    def lowered(self, field: str) -> tuple[str, ...]:
        return tuple(fold(text) for text in self.texts(field))


def _cut(text: str) -> str:
    safe = shown(text)
    return safe if len(safe) <= _MAX_SHOWN else safe[: _MAX_SHOWN - 1] + "…"
