"""Exports on demand: each file against its manifest, and whose word that is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sentinair.sinks.drop.check.folder import MAX_JSON, UNREADABLE, Folder, read_keys
from sentinair.sinks.drop.check.found import Drop, Export

__all__ = [
    "ENDING",
    "EXPORT_DOMAIN",
    "EXPORT_FORMAT",
    "UNSIGNED",
    "is_export",
    "judge_export",
    "judge_exports",
]

EXPORT_FORMAT = "sentinair export 1"
EXPORT_DOMAIN = b"sentinair export 1\x00"
ENDING = ".manifest.json"
UNSIGNED = "unsigned"
EXPORT = re.compile(r"sentinair_(?:alerts|events)_\d+(?:-\d+)?(?:\.[a-z]+){1,2}")
UNSEALED = b'{"unsigned":'


def is_export(name: str) -> bool:
    """Whether this is the name of an export, or of its manifest."""
    return EXPORT.fullmatch(name.removesuffix(ENDING)) is not None


def judge_export(directory: str, public_key: str, name: str) -> Drop:
    """Judge one export, by its name in directory or its manifest's.  Raises Unjudged if there is no such directory or key."""
    folder = Folder(directory, read_keys(public_key))
    try:
        folder.read_certificates()
        _judge_one(folder, name.removesuffix(ENDING))
    finally:
        folder.close()
    return folder.drop


def judge_exports(folder: Folder) -> None:
    """All of them, and whatever has the name of one."""
    for name in sorted({one.removesuffix(ENDING) for one in folder.names if is_export(one)}):
        _judge_one(folder, name)


def _judge_one(folder: Folder, name: str) -> None:
    manifest = name + ENDING
    if manifest not in folder.names:
        folder.drop.find("foreign", name, "no manifest names it")
        return
    raw = folder.read(manifest, MAX_JSON)
    if raw is None:
        return
    try:
        if raw.startswith(UNSEALED):
            told = json.loads(raw)
            why, said = str(told["unsigned"]), told["said"]
            folder.drop.find(UNSIGNED, name, f"{why}; nobody vouches for it")
        else:
            signed = folder.opened(manifest, raw, EXPORT_FORMAT, EXPORT_DOMAIN)
            if signed is None:
                return
            why, said = None, signed.said
        _judge_file(folder, name, said, why)
    except UNREADABLE as fault:
        folder.drop.find("corrupted", manifest, f"cannot be read: {fault}")


def _judge_file(folder: Folder, name: str, said: Mapping[str, Any], why: str | None) -> None:
    file = said["exported"]
    if file["file"] != name:
        folder.drop.find("misplaced", name + ENDING, f"is the manifest of {file['file']}")
        return
    found = folder.sha256(name)
    if found is None:
        folder.drop.find("missing", name, f"{file['count']} entries")
    elif found != file["sha256"]:
        folder.drop.find("corrupted", name, "is not what its manifest says")
    else:
        writer = "forwarder" if said["writer"] == "forwarder" else str(said["by"])
        one = Export(name, str(said["host"]), int(file["count"]), str(said["by"]), writer, why)
        folder.drop.exports.append(one)
