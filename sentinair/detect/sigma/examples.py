"""Runs the examples written in rules: what must match, what must not, and how grave it must be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from sentinair.detect.fields import FieldsView
from sentinair.detect.sigma.detector import CompiledRule, detect
from sentinair.detect.sigma.rule import Example, Rule

__all__ = ["Tried", "tried"]


class Tried(msgspec.Struct, frozen=True):
    """One example, and what its rule said of it."""

    rule: Rule
    example: Example
    matched: bool
    severity: str | None  # what the alert would be; None: it did not match
    because: tuple[str, ...]  # "Image endswith /nc": what of the rule held

    @property
    def fault(self) -> str | None:
        """What is wrong, as a sentence part; None where the rule does what its example says."""
        example = self.example
        if example.matches and not self.matched:
            return "must match, and does not"
        if not example.matches and self.matched:
            return f"must not match, and does: {', '.join(self.because)}"
        if self.matched and example.severity not in (None, self.severity):
            return f"must be {example.severity}, and is {self.severity}"
        return None


def tried(rules: Iterable[Rule]) -> Iterator[Tried]:
    """Every example of every rule, in the order of the files."""
    for rule in rules:
        compiled = CompiledRule(rule)
        for example in rule.examples:
            found = detect(compiled, FieldsView(example.fields))
            if found is None:
                yield Tried(rule, example, matched=False, severity=None, because=())
                continue
            because = tuple(f"{one.field} {one.wanted}" for one in found.matches)
            yield Tried(rule, example, matched=True, severity=found.severity, because=because)
