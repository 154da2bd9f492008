"""One file's nodes as a rule.  What is not understood is refused, with its line: never ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sentinair.detect.fields import FIELDS
from sentinair.detect.sigma.condition import REMEDY, ConditionFault, Room, parse_condition
from sentinair.detect.sigma.extras import Extras, read_extras
from sentinair.detect.sigma.head import KEYS, MISSING, Head, read_head, text_at
from sentinair.detect.sigma.nodes import Faults, Listed, Mapped, Node, Scalar
from sentinair.detect.sigma.rule import Any, Rule, Test
from sentinair.detect.sigma.selection import Scope, read_selection

__all__ = ["parse_rule"]

_KNOWN: Final = KEYS | {"logsource", "detection"}
_REMEDY: Final = "begin with `title: …`, as the rules that come with the agent do"
_MISSING: Final = {
    **MISSING,
    "logsource": "write product: linux and category: process_creation or file_event",
    "detection": "write a selection and a condition",
}


def parse_rule(
    root: Node, faults: Faults, placeholders: Mapping[str, tuple[str, ...]] | None = None
) -> Rule | None:
    """A rule, or None where faults says why not.  placeholders: values by name, for the modifier `expand`."""
    if not isinstance(root, Mapped):
        faults.add(root.line, "a rule is a map of title, id, logsource, detection, …", _REMEDY)
        return None
    before = len(faults.found)
    head = read_head(root, _KNOWN, _MISSING, faults)
    logsource = _logsource(root, faults)
    selections: dict[str, Test] = {}
    scope = Scope(FIELDS.get(logsource or "", frozenset()), placeholders or {})
    room = Room()
    test = None if logsource is None else _detection(root, scope, selections, room, faults)
    extras = read_extras(root.entries.get("sentinair"), logsource, selections, faults, room)
    if len(faults.found) > before or test is None or logsource is None:
        return None
    return _rule(faults.file, head, logsource, test, extras)


def _rule(file: str, head: Head, logsource: str, test: Test, extras: Extras) -> Rule:
    return Rule(
        file=file,
        id=head.id,
        title=head.title,
        description=head.description,
        status=head.status,
        author=head.author,
        license=head.license,
        link=head.link,
        severity=head.severity,
        logsource=logsource,
        category=extras.category or (head.tactics[0] if head.tactics else "rule"),
        techniques=head.techniques,
        tactics=head.tactics,
        test=test,
        confidence=extras.confidence,
        why=extras.why + head.harmless,
        next_steps=extras.next_steps,
        group_by=extras.group_by,
        adjust=extras.adjust,
        examples=extras.examples,
        name=head.name,
    )


def _logsource(root: Mapped, faults: Faults) -> str | None:
    node = root.entries.get("logsource")
    if node is None:
        return None
    if not isinstance(node, Mapped):
        faults.add(node.line, "logsource is a map of product and category", _MISSING["logsource"])
        return None
    product, category = text_at(node, "product"), text_at(node, "category")
    extra = [n for n in node.entries if n not in {"product", "category", "definition"}]
    if product != "linux" or category not in FIELDS or extra:
        given = (f"{n} {text_at(node, n)}" for n in node.entries if n != "definition")
        faults.add(
            node.line,
            f"the log source ({', '.join(given)}) is not read here",
            f"only product linux with category {', '.join(sorted(FIELDS))} is; leave the rule out",
        )
        return None
    return category


def _detection(
    root: Mapped, scope: Scope, selections: dict[str, Test], room: Room, faults: Faults
) -> Test | None:
    node = root.entries.get("detection")
    if not isinstance(node, Mapped):
        if node is not None:
            faults.add(
                node.line, "detection is a map of selections and a condition", _MISSING["detection"]
            )
        return None
    broken = False
    for name, part in node.entries.items():
        if name == "condition":
            continue
        if name == "timeframe":
            faults.add(part.line, "timeframe is not supported", "write a correlation rule")
            continue
        test = read_selection(part, scope, faults)
        if test is None:
            broken = True
        else:
            selections[name] = test
    condition = node.entries.get("condition")
    if condition is None:
        faults.add(node.line, "the condition is missing", "write `condition: selection`")
        return None
    return None if broken else _condition(condition, selections, room, faults)


def _condition(node: Node, selections: dict[str, Test], room: Room, faults: Faults) -> Test | None:
    nodes = node.items if isinstance(node, Listed) else (node,)
    tests: list[Test] = []
    for one in nodes:
        if not isinstance(one, Scalar):
            faults.add(one.line, "a condition is text", REMEDY)
            continue
        try:
            tests.append(parse_condition(one.text, selections, room))
        except ConditionFault as fault:
            faults.add(one.line, f"condition: {fault}", REMEDY)
    if not tests:
        return None
    return (
        tests[0] if len(tests) == 1 else Any(tuple(tests))
    )  # a list of conditions means one of them
