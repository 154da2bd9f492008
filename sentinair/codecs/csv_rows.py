"""CSV in the guide's columns, which no spreadsheet takes for formulas.

Every cell is quoted and the lines end in CR LF.  Text is escaped as everywhere (model.text.shown), so a cell holds no
line break; where a formula could begin, at the start or behind a semicolon (which is what separates cells for a
spreadsheet in many languages), an apostrophe stands before it.  Cells are cut where spreadsheets end them.
Source: RFC 4180; OWASP, CSV Injection; Excel specifications and limits: 32,767 characters, of UTF-16, in a cell.
"""

from __future__ import annotations

import re
from typing import Final

from sentinair.codecs.cut import fit
from sentinair.codecs.summary import summary
from sentinair.codecs.times import time_or_ns
from sentinair.model.entry import Entry
from sentinair.model.text import shown

__all__ = ["CELL_UNITS", "COLUMNS", "CsvCodec"]

COLUMNS: Final = (
    "id",
    "timestamp",
    "severity",
    "category",
    "title",
    "description",
    "source",
    "status",
    "acknowledged_by",
)
CELL_UNITS: Final = 32_767
"""What a cell holds at most, in units of UTF-16."""

# = + - @ and all that compatibility normalisation (NFKC) makes of them; U+2212 is a minus for spreadsheets too.
_SIGNS: Final = (
    "=+\\-@\u207a\u207b\u207c\u208a\u208b\u208c\u2212\u2a75\u2a76"
    "\ufb29\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20"
)
_FORMULA: Final = re.compile(f'(?:^|;)(?=[\\s"]*[{_SIGNS}])')
_DOUBTFUL: Final = frozenset(' "=+-@')  # what an ordinary cell of ASCII does not begin with
_BOM: Final = b"\xef\xbb\xbf"


class CsvCodec:
    """One row an entry, in COLUMNS.  What is no alert is a row in its few words (codecs.summary), without a status.

    bom: begin a file with U+FEFF, by which Excel knows UTF-8; other readers take it for part of the first name.
    """

    name = "csv"
    suffix = ".csv"
    lines = True

    def __init__(self, *, bom: bool = False) -> None:
        self._head = (_BOM if bom else b"") + ",".join(COLUMNS).encode() + b"\r\n"

    def begin(self, time_ns: int) -> bytes:  # noqa: ARG002 -- a codec's
        return self._head

    def encode(self, entry: Entry) -> bytes:
        alert = entry.alert
        if alert is None:
            return _other(entry)
        return _row(
            alert.id,
            time_or_ns(alert.time_ns),
            alert.severity,
            alert.category,
            alert.title,
            alert.description,
            alert.source,
            alert.status,
            alert.acknowledged_by or "",
        )

    def between(self) -> bytes:
        return b"\r\n"

    def end(self, count: int) -> bytes:
        return b"\r\n" if count else b""


def _other(entry: Entry) -> bytes:
    words = summary(entry)
    return _row(
        f"{entry.chain}-{entry.stream}-{entry.seq}",
        time_or_ns(entry.time_ns),
        words.severity,
        words.category,
        words.title,
        words.message,
        entry.stream,
        "",
        "",
    )


def _row(*cells: str) -> bytes:
    return ('"' + '","'.join([_cell(cell) for cell in cells]) + '"').encode()


def _cell(text: str) -> str:
    if len(text) <= CELL_UNITS and text.isascii() and text.isprintable():
        if text[:1] not in _DOUBTFUL and '"' not in text and ";" not in text:
            return text
    else:
        text = shown(text)
    cell = _FORMULA.sub(r"\g<0>'", text)
    if 2 * len(cell) > CELL_UNITS:  # if all of it were beyond the basic plane
        cell = _short(cell, text)
    return cell.replace('"', '""')


def _short(cell: str, text: str) -> str:
    units = len(cell) + sum(character > "\uffff" for character in cell)
    if units <= CELL_UNITS:
        return cell
    return fit(cell, CELL_UNITS if units == len(cell) else CELL_UNITS // 2, text)
