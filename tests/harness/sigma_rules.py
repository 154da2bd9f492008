"""SigmaHQ's Linux rules, where the test data lies: as bytes for our reader, as plain values for the oracle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from sentinair.detect.fields import FIELDS

__all__ = ["NEEDS_DATA", "SigmaFile", "matching_rules", "selections", "sigma_files"]

NEEDS_DATA = "needs SENTINAIR_TEST_DATA, the folder that holds sigma/rules"


class SigmaFile(msgspec.Struct, frozen=True):
    """One rule file of the community."""

    path: Path
    text: bytes
    values: dict[str, Any]  # as YAML reads it
    category: str | None  # of the log source, if this program has such events

    @property
    def id(self) -> str:
        return str(self.values["id"])


def sigma_files() -> list[SigmaFile]:
    """Every rule file of the test data; none where there is no test data."""
    place = os.environ.get("SENTINAIR_TEST_DATA")
    if not place:
        return []
    return [_read(path) for path in sorted(Path(place, "sigma", "rules").rglob("*.yml"))]


def _read(path: Path) -> SigmaFile:
    text = path.read_bytes()
    values = yaml.safe_load(text)
    source = values["logsource"]
    known = source.get("product") == "linux" and source.get("category") in FIELDS
    return SigmaFile(path, text, values, source["category"] if known else None)


def matching_rules(files: list[SigmaFile]) -> list[SigmaFile]:
    """Those for processes, files and connections."""
    return [one for one in files if one.category is not None]


def selections(file: SigmaFile) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, the same rule with that selection as its whole detection), for each selection."""
    for name, part in file.values["detection"].items():
        if name != "condition":
            yield name, {**file.values, "detection": {"chosen": part, "condition": "chosen"}}
