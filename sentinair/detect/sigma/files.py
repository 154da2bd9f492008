"""A folder of rule files to rules; all faults of all files at once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from sentinair.detect.sigma.correlation import Correlation, Draft, parse_correlation
from sentinair.detect.sigma.nodes import MAX_BYTES, Faults, Listed, Mapped, compose, compose_all
from sentinair.detect.sigma.parse import parse_rule
from sentinair.detect.sigma.resolve import resolve
from sentinair.detect.sigma.rule import Rule
from sentinair.detect.sigma.selection import read_value
from sentinair.errors import Fault, SentinairError
from sentinair.settings.guarded import check_folder, read_guarded

__all__ = [
    "SUFFIXES",
    "FileRead",
    "Placeholders",
    "RulesRead",
    "read_file",
    "read_placeholders",
    "read_rule",
    "read_rules",
]

Placeholders = dict[str, tuple[str, ...]]
"""Values by name."""
SUFFIXES: Final = frozenset({".yml", ".yaml"})
"""Of rule files."""
_PLACEHOLDERS: Final = "placeholders"  # the file's name, without its ending


class RulesRead(msgspec.Struct, frozen=True):
    """What can be used, by file name, and what is wrong with the rest."""

    rules: tuple[Rule, ...]
    faults: tuple[Fault, ...]
    correlations: tuple[Correlation, ...] = ()  # each behind those it counts
    silent: frozenset[str] = frozenset()  # ids of what only counts, without an alert of its own
    digest: str = ""  # SHA-256 over names and content of all files, hexadecimal


class FileRead(msgspec.Struct, frozen=True):
    """One file's documents; nothing where faults says why not."""

    rules: tuple[Rule, ...]
    drafts: tuple[Draft, ...]
    faults: tuple[Fault, ...]


def read_file(text: bytes, file: str, placeholders: Placeholders | None = None) -> FileRead:
    """All documents of one file; file is the name faults speak of.  placeholders: as read_placeholders() gives them."""
    faults = Faults(file)
    rules: list[Rule] = []
    drafts: list[Draft] = []
    for root in compose_all(text, faults):
        if isinstance(root, Mapped) and "correlation" in root.entries:
            draft = parse_correlation(root, faults)
            drafts += () if draft is None else (draft,)
        elif isinstance(root, Mapped) and "action" in root.entries:
            line = root.entries["action"].line
            faults.add(line, "`action: …` joins no documents any more", "write each rule whole")
        else:
            rule = parse_rule(root, faults, placeholders)
            rules += () if rule is None else (rule,)
    if faults.found:
        return FileRead((), (), faults.told())
    return FileRead(tuple(rules), tuple(drafts), ())


def read_rule(
    text: bytes, file: str, placeholders: Placeholders | None = None
) -> tuple[Rule | None, list[Fault]]:
    """The one rule of a file that holds one.  Arguments as read_file()'s."""
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
    return found, list(faults.told())


def read_rules(directory: Path, first: Sequence[Path] = ()) -> RulesRead:
    """Every *.yml and *.yaml below directory; one called placeholders is no rule but read_placeholders'.

    A folder that cannot be read is a fault too, and so is a folder or a file that others could have written: who
    changes a rule can blind the agent.
    first: files elsewhere that are read as if they stood there, and win where ids are the same.
    """
    folder = _Folder(directory, first)
    resolved = resolve(folder.rules.values(), folder.drafts)
    return RulesRead(
        tuple(folder.rules.values()),
        (*folder.faults, *resolved.faults),
        resolved.correlations,
        resolved.silent,
        folder.digest.hexdigest(),
    )


class _Folder:
    """Everything below one folder, file by file."""

    def __init__(self, directory: Path, first: Sequence[Path]) -> None:
        self.rules: dict[str, Rule] = {}
        self.drafts: list[Draft] = []
        self.faults: list[Fault] = []
        self.digest = hashlib.sha256()
        self._files: dict[str, str] = {}  # id to file
        self._placeholders: Placeholders = {}
        try:
            check_folder(directory)
            found = sorted(directory.rglob("*"))
        except (SentinairError, OSError) as fault:
            self.faults.append(_unreadable(directory, fault))
            found = []
        there = {path.absolute() for path in first}
        found = [*first, *(path for path in found if path.absolute() not in there)]
        for path in sorted(found, key=lambda path: path.stem != _PLACEHOLDERS):
            self._read(path, directory, given=path in first)

    def _read(self, path: Path, directory: Path, *, given: bool) -> None:
        try:
            if path.suffix not in SUFFIXES and not given:
                if path.is_dir():
                    check_folder(path)
                return
            text = read_guarded(path, MAX_BYTES)
        except (SentinairError, OSError) as fault:
            self.faults.append(_unreadable(path, fault))
            return
        if not _is_text(
            path
        ):  # every alert of the rule, and every fault of it, would have to name it
            remedy = "give it a name in UTF-8"
            self.faults.append(Fault("its name is no text", where=str(path), remedy=remedy))
        else:
            name = bytes(path if given else path.relative_to(directory))
            self.digest.update(b"%d %s %d " % (len(name), name, len(text)) + text)
            self._take(path, text)

    def _take(self, path: Path, text: bytes) -> None:
        if path.stem == _PLACEHOLDERS:
            named, faults = read_placeholders(text, str(path))
            self._placeholders |= named
            self.faults += faults
            return
        read = read_file(text, str(path), self._placeholders)
        self.faults += read.faults
        for rule in read.rules:
            if self._is_new(rule.id, str(path)):
                self.rules[rule.id] = rule
        for draft in read.drafts:
            if self._is_new(draft.correlation.head.id, str(path)):
                self.drafts.append(draft)

    def _is_new(self, id_: str, file: str) -> bool:
        other = self._files.get(id_)
        if other is not None:
            what = f"the id {id_} is that of {other} too"
            remedy = "make another with uuidgen"
            self.faults.append(Fault(what, where=f"{file}:1", remedy=remedy))
            return False
        self._files[id_] = file
        return True


def _is_text(path: Path) -> bool:
    try:
        return bool(str(path).encode())
    except (
        UnicodeEncodeError
    ):  # bytes that are not UTF-8, as surrogateescape (PEP 383) carries them
        return False


def _unreadable(path: Path, fault: SentinairError | OSError) -> Fault:
    if isinstance(fault, SentinairError):
        remedy = fault.remedy or f"a rule is a plain file of at most {MAX_BYTES // 1024} KiB"
        return Fault(fault.what, where=fault.where, remedy=remedy)
    return Fault(
        f"cannot be read: {fault.strerror}",
        where=str(path),
        remedy="rules must be readable by the engine's user",
    )
