"""One selection of a rule: a map (all of it), a list of maps (one of them), or keywords (any field holds one)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from sentinair.detect.sigma.hints import meant_or_known
from sentinair.detect.sigma.modifiers import NUMBERS, Modifiers, changed, read_modifiers
from sentinair.detect.sigma.nodes import Faults, Listed, Mapped, Node, Scalar
from sentinair.detect.sigma.pattern import ANY, Pattern
from sentinair.detect.sigma.regex import compile_regex
from sentinair.detect.sigma.rule import All, Any, Item, Not, Test
from sentinair.model.event import ACTIONS

__all__ = ["Scope", "read_selection", "read_value"]

_DECIMAL: Final = re.compile(r"0|-?[1-9][0-9]*")
_FRACTION: Final = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")
_NUMBER: Final = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")
_FORM: Final = "a selection is a map of fields, a list of such maps, or keywords"
_RE_REMEDY: Final = "write it without look-around and back references; see docs/rules.md"
_ACTIONS: Final = frozenset(ACTIONS.values()) | {"exec", "inventory"}


class Scope(msgspec.Struct, frozen=True):
    """What a selection may speak of."""

    fields: frozenset[str]  # of the log source
    placeholders: Mapping[str, tuple[str, ...]] = {}  # values by name, for the modifier `expand`


def read_selection(node: Node, scope: Scope, faults: Faults) -> Test | None:
    """The tree of one selection; None where faults says why not."""
    if isinstance(node, Mapped):
        if not node.entries:
            faults.add(node.line, "the selection is empty", "name a field, or remove the selection")
            return None
        tests = [_item(key, value, scope, faults) for key, value in node.entries.items()]
        good = [test for test in tests if test is not None]
        if len(good) < len(tests):
            return None
        return good[0] if len(good) == 1 else All(tuple(good))
    if isinstance(node, Listed) and node.items:
        words = tuple(item for item in node.items if isinstance(item, Scalar))
        parts: list[Test | None] = []
        for item in node.items:
            if isinstance(item, Mapped):
                parts.append(read_selection(item, scope, faults))
            elif isinstance(item, Listed):
                faults.add(item.line, "a list within a list", _FORM)
                parts.append(None)
        if words:
            parts.append(_item("", Listed(words, node.line), scope, faults))
        found = [part for part in parts if part is not None]
        if len(found) < len(parts):
            return None
        return found[0] if len(found) == 1 else Any(tuple(found))
    if isinstance(node, Scalar) and node.kind != "null":
        return _item("", node, scope, faults)
    faults.add(node.line, "not a selection", _FORM)
    return None


def _item(key: str, node: Node, scope: Scope, faults: Faults) -> Test | None:
    field, *names = key.split("|")
    before = len(faults.found)
    if field:
        _check_field(field, node.line, scope, faults)
    so_far = len(faults.found)
    modifiers = read_modifiers(names, node.line, faults)
    if len(faults.found) > so_far:  # what values may be is not known then
        return None
    if not field and modifiers.op == "equals":
        modifiers = msgspec.structs.replace(modifiers, op="contains")
    nodes = node.items if isinstance(node, Listed) else (node,)
    given = [one for one in nodes if not (isinstance(one, Scalar) and one.kind == "null")]
    if not nodes:
        faults.add(node.line, "the list of values is empty", "write a value; '' is the empty text")
    absent = len(given) < len(nodes)
    if absent and (modifiers.op != "equals" or modifiers.changes or modifiers.every):
        what = "null is compared by itself: it takes no modifier"
        faults.add(node.line, what, "remove the modifier or null")
    values, patterns = _values(field, modifiers, given, scope, faults)
    if len(faults.found) > before:
        return None
    item = Item(
        field,
        modifiers.op,
        values,
        patterns,
        every=modifiers.every,
        cased=modifiers.cased,
        flags=modifiers.flags,
        absent=absent,
        how=modifiers.how,
    )
    return Not(item) if modifiers.negated else item


def _values(
    field: str, modifiers: Modifiers, nodes: Iterable[Node], scope: Scope, faults: Faults
) -> tuple[tuple[str, ...], tuple[tuple[Pattern, ...], ...]]:
    """Each value as written, and the patterns of each where the comparison is one of text."""
    values: list[str] = []
    patterns: list[tuple[Pattern, ...]] = []
    for node in nodes:
        value = read_value(node, faults)
        if value is None:
            continue
        values.append(value)
        _check_value(field, modifiers, value, node.line, scope, faults)
        if modifiers.op in ("equals", "contains", "startswith", "endswith"):
            patterns.append(_patterns(modifiers, value, node.line, scope, faults))
    return tuple(values), tuple(patterns)


def _check_field(field: str, line: int, scope: Scope, faults: Faults) -> None:
    if field not in scope.fields:
        faults.add(line, f"no event has a field {field!r}", meant_or_known(field, scope.fields))


def _patterns(
    modifiers: Modifiers, value: str, line: int, scope: Scope, faults: Faults
) -> tuple[Pattern, ...]:
    try:
        found = changed(value, modifiers.changes, scope.placeholders)
    except ValueError as fault:
        faults.add(line, f"the value {value!r}: {fault}", "change the value or its modifiers")
        return ()
    return tuple(_open_ended(modifiers.op, pattern) for pattern in found)


def _open_ended(op: str, pattern: Pattern) -> Pattern:
    """A plain literal keeps its op; with wildcards the pattern says it all."""
    if len(pattern) <= 1 and (not pattern or isinstance(pattern[0], str)):
        return pattern
    if op in {"contains", "endswith"} and pattern[0] is not ANY:
        pattern = (ANY, *pattern)
    if op in {"contains", "startswith"} and pattern[-1] is not ANY:
        pattern = (*pattern, ANY)
    return pattern


def read_value(node: Node, faults: Faults) -> str | None:
    """One value as text: numbers and true/false compare as the text of the field would be."""
    if not isinstance(node, Scalar):
        faults.add(
            node.line, "a value is text, a number, true, false or null", "write each value plainly"
        )
        return None
    if node.kind == "null":
        faults.add(
            node.line,
            "null stands for an absent field, which has no text",
            "write '' or leave it out",
        )
        return None
    if node.kind == "bool":
        return "true" if node.text.lower() in {"true", "yes", "on"} else "false"
    plain = {"int": _DECIMAL, "float": _FRACTION}.get(node.kind)
    if plain is not None and not plain.fullmatch(node.text):  # YAML 1.1 reads 0755 as 493
        faults.add(node.line, f"the number {node.text} can be read in two ways", "put it in quotes")
        return None
    return node.text


def _check_value(
    field: str, modifiers: Modifiers, value: str, line: int, scope: Scope, faults: Faults
) -> None:
    op = modifiers.op
    if op == "exists" and value not in {"true", "false"}:
        faults.add(line, "exists takes true or false", "write field|exists: true")
    elif op == "re":
        fault = compile_regex(value, modifiers.flags)
        if isinstance(fault, str):
            faults.add(line, f"not a regular expression that can be used: {fault}", _RE_REMEDY)
    elif op == "cidr":
        try:
            ipaddress.ip_network(value)
        except ValueError as wrong:
            faults.add(line, f"not a network: {wrong}", "write it as 10.0.0.0/8 or fe80::/10")
    elif op in NUMBERS:
        if number_of(value) is None:
            faults.add(line, f"{op} compares numbers, got {value!r}", "write a number like 10")
    elif op == "fieldref":
        _check_field(value, line, scope, faults)
    elif field == "Action" and op == "equals" and value.lower() not in _ACTIONS:
        known = ", ".join(sorted(_ACTIONS))
        faults.add(line, f"no event has the action {value!r}", f"Action is one of {known}")


def number_of(text: str) -> float | None:
    """The number that text is as a whole, decimal; None if it is none."""
    if not _NUMBER.fullmatch(text):
        return None
    return float(text) if "." in text else int(text)
