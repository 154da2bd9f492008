"""A configuration folder to Settings: every file, every fault, and where each value came from."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Final

import msgspec

from sentinair.errors import ConfigFault, Fault, PermissionFault, SentinairError
from sentinair.settings.check_options import check_options
from sentinair.settings.checks import check
from sentinair.settings.convert import convert, dotted, fields
from sentinair.settings.guarded import check_folder, read_guarded
from sentinair.settings.nodes import MAX_BYTES, Document, Key, Plain, parse
from sentinair.settings.sinks import with_files_from
from sentinair.settings.types import Settings

__all__ = ["SECTIONS", "Loaded", "judge", "load", "load_with_origins", "read_documents"]

SECTIONS: Final = (
    Settings.__struct_fields__
)  # each has a file of its name: agent.yaml, files.yaml, …


class Loaded(msgspec.Struct, frozen=True):
    """Settings and, for each key that a file gives, `file:line`; keys not in origins have their default."""

    settings: Settings
    origins: dict[str, str]


def load(config_dir: Path) -> Settings:
    """The settings in config_dir; a file that is not there means its defaults.

    Raises ConfigFault with all faults, PermissionFault if only owners and modes are wrong.
    """
    return load_with_origins(config_dir).settings


def load_with_origins(config_dir: Path) -> Loaded:
    """As load, and where each value came from."""
    faults: list[Fault] = []
    documents = read_documents(config_dir, faults)
    settings = judge(documents, faults)
    if faults:
        raise ConfigFault(faults)
    sinks = with_files_from(config_dir.absolute(), settings.sinks)
    settings = msgspec.structs.replace(settings, sinks=sinks)
    origins: dict[str, str] = {}
    for document in documents.values():
        for key in _given(document.value, ()):
            origins[dotted(key)] = document.where(key)
    return Loaded(settings, origins)


def read_documents(config_dir: Path, faults: list[Fault]) -> dict[str, Document]:
    """The YAML documents of config_dir by section; faults gets what cannot be read.

    Raises PermissionFault if files or folder have an unsafe owner or mode, and nothing else is wrong.
    """
    unsafe: list[PermissionFault] = []
    documents: dict[str, Document] = {}
    try:
        check_folder(config_dir)
        names = sorted(os.listdir(config_dir))
    except PermissionFault:
        raise
    except SentinairError as fault:
        faults.append(Fault(fault.what, where=fault.where, remedy=fault.remedy))
        return {}
    except OSError as fault:
        faults.append(
            Fault(
                f"cannot be read: {fault.strerror}",
                where=str(config_dir),
                remedy="give the configuration folder with --config",
            )
        )
        return {}
    faults.extend(_strangers(config_dir, names))
    for section in SECTIONS:
        try:
            document = _read(config_dir / f"{section}.yaml", faults)
        except PermissionFault as fault:
            unsafe.append(fault)
            continue
        if document is not None:
            documents[section] = document
    if unsafe and not faults:
        raise unsafe[0]
    faults.extend(Fault(f.what, where=f.where, remedy=f.remedy) for f in unsafe)
    return documents


def _read(path: Path, faults: list[Fault]) -> Document | None:
    try:
        text = read_guarded(path, MAX_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as fault:
        line = fault.object.count(b"\n", 0, fault.start) + 1
        faults.append(Fault("is not UTF-8", where=f"{path}:{line}", remedy="save it as UTF-8 text"))
        return None
    except PermissionFault:
        raise
    except SentinairError as fault:
        faults.append(Fault(fault.what, where=fault.where, remedy=fault.remedy))
        return None
    return parse(str(path), text, faults)


def _strangers(config_dir: Path, names: list[str]) -> list[Fault]:
    """A misspelt file would be silence: its settings would not count."""
    known = [f"{section}.yaml" for section in SECTIONS]
    found = []
    for name in names:
        if name in known or name.startswith(".") or not name.endswith((".yaml", ".yml")):
            continue
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        remedy = f"did you mean {close[0]}?" if close else "known: " + ", ".join(known)
        found.append(Fault("unknown file", where=str(config_dir / name), remedy=remedy))
    return found


def judge(documents: dict[str, Document], faults: list[Fault]) -> Settings:
    """Settings from the documents, all faults of types and combinations added to faults."""
    parts = {name: _section(name, document, faults) for name, document in documents.items()}
    settings = msgspec.structs.replace(Settings(), **parts)
    nowhere = Document("default", None, {})
    for key, what, remedy in check(settings):
        document = documents.get(str(key[0]), nowhere)
        faults.append(Fault(f"{dotted(key)}: {what}", where=document.where(key), remedy=remedy))
    check_options(settings.sinks, documents.get("sinks", nowhere), faults)
    return settings


def _section(section: str, document: Document, faults: list[Fault]) -> msgspec.Struct:
    kind: type[msgspec.Struct] = fields(Settings)[section]
    value = document.value
    if value is None:
        return kind()
    if not isinstance(value, dict):
        faults.append(
            Fault(f"expected {section}: at the top", where=document.where(()), remedy="see config/")
        )
        return kind()
    faults.extend(
        Fault(
            f"{name}: unknown setting",
            where=document.where((name,)),
            remedy=f"only {section}: belongs here",
        )
        for name in value
        if name != section
    )
    return convert(kind, value.get(section), (section,), document, faults)


def _given(value: Plain, key: Key) -> list[Key]:
    """The keys of all values that are no mapping."""
    if not isinstance(value, dict):
        return [key]
    return [found for name, item in value.items() for found in _given(item, (*key, name))]
