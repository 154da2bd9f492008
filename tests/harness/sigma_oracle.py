"""What pySigma and SQLite say of the same rules and events: the second opinion.

pySigma reads the rule, its SQLite backend writes a WHERE clause, SQLite judges.  Nothing of ours takes part.  An
absent field is NULL; the backend itself makes `not` of a NULL true, as Sigma means it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sigma.backends.sqlite.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.processing.transformations import ValueListPlaceholderTransformation

__all__ = ["ALL_TEXT", "Fields", "Oracle"]

Fields = Mapping[str, str]
"""One event: field to text; what is absent is not there."""
ALL_TEXT = "all_text"  # the column that keywords are looked for in


class Oracle:
    """One table of events, asked by rule."""

    def __init__(
        self,
        columns: Iterable[str],
        events: Sequence[Fields],
        placeholders: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        columns = sorted(columns)
        self._db = sqlite3.connect(":memory:")
        self._db.create_function("regexp", 2, _regexp, deterministic=True)
        names = ", ".join(f'"{name}" TEXT' for name in (*columns, ALL_TEXT))
        self._db.execute(f"CREATE TABLE logs ({names})")
        marks = ", ".join("?" * (len(columns) + 1))
        self._db.executemany(
            f"INSERT INTO logs VALUES ({marks})",
            [(*(one.get(name) for name in columns), "\n".join(one.values())) for one in events],
        )
        expand = ProcessingItem(transformation=ValueListPlaceholderTransformation())
        values = {name: list(found) for name, found in (placeholders or {}).items()}
        self._backend = sqliteBackend(  # type: ignore[no-untyped-call]  # as it ships
            ProcessingPipeline(items=[expand] if values else [], vars=values),
            collate_nocase=True,
            fulltext_field=ALL_TEXT,
        )

    def holds(self, rule: Mapping[str, Any]) -> set[int]:
        """Positions of the events for which a rule, given as YAML reads it, holds."""
        (query,) = self._backend.convert(SigmaCollection.from_dicts([dict(rule)]))
        query = query.replace("SELECT *", "SELECT rowid", 1)
        return {row - 1 for (row,) in self._db.execute(query)}

    def close(self) -> None:
        self._db.close()


def _regexp(pattern: str, text: str | None) -> bool:
    return text is not None and re.search(pattern, text) is not None
