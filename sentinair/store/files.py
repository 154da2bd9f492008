"""What every watched name was when it was last seen: the table a rescan is compared with.

The whole table stands under one multiset hash, so that every commit can say in 32 bytes what it holds: the sum,
modulo 2^2048, of SHAKE-256 of each row (AdHash: Bellare and Micciancio, "A New Paradigm for Collision-Free
Hashing", EUROCRYPT 1997; 2048 bits keep Wagner's generalised birthday attack out of reach).  Adding and removing
a row are an addition and a subtraction, in any order.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import sqlite3
import stat
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from sentinair.model.event import CREATE, DELETE, RENAME, FileEvent, FileState
from sentinair.store.events import Pending
from sentinair.store.payload import FileRow
from sentinair.store.rows import insert

__all__ = ["Files", "Found", "files_digest", "files_sum", "split"]

Found = tuple[bytes, FileState | None]
"""A path and what it is now; None: it is gone."""

SUM_BYTES: Final = 256
_MASK: Final = (1 << 8 * SUM_BYTES) - 1
_CHUNKS: Final = (
    256,
    32,
)  # rows asked for in one SELECT; the rest is filled up with NULL, which matches nothing
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(FileState).decode
_Key = tuple[bytes, bytes]
_Change = tuple[FileState | None, int | None, bool]
"""What a name is now (None: gone), the event that told it, and whether it is likely not in the table yet."""


def split(path: bytes) -> _Key:
    """An absolute path as directory and name; the root is ("/", "")."""
    directory, _, name = path.rpartition(b"/")
    return directory or b"/", name


def files_sum(rows: Iterable[FileRow]) -> int:
    """The multiset hash of these rows, below 2^2048."""
    read, total = int.from_bytes, 0
    for shake in map(hashlib.shake_256, map(_encode, rows)):
        total += read(shake.digest(SUM_BYTES), "big")
    return total & _MASK


def files_digest(total: int) -> str:
    """What an events.batch record says of the sum: SHA-256 of its 256 bytes, hex."""
    return hashlib.sha256(total.to_bytes(SUM_BYTES, "big")).hexdigest()


def _is_directory(state: FileState | None) -> bool:
    return state is not None and stat.S_ISDIR(state.mode)


class _Changes:
    """What one commit does to the table: the last word on each name, and the trees that moved away."""

    def __init__(self) -> None:
        self.last: dict[_Key, _Change] = {}
        self.trees: set[bytes] = set()

    def found(self, found: Iterable[Found]) -> None:
        for path, state in found:
            self.last[split(path)] = (state, None, False)

    def events(self, pending: Iterable[Pending]) -> None:
        last = self.last
        either = CREATE | DELETE
        for item in pending:
            event = item.event
            if type(event) is not FileEvent:
                continue
            if event.old_path is not None and event.actions & RENAME:
                self._moved(event, event.old_path, item.id)
            if event.state is not None or event.absent:
                directory, _, name = event.path.rpartition(b"/")  # split(), without its call
                key = (directory or b"/", name)
                before = last.get(key)
                made = event.actions & either == CREATE if before is None else before[2]
                last[key] = (None if event.absent else event.state, item.id, made)

    def _moved(self, event: FileEvent, path: bytes, event_id: int) -> None:
        """The name is gone; a directory took everything below it along, and the sensor lists it anew there."""
        self.last[split(path)] = (None, event_id, False)
        if event.directory or _is_directory(event.state):
            prefix = path + b"/"
            below = [key for key in self.last if key[0] == path or key[0].startswith(prefix)]
            for key in below:
                del self.last[key]
            self.trees.add(path)


class Files:
    """The table within the writer's transaction.  total is its multiset hash."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        row = connection.execute("SELECT value FROM meta WHERE key = 'files_sum'").fetchone()
        self.total = 0 if row is None else int.from_bytes(row[0], "big")

    def apply(self, found: Sequence[Found], pending: Sequence[Pending]) -> bool:
        """Bring the table to what these say, found first; returns whether anything changed."""
        changes = _Changes()
        changes.found(found)
        changes.events(pending)
        last = changes.last
        if not last:
            return False
        new, likely = _new_rows(last)
        asked = [key for key, (state, _, made) in last.items() if state is None or not made]
        old = self._rows(asked)
        removed = self._drop_trees(changes, old)
        if self._insert_new(likely):
            rest = new
        else:
            old |= self._rows([row[:2] for row in likely])
            removed += self._drop_trees(changes, old)
            rest, likely = new + likely, []
        gone = [key for key in old if last[key][0] is None]
        removed.extend(old.values())
        if not (rest or likely or removed):
            return False
        self._connection.executemany("DELETE FROM files WHERE directory = ? AND name = ?", gone)
        insert(self._connection, "INSERT OR REPLACE INTO files", rest)
        added = files_sum(itertools.chain(likely, rest))
        self.total = (self.total + added - files_sum(removed)) & _MASK
        self._connection.execute(
            "INSERT OR REPLACE INTO meta VALUES('files_sum', ?)",
            (self.total.to_bytes(SUM_BYTES, "big"),),
        )
        return True

    def _insert_new(self, rows: list[FileRow]) -> bool:
        """Insert all, or none if one of the names is there already.

        Asking for each name first costs a tenth of a commit, and an event that says "create" is seldom wrong.
        """
        done = insert(self._connection, "INSERT OR IGNORE INTO files", rows)
        if 0 < done < len(rows):
            self._connection.executemany(
                "DELETE FROM files WHERE directory = ? AND name = ? AND event = ?",
                [(directory, name, event) for directory, name, _, event in rows],
            )
        return done == len(rows)

    def _rows(self, keys: Sequence[_Key]) -> dict[_Key, FileRow]:
        """The stored rows of these names."""
        rows: dict[_Key, FileRow] = {}
        at = 0
        while at < len(keys):
            size = _CHUNKS[0] if len(keys) - at > _CHUNKS[1] else _CHUNKS[1]
            wanted: list[bytes | None] = list(itertools.chain.from_iterable(keys[at : at + size]))
            wanted += [None] * (2 * size - len(wanted))
            for row in self._connection.execute(_select(size), wanted):
                rows[row[0], row[1]] = row
            at += size
        return rows

    def _drop_trees(self, changes: _Changes, old: dict[_Key, FileRow]) -> list[FileRow]:
        """Delete all below what moved away, and below directories that are none any more; takes them out of old."""
        trees = changes.trees
        for key, row in old.items():
            state = changes.last[key][0]
            if not _is_directory(state) and _is_directory(_decode(row[2])):
                trees.add(os.path.join(*key))
        removed: list[FileRow] = []
        for path in trees:
            prefix = path if path.endswith(b"/") else path + b"/"
            # Everything below: the directory itself, or one that begins with it and a slash; b"0" follows b"/".
            within = (path, prefix, prefix[:-1] + b"0")
            where = "FROM files WHERE directory = ? OR (directory >= ? AND directory < ?)"
            rows = self._connection.execute(f"SELECT * {where}", within).fetchall()
            if rows:
                self._connection.execute(f"DELETE {where}", within)
                removed += rows
                for row in rows:
                    old.pop((row[0], row[1]), None)
        return removed

    def known(
        self, directory: bytes, after: bytes | None = None, upto: bytes | None = None
    ) -> list[tuple[bytes, FileState]]:
        """Names n of a directory with after < n <= upto (None: no bound) in byte order, and what they were."""
        rows = self._connection.execute(
            "SELECT name, state FROM files WHERE directory = ?1 AND name > ?2 AND (?3 IS NULL OR name <= ?3)"
            " ORDER BY name",
            (directory, after or b"", upto),
        )
        return [(name, _decode(state)) for name, state in rows]

    def one(self, path: bytes) -> FileState | None:
        """What this path was when last seen; None: not known."""
        row = self._connection.execute(
            "SELECT state FROM files WHERE directory = ? AND name = ?", split(path)
        ).fetchone()
        return None if row is None else _decode(row[0])


def _new_rows(changes: Mapping[_Key, _Change]) -> tuple[list[FileRow], list[FileRow]]:
    """The rows of names that are there now, and apart those likely new; in order: the tree takes neighbours faster."""
    rows: tuple[list[FileRow], list[FileRow]] = ([], [])
    for key, (state, event, made) in changes.items():
        if state is not None:
            rows[made].append((*key, _encode(state), event))
    for part in rows:
        part.sort()
    return rows


def _select(size: int) -> str:
    """Rows of `size` names; CROSS JOIN keeps the short list on the outside (sqlite.org/optoverview.html)."""
    values = ", ".join(["(?, ?)"] * size)
    return (
        "SELECT f.directory, f.name, f.state, f.event"  # noqa: S608 — only placeholders
        f" FROM (VALUES {values}) AS wanted CROSS JOIN files AS f"
        " ON f.directory = wanted.column1 AND f.name = wanted.column2"
    )
