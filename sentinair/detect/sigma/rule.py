"""What a rule is once it is read: a tree of tests on fields, and what to say when it holds."""

from __future__ import annotations

import msgspec

from sentinair.detect.sigma.pattern import Pattern

__all__ = ["Adjust", "All", "Any", "Example", "Item", "Not", "Rule", "Test", "items"]


class Item(msgspec.Struct, frozen=True, tag=True):
    """One line of a selection: `field|op: values`."""

    field: str  # "": any field, for keywords
    op: str  # equals contains startswith endswith re cidr exists lt lte gt gte fieldref
    values: tuple[str, ...]  # as written, null excepted
    patterns: tuple[tuple[Pattern, ...], ...] = ()
    """of each value, for the first four: one of these must match"""
    every: bool = False  # all values must match, not one of them
    cased: bool = False
    flags: str = ""  # for re: letters of i, m, s
    absent: bool = False  # null is among the values: it holds too where the field is absent
    how: str = "equals"  # for fieldref: equals contains startswith endswith


class All(msgspec.Struct, frozen=True, tag=True):
    """Holds if every part holds."""

    parts: tuple[Test, ...]


class Any(msgspec.Struct, frozen=True, tag=True):
    """Holds if one part holds."""

    parts: tuple[Test, ...]


class Not(msgspec.Struct, frozen=True, tag=True):
    """Holds if its part does not."""

    part: Test


Test = Item | All | Any | Not


def items(test: Test) -> list[Item]:
    """Every Item in the tree."""
    if isinstance(test, Item):
        return [test]
    if isinstance(test, Not):
        return items(test.part)
    return [item for part in test.parts for item in items(part)]


class Adjust(msgspec.Struct, frozen=True):
    """Where this holds too, the rule speaks with another voice: usual tools at their usual work."""

    test: Test
    severity: str
    confidence: float
    note: str


class Example(msgspec.Struct, frozen=True):
    """Field values a rule must, or must not, match; `rules test` and the tests run them."""

    fields: dict[str, tuple[str, ...]]
    matches: bool
    severity: str | None  # what it must then say, if the rule tells
    line: int


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One written rule."""

    file: str
    id: str  # UUID
    title: str
    description: str
    status: str | None
    author: str | None
    license: str | None
    link: str | None
    severity: str  # of model.alert.SEVERITIES
    logsource: str  # a key of detect.fields.FIELDS
    category: str
    techniques: tuple[str, ...]
    tactics: tuple[str, ...]
    test: Test
    confidence: float
    why: tuple[str, ...]
    next_steps: tuple[str, ...]
    group_by: tuple[str, ...]
    adjust: tuple[Adjust, ...]
    examples: tuple[Example, ...]
    name: str | None = None  # what correlations call it by
