"""One selection of a rule: a map (all of it), or a list of maps (one of them)."""

from __future__ import annotations

import difflib
import re
from typing import Final

from sentinair.detect.rule_yaml import Faults, Listed, Mapped, Node, Scalar
from sentinair.detect.sigma_pattern import ANY, Pattern, parse
from sentinair.detect.sigma_rule import All, Any, Item, Test
from sentinair.model.event import ACTIONS

__all__ = ["SUPPORTED", "read_selection", "read_value"]

_OPS: Final = ("contains", "startswith", "endswith", "re", "exists")
SUPPORTED: Final = (*_OPS, "all", "i", "cased")
_DECIMAL: Final = re.compile(r"0|-?[1-9][0-9]*")
_ACTIONS: Final = frozenset(ACTIONS.values()) | {"exec", "inventory"}


def read_selection(node: Node, fields: frozenset[str], faults: Faults) -> Test | None:
    """The tree of one selection over the fields its log source has; None where faults says why not."""
    if isinstance(node, Mapped):
        if not node.entries:
            faults.add(node.line, "the selection is empty")
            return None
        tests = [_item(key, value, fields, faults) for key, value in node.entries.items()]
        good = [test for test in tests if test is not None]
        if len(good) < len(tests):
            return None
        return good[0] if len(good) == 1 else All(tuple(good))
    if isinstance(node, Listed) and node.items:
        if not all(isinstance(item, Mapped) for item in node.items):
            faults.add(node.line, "keywords (values without a field) are not supported")
            return None
        parts = [read_selection(item, fields, faults) for item in node.items]
        found = [part for part in parts if part is not None]
        return Any(tuple(found)) if len(found) == len(parts) else None
    faults.add(node.line, "a selection is a map of fields, or a list of such maps")
    return None


def _item(key: str, node: Node, fields: frozenset[str], faults: Faults) -> Item | None:
    field, *modifiers = key.split("|")
    before = len(faults.found)
    if field not in fields:
        close = difflib.get_close_matches(field, sorted(fields), n=1)
        faults.add(
            node.line,
            f"no event has a field {field!r}" if field else "a field needs a name",
            f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(fields))}",
        )
    op = _op(modifiers, node.line, faults)
    values = _values(node, faults)
    if op == "exists":
        _check_exists(values, node.line, faults)
    if op == "re":
        _check_regex(values, node.line, faults)
    if field == "Action" and op == "equals":
        for value in values:
            if value.lower() not in _ACTIONS:
                faults.add(
                    node.line, f"Action is one of {', '.join(sorted(_ACTIONS))}, got {value!r}"
                )
    if len(faults.found) > before:
        return None
    patterns = () if op in {"re", "exists"} else tuple(_pattern(op, value) for value in values)
    # startswith and the like keep their op for plain literals; with wildcards the pattern says it all
    return Item(
        field,
        op,
        values,
        patterns,
        every="all" in modifiers,
        cased="cased" in modifiers,
        ignore_case="i" in modifiers,
    )


def _op(modifiers: list[str], line: int, faults: Faults) -> str:
    ops = [modifier for modifier in modifiers if modifier in _OPS]
    for modifier in modifiers:
        if modifier not in SUPPORTED:
            faults.add(
                line,
                f"the modifier {modifier!r} is not supported",
                f"supported are {', '.join(SUPPORTED)}",
            )
    if len(ops) > 1:
        faults.add(line, f"{' and '.join(ops)} cannot be used together")
    if "i" in modifiers and "re" not in ops:
        faults.add(line, "the modifier 'i' belongs to re")
    if ops[:1] in (["re"], ["exists"]) and "cased" in modifiers:
        faults.add(line, f"the modifier 'cased' has no meaning with {ops[0]}")
    return ops[0] if ops else "equals"


def _values(node: Node, faults: Faults) -> tuple[str, ...]:
    nodes = node.items if isinstance(node, Listed) else (node,)
    if not nodes:
        faults.add(node.line, "the list of values is empty")
    values = [read_value(one, faults) for one in nodes]
    return tuple(value for value in values if value is not None)


def read_value(node: Node, faults: Faults) -> str | None:
    """One value as text: numbers and true/false compare as the text of the field would be."""
    if not isinstance(node, Scalar):
        faults.add(node.line, "a value is text, a number, or true or false")
        return None
    if node.kind == "null":
        faults.add(node.line, "null is not supported", "write `field|exists: false`")
        return None
    if node.kind == "bool":
        return "true" if node.text.lower() in {"true", "yes", "on"} else "false"
    if node.kind == "int" and not _DECIMAL.fullmatch(node.text):
        # YAML 1.1 reads 0755 as 493
        faults.add(node.line, f"the number {node.text} can be read in two ways", "put it in quotes")
        return None
    return node.text


def _pattern(op: str, value: str) -> Pattern:
    pattern = parse(value)
    if len(pattern) <= 1 and pattern not in {(ANY,), (1,)}:
        return pattern
    if op in {"contains", "endswith"} and pattern[0] is not ANY:
        pattern = (ANY, *pattern)
    if op in {"contains", "startswith"} and pattern[-1] is not ANY:
        pattern = (*pattern, ANY)
    return pattern


def _check_exists(values: tuple[str, ...], line: int, faults: Faults) -> None:
    if len(values) != 1 or values[0] not in {"true", "false"}:
        faults.add(line, "exists takes true or false")


def _check_regex(values: tuple[str, ...], line: int, faults: Faults) -> None:
    for value in values:
        try:
            re.compile(value)
        except (re.error, RecursionError, OverflowError) as fault:
            faults.add(line, f"not a regular expression: {fault}")
