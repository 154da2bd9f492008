"""A folder of rule files to rules; all faults of all files at once."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from sentinair.detect.sigma.nodes import MAX_BYTES, Faults, Listed, Mapped, compose
from sentinair.detect.sigma.parse import parse_rule
from sentinair.detect.sigma.rule import Rule
from sentinair.detect.sigma.selection import read_value
from sentinair.errors import ConfigFault, Fault, SentinairError
from sentinair.settings.guarded import check_folder, read_guarded

__all__ = [
    "Placeholders",
    "RulesRead",
    "load_rules",
    "read_placeholders",
    "read_rule",
    "read_rules",
]

Placeholders = dict[str, tuple[str, ...]]
"""Values by name."""
_PLACEHOLDERS: Final = "placeholders"  # the file's name, without its ending


class RulesRead(msgspec.Struct, frozen=True):
    """The rules that can be used, by file name, and what is wrong with the others."""

    rules: tuple[Rule, ...]
    faults: tuple[Fault, ...]


def read_rule(
    text: bytes, file: str, placeholders: Placeholders | None = None
) -> tuple[Rule | None, list[Fault]]:
    """One file's content; file is the name faults speak of.  placeholders: as read_placeholders() gives them."""
    faults = Faults(file)
    root = compose(text, faults)
    rule = None if root is None else parse_rule(root, faults, placeholders)
    return (None if faults.found else rule), faults.found


def read_placeholders(text: bytes, file: str) -> tuple[Placeholders, list[Fault]]:
    """Names and their values, which a rule's `field|expand: '%name%'` stands for."""
    faults = Faults(file)
    root = compose(text, faults)
    if root is not None and not isinstance(root, Mapped):
        faults.add(
            root.line,
            "placeholders are a map of names, each with a list of values",
            "write `name: [value, …]`",
        )
    found: dict[str, tuple[str, ...]] = {}
    for name, node in root.entries.items() if isinstance(root, Mapped) else ():
        nodes = node.items if isinstance(node, Listed) else (node,)
        values = [read_value(one, faults) for one in nodes]
        found[name] = tuple(value for value in values if value is not None)
    return found, faults.found


def read_rules(directory: Path) -> RulesRead:
    """Every *.yml and *.yaml below directory; one called placeholders is no rule but read_placeholders'.

    A folder that cannot be read is a fault too, and so is a folder or a file that others could have written: who
    changes a rule can blind the agent.
    """
    rules: dict[str, Rule] = {}
    faults: list[Fault] = []
    placeholders: Placeholders = {}
    try:
        check_folder(directory)
        found_there = sorted(
            directory.rglob("*"), key=lambda path: (path.stem != _PLACEHOLDERS, path)
        )
    except (SentinairError, OSError) as fault:
        return RulesRead((), (_unreadable(directory, fault),))
    for path in found_there:
        is_rule = path.suffix in {".yml", ".yaml"}
        try:
            if not is_rule:
                if path.is_dir():
                    check_folder(path)
                continue
            text = read_guarded(path, MAX_BYTES)
        except (SentinairError, OSError) as fault:
            faults.append(_unreadable(path, fault))
            continue
        if path.stem == _PLACEHOLDERS:
            named, found = read_placeholders(text, str(path))
            placeholders |= named
            faults += found
            continue
        rule, found = read_rule(text, str(path), placeholders)
        faults += found
        if rule is None:
            continue
        if rule.id in rules:
            other = rules[rule.id].file
            what = f"the id {rule.id} is that of {other} too"
            faults.append(Fault(what, where=f"{path}:1", remedy="make another with uuidgen"))
            continue
        rules[rule.id] = rule
    return RulesRead(tuple(rules.values()), tuple(faults))


def _unreadable(path: Path, fault: SentinairError | OSError) -> Fault:
    if isinstance(fault, SentinairError):
        return Fault(fault.what, where=fault.where, remedy=fault.remedy)
    return Fault(
        f"cannot be read: {fault.strerror}",
        where=str(path),
        remedy="rules must be readable by the engine's user",
    )


def load_rules(directory: Path) -> tuple[Rule, ...]:
    """Every rule below directory.  Raises ConfigFault with all that is wrong, if anything is."""
    read = read_rules(directory)
    if read.faults:
        raise ConfigFault(list(read.faults))
    return read.rules
