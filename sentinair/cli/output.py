"""What goes to standard output: aligned text for people, one JSON object a line for programs."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Final

import click
import msgspec

from sentinair.model.text import shown

__all__ = [
    "ID_CHARS",
    "cut",
    "emit",
    "fields",
    "on_terminal",
    "short_id_chars",
    "table",
    "width",
    "wrapped",
]

ID_CHARS: Final = 13
"""Of a UUIDv7: its whole time part, to the millisecond."""

_STYLES: Final = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}
_GAP: Final = 2  # spaces between columns


def emit(value: object) -> None:
    """value as one line of JSON."""
    click.echo(msgspec.json.encode(value))


def short_id_chars(ids: Sequence[str]) -> int:
    """How many first characters tell these UUIDs apart, at least ID_CHARS."""
    for chars in (ID_CHARS, 18, 23):
        if len({one[:chars] for one in ids}) == len(ids):
            return chars
    return 36


def on_terminal() -> bool:
    return sys.stdout.isatty()


def width() -> int:
    """Columns to fill: the terminal's, else 80."""
    return shutil.get_terminal_size((80, 24)).columns if on_terminal() else 80


def cut(text: str, columns: int) -> str:
    """text in at most columns characters; what is left out in the middle is shown by `…`, since paths differ at the end."""
    if len(text) <= columns or columns < 2:
        return text[: max(columns, 0)]
    head = (columns - 1) // 3
    return f"{text[:head]}…{text[len(text) - (columns - 1 - head) :]}"


def wrapped(begin: str, text: str) -> str:
    """begin and text on lines of width() at most; what does not fit stands below the begin of text."""
    lines = textwrap.wrap(
        shown(text), max(20, width() - len(begin)), break_long_words=False, break_on_hyphens=False
    )
    return (begin + f"\n{' ' * len(begin)}".join(lines)).rstrip()


def fields(pairs: Iterable[tuple[str, str]]) -> None:
    """Name and value, one pair a paragraph, values aligned."""
    rows = list(pairs)
    wide = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        click.echo(wrapped(f"{name.ljust(wide)}  ", value))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """rows under head; prints nothing for no rows.

    On a terminal the last column takes the room that is left and is cut to it; elsewhere it stays whole, since
    what is cut cannot be searched.
    """
    if not rows:
        return
    safe = [[shown(cell) for cell in row] for row in rows]
    if on_terminal():
        _coloured(head, safe)
        return
    wides = [max(len(name), *(len(row[at]) for row in safe)) for at, name in enumerate(head)]
    for row in [list(head), *safe]:
        cells = [cell.ljust(wide) for cell, wide in zip(row[:-1], wides, strict=False)]
        click.echo((" " * _GAP).join([*cells, row[-1]]).rstrip())


def _coloured(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # lazily: 30 ms that only a terminal needs to pay
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for at, name in enumerate(head):
        last = at == len(head) - 1
        grid.add_column(
            name, no_wrap=True, overflow="ellipsis" if last else "fold", ratio=1 if last else None
        )
    for row in rows:
        # Text, not str: brackets in a path are no markup.
        grid.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    Console(highlight=False).print(grid)
