"""A folder of rule files to rules; all faults of all files at once."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sentinair.detect.rule_yaml import Faults, compose
from sentinair.detect.sigma_parse import parse_rule
from sentinair.detect.sigma_rule import Rule
from sentinair.errors import ConfigFault, Fault

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
    """Every *.yml and *.yaml below directory.  A folder that cannot be read is a fault too."""
    rules: dict[str, Rule] = {}
    faults: list[Fault] = []
    try:
        files = sorted(p for p in directory.rglob("*") if p.suffix in {".yml", ".yaml"})
        if not directory.is_dir():
            raise NotADirectoryError(20, "no such folder")
    except OSError as fault:
        return RulesRead((), (_unreadable(directory, fault),))
    for path in files:
        try:
            text = path.read_bytes()
        except OSError as fault:
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


def _unreadable(path: Path, fault: OSError) -> Fault:
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
