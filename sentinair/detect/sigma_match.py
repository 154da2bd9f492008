"""A rule's tree of tests as closures, and which fields made it hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from sentinair.detect.fields import View
from sentinair.detect.sigma_pattern import Pattern, matcher
from sentinair.detect.sigma_rule import All, Item, Not, Test
from sentinair.model.alert import Match
from sentinair.model.text import shown

__all__ = ["MAX_REGEX_CHARS", "Holds", "compile_test", "evidence"]

MAX_REGEX_CHARS: Final = 16_384
"""A regular expression sees this much of a value: whoever runs a program chooses its length, and a pattern with
two open ends takes time by the square of it."""
_MAX_SHOWN: Final = 500

Holds = Callable[[View], bool]
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
    keep = item.cased or item.op == "re"
    if not item.every:
        return _any_text(field, _text_test(item), keep)
    return _every_part(
        [_any_text(field, _text_test(_single(item, n)), keep) for n in range(len(item.values))]
    )


def _any_text(field: str, test: TextTest, keep: bool) -> Holds:
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


def _single(item: Item, index: int) -> Item:
    patterns = item.patterns[index : index + 1]
    return Item(
        item.field,
        item.op,
        item.values[index : index + 1],
        patterns,
        cased=item.cased,
        ignore_case=item.ignore_case,
    )


def _text_test(item: Item) -> TextTest:
    """Does one text match one of the item's values?"""
    if item.op == "re":
        return _regex_test(item)
    tests: list[TextTest] = []
    literals: list[str] = []
    for pattern in item.patterns:
        folded = pattern if item.cased else _folded(pattern)
        literal = folded[0] if folded else ""
        if len(folded) <= 1 and isinstance(literal, str):
            literals.append(literal)
        else:
            tests.append(matcher(folded))
    if literals:
        tests.insert(0, _literal_test(item.op, tuple(literals)))
    return tests[0] if len(tests) == 1 else lambda text: any(test(text) for test in tests)


def _folded(pattern: Pattern) -> Pattern:
    return tuple(part.lower() if isinstance(part, str) else part for part in pattern)


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


def _regex_test(item: Item) -> TextTest:
    flags = re.IGNORECASE if item.ignore_case else 0
    searches = [re.compile(value, flags).search for value in item.values]

    def found(text: str) -> bool:
        head = text[:MAX_REGEX_CHARS]
        return any(search(head) is not None for search in searches)

    return found


def evidence(test: Test, view: View) -> list[Match]:
    """The fields that made the tree hold: what the event held and what the rule wanted, as written.

    For what a rule excludes there is no evidence to show, so nothing under a `not` is named.
    """
    if isinstance(test, Item):
        return _item_evidence(test, view)
    if isinstance(test, Not):
        return []
    if isinstance(test, All):
        return [match for part in test.parts for match in evidence(part, view)]
    held = [part for part in test.parts if compile_test(part)(view)]
    return [match for part in held for match in evidence(part, view)]


def _item_evidence(item: Item, view: View) -> list[Match]:
    if item.op == "exists":
        return [Match(item.field, ", ".join(view.texts(item.field)), f"exists {item.values[0]}")]
    matches: list[Match] = []
    for index, value in enumerate(item.values):
        single = _single(item, index)
        test = _text_test(single)
        keep = item.cased or item.op == "re"
        for text in view.texts(item.field):
            if test(text if keep else text.lower()):
                matches.append(Match(item.field, _cut(text), f"{item.op} {shown(value)}"))
                break
    return matches


def _cut(text: str) -> str:
    safe = shown(text)
    return safe if len(safe) <= _MAX_SHOWN else safe[: _MAX_SHOWN - 1] + "…"
