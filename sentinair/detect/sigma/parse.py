"""One file's nodes as a rule.  What is not understood is refused, with its line: never ignored."""

from __future__ import annotations

import difflib
import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Final

from sentinair.detect.fields import FIELDS
from sentinair.detect.sigma.condition import REMEDY, ConditionFault, parse_condition
from sentinair.detect.sigma.extras import Extras, read_extras
from sentinair.detect.sigma.nodes import Faults, Listed, Mapped, Node, Scalar
from sentinair.detect.sigma.rule import Any, Rule, Test
from sentinair.detect.sigma.selection import Scope, read_selection

__all__ = ["parse_rule"]

_LEVELS: Final = {
    "informational": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "critical": "critical",
}
_TECHNIQUE: Final = re.compile(r"t\d{4}(\.\d{3})?")
_KNOWN: Final = frozenset(
    [
        "title",
        "id",
        "related",
        "name",
        "taxonomy",
        "status",
        "description",
        "license",
        "author",
        "references",
        "date",
        "modified",
        "logsource",
        "detection",
        "fields",
        "falsepositives",
        "level",
        "tags",
        "scope",
        "sentinair",
    ]
)
_REMEDY: Final = "begin with `title: …`, as the rules that come with the agent do"
_MISSING: Final = {
    "title": "say in a few words what it notices",
    "id": "make one with uuidgen",
    "level": "write low, medium, high or critical",
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
    for name, node in root.entries.items():
        # Sigma lets a rule carry keys of its own; only what looks like a slip of the pen is refused.
        if name not in _KNOWN and _mean(name, _KNOWN):
            faults.add(node.line, f"unknown key {name!r}", _mean(name, _KNOWN))
    for name in _MISSING:
        if name not in root.entries:
            faults.add(root.line, f"the key {name} is missing", _MISSING[name])
    logsource = _logsource(root, faults)
    selections: dict[str, Test] = {}
    scope = Scope(FIELDS.get(logsource or "", frozenset()), placeholders or {})
    test = None if logsource is None else _detection(root, scope, selections, faults)
    extras = read_extras(root.entries.get("sentinair"), logsource, selections, faults)
    _check_texts(root, faults)
    rule_id, severity = _id(root, faults), _level(root, faults)
    if len(faults.found) > before or test is None or logsource is None:
        return None
    return _rule(root, faults, logsource, test, extras, rule_id, severity)


def _rule(
    root: Mapped,
    faults: Faults,
    logsource: str,
    test: Test,
    extras: Extras,
    rule_id: str,
    severity: str,
) -> Rule:
    tags = _texts(root, "tags")
    techniques, tactics = _attack(tags)
    harmless = _texts(root, "falsepositives")
    note = (f"Known to be harmless: {'; '.join(harmless)}.",) if harmless else ()
    category = extras.category or (tactics[0] if tactics else "rule")
    return Rule(
        file=faults.file,
        id=rule_id,
        title=_text(root, "title") or "",
        description=" ".join((_text(root, "description") or "").split()),
        status=_text(root, "status"),
        author=_text(root, "author"),
        license=_text(root, "license"),
        link=next(iter(_texts(root, "references")), None),
        severity=severity,
        logsource=logsource,
        category=category,
        techniques=techniques,
        tactics=tactics,
        test=test,
        confidence=extras.confidence,
        why=extras.why + note,
        next_steps=extras.next_steps,
        group_by=extras.group_by,
        adjust=extras.adjust,
        examples=extras.examples,
    )


def _text(root: Mapped, name: str) -> str | None:
    node = root.entries.get(name)
    return node.text if isinstance(node, Scalar) and node.kind != "null" else None


def _texts(root: Mapped, name: str) -> tuple[str, ...]:
    node = root.entries.get(name)
    if isinstance(node, Scalar):
        return (node.text,)
    items = node.items if isinstance(node, Listed) else ()
    return tuple(item.text for item in items if isinstance(item, Scalar))


def _check_texts(root: Mapped, faults: Faults) -> None:
    """What travels into the alert must be readable: a text, or a list of texts."""
    for name in ("title", "description", "author", "license", "status"):
        node = root.entries.get(name)
        if node is not None and (not isinstance(node, Scalar) or _is_blank(node, name)):
            faults.add(node.line, f"{name} is one text", f"write `{name}: …`, or leave it out")
    for name in ("references", "tags", "falsepositives"):
        node = root.entries.get(name)
        nodes = node.items if isinstance(node, Listed) else () if node is None else (node,)
        for one in nodes:
            if not isinstance(one, Scalar):
                faults.add(one.line, f"{name} is a list of texts", "write each behind a dash")


def _is_blank(node: Scalar, name: str) -> bool:
    return name == "title" and (node.kind == "null" or not node.text.strip())


def _mean(got: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(got, sorted(known), n=1)
    return f"did you mean {close[0]}?" if close else ""


def _id(root: Mapped, faults: Faults) -> str:
    text = _text(root, "id")
    if text is not None:
        try:
            return str(uuid.UUID(text))
        except ValueError:
            faults.add(
                root.entries["id"].line, f"id must be a UUID, got {text!r}", "make one with uuidgen"
            )
    return ""


def _level(root: Mapped, faults: Faults) -> str:
    text = _text(root, "level")
    if text is None or text not in _LEVELS:
        if "level" in root.entries:
            faults.add(
                root.entries["level"].line,
                f"level must be one of {', '.join(_LEVELS)}, got {text!r}",
                _mean(text or "", _LEVELS),
            )
        return ""
    return _LEVELS[text]


def _logsource(root: Mapped, faults: Faults) -> str | None:
    node = root.entries.get("logsource")
    if node is None:
        return None
    if not isinstance(node, Mapped):
        faults.add(node.line, "logsource is a map of product and category", _MISSING["logsource"])
        return None
    product, category = _text(node, "product"), _text(node, "category")
    extra = [n for n in node.entries if n not in {"product", "category", "definition"}]
    if product != "linux" or category not in FIELDS or extra:
        faults.add(
            node.line,
            "only product linux with category " + " or ".join(sorted(FIELDS)) + " is supported"
            f", got { ({n: _text(node, n) for n in node.entries}) }",
            "no other log is read; take a rule for what the agent sees itself, or leave this one out",
        )
        return None
    return category


def _detection(
    root: Mapped, scope: Scope, selections: dict[str, Test], faults: Faults
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
    return None if broken else _condition(condition, selections, faults)


def _condition(node: Node, selections: dict[str, Test], faults: Faults) -> Test | None:
    nodes = node.items if isinstance(node, Listed) else (node,)
    tests: list[Test] = []
    for one in nodes:
        if not isinstance(one, Scalar):
            faults.add(one.line, "a condition is text", REMEDY)
            continue
        try:
            tests.append(parse_condition(one.text, selections))
        except ConditionFault as fault:
            faults.add(one.line, f"condition: {fault}", REMEDY)
    if not tests:
        return None
    return (
        tests[0] if len(tests) == 1 else Any(tuple(tests))
    )  # a list of conditions means one of them


def _attack(tags: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """ATT&CK techniques ("T1548.001") and tactics ("privilege-escalation") from `attack.…` tags."""
    names = [
        tag.lower().removeprefix("attack.") for tag in tags if tag.lower().startswith("attack.")
    ]
    techniques = tuple(name.upper() for name in names if _TECHNIQUE.fullmatch(name))
    tactics = tuple(
        name.replace("_", "-") for name in names if re.fullmatch(r"[a-z]+([_-][a-z]+)*", name)
    )
    return techniques, tactics
