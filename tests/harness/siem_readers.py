"""Readers of CEF and LEEF for tests, written from the standards and held to the recorded vectors of other programs."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path
from typing import Final

__all__ = ["NEEDS_FORMATS", "cef_extension_at", "formats", "read_cef", "read_leef", "table"]

NEEDS_FORMATS: Final = (
    "needs SENTINAIR_TEST_DATA, the folder that holds formats/cef and formats/leef"
)

_HEADER: Final = re.compile(r"CEF:([01])" + r"\|((?:\\[\\|]|[^\\|])*)" * 6 + r"\|")
_NEXT: Final = re.compile(r"(?:^| +)([A-Za-z0-9_.\[\]-]+)=")
_ESCAPES: Final = {"\\\\": "\\", "\\=": "=", "\\n": "\n", "\\r": "\r"}


def formats() -> Path | None:
    """The folder of the recorded vectors; None where it is not."""
    place = os.environ.get("SENTINAIR_TEST_DATA")
    return Path(place, "formats") if place else None


def table(name: str) -> dict[str, dict[str, str]]:
    """The rows of one of its tables, by key.  FileNotFoundError without the test data."""
    folder = formats()
    if folder is None:
        raise FileNotFoundError(NEEDS_FORMATS)
    with Path(folder, name).open(encoding="utf-8", newline="") as file:
        return {row["key"]: row for row in csv.DictReader(file)}


def cef_extension_at(line: str) -> int:
    """Where the extension begins.  ValueError for what is no CEF."""
    header = _HEADER.search(line)
    if header is None:
        raise ValueError(f"no CEF header: {line[:80]!r}")
    return header.end()


def read_cef(line: str) -> tuple[list[str], dict[str, str]]:
    """(version and the six header fields, extension), unescaped.  ValueError for what is no CEF."""
    header = _HEADER.search(line)  # a syslog header may stand before it
    if header is None:
        raise ValueError(f"no CEF header: {line[:80]!r}")
    if "\n" in line or "\r" in line:
        raise ValueError("a line break")
    fields = [re.sub(r"\\([\\|])", r"\1", field) for field in header.groups()]
    extension = line[header.end() :]
    marks = list(_NEXT.finditer(extension))
    if extension.strip() and (not marks or marks[0].start()):
        raise ValueError(f"no key at the start: {extension[:80]!r}")
    found: dict[str, str] = {}
    ends = [mark.start() for mark in marks[1:]] + [len(extension)]
    for mark, end in zip(marks, ends, strict=False):  # no mark at all: one end too many
        raw = extension[mark.end() : end]
        if mark[1] in found:
            raise ValueError(f"{mark[1]} twice")
        found[mark[1]] = _unescaped(raw.rstrip(" "))
    return fields, found


def _unescaped(raw: str) -> str:
    """Strict: a bare = or another escape is a fault."""
    if "\\" not in raw and "=" not in raw:
        return raw
    if re.search(r"(?<!\\)(?:\\\\)*=", re.sub(r"\\\\|\\=", "", raw)):
        raise ValueError(f"a bare = in {raw[:80]!r}")
    return re.sub(r"\\(.|$)", lambda match: _ESCAPES.get(match.group()) or _fault(raw), raw)


def _fault(raw: str) -> str:
    raise ValueError(f"an unknown escape in {raw[:80]!r}")


def read_leef(line: str) -> tuple[list[str], str, dict[str, str]]:
    """(version, vendor, product, its version, event), the delimiter, and the attributes.  ValueError for no LEEF."""
    if "\n" in line or "\r" in line:
        raise ValueError("a line break")
    start = re.search(r"LEEF:(1\.0|2\.0)\|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|", line)
    if start is None:
        raise ValueError(f"no LEEF header: {line[:80]!r}")
    rest, delimiter = line[start.end() :], "\t"
    named = re.match(r"(?:(0?x[0-9A-Fa-f]{1,4})|(.))?\|", rest, re.DOTALL)
    if start[1] == "2.0" and named is not None:
        rest = rest[named.end() :]
        if named[1]:
            delimiter = chr(int(named[1].partition("x")[2], 16))
        elif named[2]:
            delimiter = named[2]
    found: dict[str, str] = {}
    for attribute in rest.split(delimiter) if rest else ():
        key, equals, value = attribute.partition("=")
        if not equals or key in found:
            raise ValueError(f"no attribute or one twice: {attribute[:80]!r}")
        found[key] = value
    return list(start.groups()), delimiter, found
