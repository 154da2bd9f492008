"""A folder of rule files to rules; all faults of all files at once."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sentinair.detect.rule_yaml import MAX_BYTES, Faults, compose
from sentinair.detect.sigma_parse import parse_rule
from sentinair.detect.sigma_rule import Rule
from sentinair.errors import ConfigFault, Fault, SentinairError
from sentinair.settings.guarded import check_folder, read_guarded

__all__ = ["RulesRead", "load_rules", "read_rule", "read_rules"]


class RulesRead(msgspec.Struct, frozen=True):
    """The rules that can be used, by file name, and what is wrong with the others."""

    rules: tuple[Rule, ...]
    faults: tuple[Fault, ...]


def read_rule(text: bytes, file: str) -> tuple[Rule | None, list[Fault]]:
    """One file's content; file is the name faults speak of."""
    faults = Faults(file)
    root = compose(text, faults)
    rule = None if root is None else parse_rule(root, faults)
    return (None if faults.found else rule), faults.found


def read_rules(directory: Path) -> RulesRead:
    """Every *.yml and *.yaml below directory.

    A folder that cannot be read is a fault too, and so is a folder or a file that others could have written: who
    changes a rule can blind the agent.
    """
    rules: dict[str, Rule] = {}
    faults: list[Fault] = []
    try:
        check_folder(directory)
        found_there = sorted(directory.rglob("*"))
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
        rule, found = read_rule(text, str(path))
        faults += found
        if rule is None:
            continue
        if rule.id in rules:
            other = rules[rule.id].file
            faults.append(Fault(f"the id {rule.id} is that of {other} too", where=f"{path}:1"))
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
