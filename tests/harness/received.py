"""What stands in a receiver's file, counted against what was to arrive."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import msgspec

__all__ = ["Count", "count", "first_seq", "last_seq", "ranges"]

_SEQ: Final = re.compile(r'stream="record" seq="(\d+)"')
_TAIL_BYTES: Final = 64 * 1024


class _Line(msgspec.Struct):
    sd: str
    msg: str


_line = msgspec.json.Decoder(_Line).decode


class Count(msgspec.Struct, frozen=True):
    """Lines by what they are; a record is known by its number."""

    lines: int
    torn: int  # no whole line: the receiver ended while it wrote
    unique: int
    missing: tuple[int, ...]
    repeated: int  # a number that came before
    unlike: int  # of these: with another message
    out_of_order: int  # a number that came first behind a larger one


def _read(raw: bytes) -> tuple[int, str] | None:
    try:
        line = _line(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    found = _SEQ.search(line.sd)
    return None if found is None else (int(found[1]), line.msg)


def count(path: Path, wanted: Collection[int]) -> Count:
    """wanted: the numbers of all records that were sent."""
    seen: dict[int, int] = {}
    lines = torn = repeated = unlike = out_of_order = highest = 0
    for raw in _lines(path):
        lines += 1
        read = _read(raw)
        if read is None:
            torn += 1
            continue
        seq, message = read
        if seq in seen:
            repeated += 1
            unlike += seen[seq] != hash(message)
            continue
        out_of_order += seq < highest
        highest = max(highest, seq)
        seen[seq] = hash(message)
    missing = tuple(sorted(set(wanted) - seen.keys()))
    return Count(lines, torn, len(seen), missing, repeated, unlike, out_of_order)


def _lines(path: Path) -> Iterator[bytes]:
    if path.exists():
        with path.open("rb") as file:
            yield from file


def last_seq(path: Path) -> int:
    """Of the last whole line; 0 without one."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        whole = file.read().split(b"\n")[:-1]
    for raw in reversed(whole):
        read = _read(raw)
        if read is not None:
            return read[0]
    return 0


def first_seq(path: Path, offset: int) -> int:
    """Of the first whole line that begins at offset or behind it; 0 without one."""
    with path.open("rb") as file:
        file.seek(max(0, offset - 1))
        if offset:
            file.readline()  # what ends there, torn or not
        while (raw := file.readline()).endswith(b"\n"):
            read = _read(raw)
            if read is not None:
                return read[0]
    return 0


def ranges(numbers: Collection[int]) -> list[str]:
    """Numbers in order as "first-last"."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return [f"{first}-{last}" for first, last in found]
