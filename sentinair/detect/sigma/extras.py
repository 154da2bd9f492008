"""What our rules say beyond Sigma, under the key `sentinair`: how sure, why, what next, examples.

confidence: 0.8                   0 to 1, default 0.5
category: persistence             default: the first ATT&CK tactic
why: [sentence, …]                why it matters on a host without network
next_steps: [sentence, …]         nothing that needs internet
group_by: [field, …]              default: program and path
adjust: [{condition, level, confidence, note}, …]   the first that holds speaks
examples: {match: [{field: value}, …], ignore: [{field: value}, …]}     `level` among the fields: what it must say
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from sentinair.detect.fields import FIELDS
from sentinair.detect.sigma.condition import REMEDY, ConditionFault, Room, parse_condition
from sentinair.detect.sigma.hints import known
from sentinair.detect.sigma.nodes import Faults, Listed, Mapped, Node, Scalar
from sentinair.detect.sigma.rule import Adjust, Example, Test
from sentinair.detect.sigma.selection import read_value
from sentinair.model.alert import SEVERITIES

__all__ = ["Extras", "read_extras"]

_DEFAULT_CONFIDENCE: Final = 0.5
_ADJUST: Final = ("condition", "level", "confidence", "note")


class Extras(msgspec.Struct, frozen=True):
    """The key `sentinair` of a rule, or what stands for it when it is absent."""

    confidence: float = _DEFAULT_CONFIDENCE
    category: str | None = None
    why: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    adjust: tuple[Adjust, ...] = ()
    examples: tuple[Example, ...] = ()


_KEYS: Final = f"known are {', '.join(Extras.__struct_fields__)}"


def read_extras(
    node: Node | None,
    logsource: str | None,
    selections: Mapping[str, Test],
    faults: Faults,
    room: Room | None = None,
) -> Extras:
    """The extras; what is wrong goes to faults.  room: what the rule's condition left; None: all."""
    room = Room() if room is None else room
    if node is None:
        return Extras()
    if not isinstance(node, Mapped):
        faults.add(node.line, "sentinair is a map", _KEYS)
        return Extras()
    for name, value in node.entries.items():
        if name not in Extras.__struct_fields__:
            faults.add(value.line, f"unknown key sentinair.{name}", _KEYS)
    get = node.entries.get
    fields = FIELDS.get(logsource or "", frozenset())
    category = get("category")
    return Extras(
        confidence=_share(get("confidence"), faults),
        category=category.text if isinstance(category, Scalar) else None,
        why=_sentences(get("why"), faults),
        next_steps=_sentences(get("next_steps"), faults),
        group_by=_group_by(get("group_by"), fields, faults),
        adjust=_adjusts(get("adjust"), selections, room, faults),
        examples=_examples(get("examples"), fields, faults),
    )


def _share(node: Node | None, faults: Faults) -> float:
    if node is None:
        return _DEFAULT_CONFIDENCE
    try:
        share = float(node.text) if isinstance(node, Scalar) else -1.0
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        faults.add(node.line, "confidence is a number from 0 to 1", "write 0.5 if unsure")
    return share


def _sentences(node: Node | None, faults: Faults) -> tuple[str, ...]:
    if node is None:
        return ()
    nodes = node.items if isinstance(node, Listed) else (node,)
    for one in nodes:
        if not isinstance(one, Scalar):
            faults.add(one.line, "expected a sentence", "put a sentence with a colon in quotes")
    return tuple(" ".join(one.text.split()) for one in nodes if isinstance(one, Scalar))


def _group_by(node: Node | None, fields: frozenset[str], faults: Faults) -> tuple[str, ...]:
    names = _sentences(node, faults)
    for name in names:
        if node is not None and name not in fields:
            faults.add(node.line, f"group_by names {name!r}, which no event has", known(fields))
    return names


def _maps(node: Node | None, what: str, faults: Faults) -> list[Mapped]:
    if node is None:
        return []
    nodes = node.items if isinstance(node, Listed) else (node,)
    for one in nodes:
        if not isinstance(one, Mapped):
            faults.add(one.line, f"{what} is a list of maps", "write `- name: value`")
    return [one for one in nodes if isinstance(one, Mapped)]


def _scalar(node: Mapped, name: str) -> str:
    found = node.entries.get(name)
    return found.text if isinstance(found, Scalar) else ""


def _adjusts(
    node: Node | None, selections: Mapping[str, Test], room: Room, faults: Faults
) -> tuple[Adjust, ...]:
    adjusts: list[Adjust] = []
    for one in _maps(node, "adjust", faults):
        level = _scalar(one, "level")
        if level not in SEVERITIES:
            faults.add(
                one.line, f"adjust needs a level, got {level!r}", f"one of {', '.join(SEVERITIES)}"
            )
        for name, value in one.entries.items():
            if name not in _ADJUST:
                faults.add(
                    value.line, f"unknown key adjust.{name}", f"known are {', '.join(_ADJUST)}"
                )
        confidence = _share(one.entries.get("confidence"), faults)
        try:
            test = parse_condition(_scalar(one, "condition"), selections, room)
        except ConditionFault as fault:
            faults.add(one.line, f"adjust: {fault}", REMEDY)
            continue
        adjusts.append(Adjust(test, level, confidence, _scalar(one, "note")))
    return tuple(adjusts)


def _examples(node: Node | None, fields: frozenset[str], faults: Faults) -> tuple[Example, ...]:
    if node is None:
        return ()
    if not isinstance(node, Mapped) or not set(node.entries) <= {"match", "ignore"}:
        faults.add(node.line, "examples is a map of match and ignore", "each a list of maps")
        return ()
    return tuple(
        _example(one, matches=name == "match", fields=fields, faults=faults)
        for name, part in node.entries.items()
        for one in _maps(part, f"examples.{name}", faults)
    )


def _example(node: Mapped, *, matches: bool, fields: frozenset[str], faults: Faults) -> Example:
    held: dict[str, tuple[str, ...]] = {}
    level: str | None = None
    for name, value in node.entries.items():
        if name == "level" and isinstance(value, Scalar):
            level = value.text
            continue
        if name not in fields:
            faults.add(value.line, f"an example names {name!r}, which no event has", known(fields))
        nodes = value.items if isinstance(value, Listed) else (value,)
        texts = [read_value(one, faults) for one in nodes]
        held[name] = tuple(text for text in texts if text is not None)
    return Example(held, matches, level, node.line)
