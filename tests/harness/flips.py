"""Flips single bits of a ledger file and asks whether anybody could tell.

A flip is fine if all rows of all tables still read equal, or the integrity check fails, or verify finds it.  Each page
of an SQLite file belongs to one b-tree (or to none), so a flip is first held against the parts of verify that read
that b-tree: what a part finds, verify finds, as it performs all parts.  Whatever no part finds is given to the
integrity check, then compared row by row, then to verify whole.
"""

from __future__ import annotations

import bisect
import mmap
import os
import random
import shutil
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from sentinair.store.payload import BatchData
from sentinair.store.seals import read_enrolment
from sentinair.store.verify import tables
from sentinair.store.verify.plan import Body, Plan, make_plan
from sentinair.store.verify.report import check
from sentinair.store.verify.search import compare, rebuilt
from sentinair.store.verify.span import Span, scan

__all__ = ["Flipper", "Missed", "Places", "Tally", "page_kinds", "sample", "varint"]

PAGE_BYTES = 4096
FREE_STEP = 16
TABLES = (
    "ledger", "streams", "lanes", "processes", "events", "files", "shelves", "alerts", "gaps", "meta",
    "alert_search_data", "alert_search_idx", "alert_search_config", "sqlite_schema",
)  # fmt: skip


class Missed(msgspec.Struct, frozen=True):
    """A flip nobody could tell: byte offset, bit, and what its page is."""

    offset: int
    bit: int
    kind: str


class Tally(msgspec.Struct):
    """How each flip was told, and those that were not."""

    told: Counter[str] = msgspec.field(default_factory=Counter)
    missed: list[Missed] = msgspec.field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.told.update(other.told)
        self.missed.extend(other.missed)

    @property
    def flips(self) -> int:
        return self.told.total() + len(self.missed)


def page_kinds(database: Path) -> dict[int, str]:
    """Each page of the file (from 1) and what it is: "events leaf", "ledger overflow", "free"; page 1 is "header".

    Source: https://www.sqlite.org/dbstat.html.
    """
    kinds = dict.fromkeys(range(1, database.stat().st_size // PAGE_BYTES + 1), "free")
    with closing(_open(database)) as connection:
        for name, kind, page in connection.execute("SELECT name, pagetype, pageno FROM dbstat"):
            kinds[page] = f"{name} {kind}"
    kinds[1] = "header"
    return kinds


def sample(kinds: Mapping[int, str], size: int, seed: int = 1) -> list[int]:
    """`size` byte offsets, the same number for each kind of page as far as it has so many, in ascending order."""
    pages: dict[str, list[int]] = defaultdict(list)
    for page, kind in kinds.items():
        pages[kind].append(page)
    generator = random.Random(seed)
    offsets: list[int] = []
    smallest_first = sorted(pages, key=lambda kind: (len(pages[kind]), kind))
    for at, kind in enumerate(smallest_first):
        room = len(pages[kind]) * PAGE_BYTES
        share = min(room, (size - len(offsets)) // (len(smallest_first) - at))
        for position in generator.sample(range(room), share):
            page = pages[kind][position // PAGE_BYTES]
            offsets.append((page - 1) * PAGE_BYTES + position % PAGE_BYTES)
    return sorted(offsets)


def _open(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{database}?immutable=1", uri=True, isolation_level=None)


def _rows(connection: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    """Every row with the types of its values; text stays bytes, since a flip may have made it undecodable."""
    connection.text_factory = lambda raw: ("text", raw)
    try:
        rowid = (
            ""
            if table in {"files", "gaps", "meta", "alert_search_idx", "alert_search_config"}
            else "rowid, "
        )
        rows = connection.execute(f"SELECT {rowid}* FROM {table}").fetchall()
    finally:
        connection.text_factory = str
    return [tuple((type(value).__name__, value) for value in row) for row in rows]


class Flipper:
    """Flips bits in its own copy of one closed ledger file."""

    def __init__(self, state: Path, work: Path) -> None:
        """state: a state directory nobody writes.  work: a directory for the copy, best in memory."""
        self.copy = work / f"flips-{os.getpid()}.db"
        shutil.copyfile(state / "ledger.db", self.copy)
        self.anchors = read_enrolment(state / "keys" / "enrolment.pub")
        self.kinds = page_kinds(self.copy)
        with closing(_open(self.copy)) as connection:
            self.plan: Plan = make_plan(connection)
            self.whole: Span = scan(connection, self.plan, 1, self.plan.head.seq, lambda _: None)
            self.rows = {table: _rows(connection, table) for table in TABLES}
            if self.whole.findings or check(connection, self.anchors).findings:
                raise ValueError("the ledger is not sound before anything was flipped")
            self.table_of: dict[str, str] = dict(
                connection.execute("SELECT name, tbl_name FROM sqlite_schema").fetchall()
            )
            self.places = Places(self.copy, connection)
            self.search = rebuilt(connection)
            shelves = connection.execute(
                "SELECT severity, status, category, source, id FROM shelves"
            )
            self.shelves = {(a, b, c, d): number for a, b, c, d, number in shelves}
        self.free = 0  # flips in pages of no table
        self.gaps = [record for record in self.whole.kept if record.kind.startswith("gap")]

    def close(self) -> None:
        self.search.close()
        self.copy.unlink()

    @contextmanager
    def flipped(self, offset: int, bit: int) -> Iterator[None]:
        with self.copy.open("r+b") as file, mmap.mmap(file.fileno(), 0) as view:
            view[offset] ^= 1 << bit
            try:
                yield
            finally:
                view[offset] ^= 1 << bit

    def run(self, offsets: Sequence[int], *, by_verify: bool = False) -> Tally:
        """Every bit of these bytes.  by_verify: see told()."""
        tally = Tally()
        for offset in offsets:
            for bit in range(8):
                with self.flipped(offset, bit):
                    told = self.told(offset, by_verify=by_verify)
                if told is None:
                    kind = self.kinds[offset // PAGE_BYTES + 1]
                    tally.missed.append(Missed(offset, bit, kind))
                else:
                    tally.told[told] += 1
        return tally

    def told(self, offset: int, *, by_verify: bool = False) -> str | None:
        """How the flip at offset is told; None: not at all.

        by_verify: only by verify's own parts and by verify whole.
        """
        page = offset // PAGE_BYTES + 1
        tree = self.kinds[page].split(" ")[0]
        try:
            with closing(_open(self.copy)) as connection:
                connection.execute("PRAGMA cell_size_check=ON")
                if self._part_finds(connection, tree, page):
                    return "found by verify"
                if not by_verify:
                    told = self._told_otherwise(connection, tree)
                    if told is not None:
                        return told
                return "found by verify" if check(connection, self.anchors).findings else None
        except sqlite3.DatabaseError:
            return "cannot be read"

    def _told_otherwise(self, connection: sqlite3.Connection, tree: str) -> str | None:
        table = self.table_of.get(tree)
        if tree == "free":
            self.free += 1
            if self.free % FREE_STEP:
                return "in a free page"  # which no b-tree reads; each FREE_STEP-th is looked at all the same
        if table is not None and _unsound(connection, table):
            return "fails the integrity check"
        if all(
            _rows(connection, name) == self.rows[name] for name in (table and [table]) or TABLES
        ):
            return "all rows equal"
        return "fails the integrity check" if _unsound(connection, None) else None

    def _part_finds(self, connection: sqlite3.Connection, tree: str, page: int) -> bool:
        """Whether the part of verify that reads this b-tree finds something."""
        found: list[str] = []
        sums, find = self.whole.batches, found.append
        checks: dict[str, Callable[[], None]] = {
            "streams": lambda: tables.check_streams(
                connection, sums.streams, tables.stream_sums(connection), find
            ),
            "lanes": lambda: tables.check_lanes(connection, sums.lanes, find),
            "gaps": lambda: tables.check_gaps(connection, self.gaps, find),
            "files": lambda: tables.check_files(
                connection, tables.sum_of_files(connection), sums.files, find
            ),
            "meta": lambda: tables.check_files(
                connection, tables.sum_of_files(connection), sums.files, find
            ),
            "alerts": lambda: tables.check_alerts(
                connection, self.whole.alerts, self.shelves, find
            ),
            "shelves": lambda: tables.check_alerts(
                connection, self.whole.alerts, self.shelves, find
            ),
            "alert_search_data": lambda: compare(connection, self.search, find),
            "alert_search_idx": lambda: compare(connection, self.search, find),
            "alert_search_config": lambda: compare(connection, self.search, find),
            "header": lambda: tables.check_schema(connection, find),
        }
        if tree in checks:
            try:
                checks[tree]()
            except (msgspec.DecodeError, ValueError, TypeError, sqlite3.Error) as fault:
                find(str(fault))
        span = self.places.span(tree, page)
        if span is not None:
            find_all = scan(connection, self.plan, *span, lambda _: None).findings
            found.extend(finding.what for finding in find_all)
        return bool(found)


def _unsound(connection: sqlite3.Connection, table: str | None) -> bool:
    what = "1" if table is None else f"'{table}'"
    return bool(connection.execute(f"PRAGMA integrity_check({what})").fetchone() != ("ok",))


class Places:
    """Which records must be read again when a page of ledger, events or processes was changed."""

    def __init__(self, database: Path, connection: sqlite3.Connection) -> None:
        self._raw = database.read_bytes()
        self._leaf_of: dict[int, int] = {}  # page -> the leaf whose rows it holds
        leaves: dict[tuple[str, str], int] = {}
        query = (
            "SELECT name, path, pageno, pagetype FROM dbstat WHERE pagetype <> 'internal'"
            " AND name IN ('ledger', 'events', 'processes') ORDER BY pagetype"
        )
        for name, path, page, kind in connection.execute(query):
            if kind == "leaf":
                leaves[name, path] = page
            # The path of an overflow page is its leaf's, with the cell behind it.
            self._leaf_of[page] = leaves[name, path.rpartition("/")[0] + "/"]
        self._events: list[tuple[int, int]] = []  # event id, seq of its batch's record; ascending
        self._processes: list[tuple[int, int]] = []
        for seq, body in connection.execute(
            "SELECT seq, body FROM ledger WHERE kind = 'events.batch' ORDER BY seq"
        ):
            data = msgspec.json.decode(body, type=Body[BatchData]).data
            self._events.append((data.first, seq))
            self._processes.append((data.process_first, seq))

    def span(self, tree: str, page: int) -> tuple[int, int] | None:
        """First and last seq; None if the page tells no rows of these three."""
        leaf = self._leaf_of.get(page)
        if leaf is None or tree not in {"ledger", "events", "processes"}:
            return None
        rowids = list(self.rowids(leaf))
        if tree == "ledger":
            return min(rowids), max(rowids)
        batches = self._events if tree == "events" else self._processes
        first = bisect.bisect_right(batches, (min(rowids), 1 << 62)) - 1
        last = bisect.bisect_right(batches, (max(rowids), 1 << 62)) - 1
        while first and batches[first - 1][0] == batches[first][0]:
            first -= 1  # batches without rows of their own
        return batches[first][1], batches[last][1]

    def rowids(self, leaf: int) -> Iterator[int]:
        """Row ids on a table leaf page.  Source: https://www.sqlite.org/fileformat2.html#b_tree_pages."""
        for start in self.cells(leaf):
            _, at = varint(self._raw, start)
            yield varint(self._raw, at)[0]

    def cells(self, leaf: int) -> Iterator[int]:
        """File offsets of the cells of a table leaf page."""
        page = (leaf - 1) * PAGE_BYTES
        count = int.from_bytes(self._raw[page + 3 : page + 5], "big")
        for number in range(count):
            at = page + 8 + 2 * number
            yield page + int.from_bytes(self._raw[at : at + 2], "big")

    def cell_bytes(self, leaf: int, number: int) -> list[int]:
        """File offsets of the stored bytes of one row's columns: its row id (the cell's, which is `seq`) and values.

        Not among them: the cell's length and the record header; SQLite ignores the header's word on the row id.
        """
        start = list(self.cells(leaf))[number]
        length, key = varint(self._raw, start)
        _, at = varint(self._raw, key)
        header, _ = varint(self._raw, at)
        local = self._local(length)
        offsets = [*range(key, at), *range(at + header, at + local)]
        following = at + local
        left = length - local
        while left:
            page = int.from_bytes(self._raw[following : following + 4], "big")
            offsets.extend(range(following, following + 4))
            following = (page - 1) * PAGE_BYTES
            here = min(left, PAGE_BYTES - 4)
            offsets.extend(range(following + 4, following + 4 + here))
            left -= here
        return offsets

    @staticmethod
    def _local(length: int) -> int:
        """How much of a payload stands in the cell itself (fileformat2.html, "Cell Payload Overflow Pages")."""
        most, least = PAGE_BYTES - 35, (PAGE_BYTES - 12) * 32 // 255 - 23
        if length <= most:
            return length
        kept = least + (length - least) % (PAGE_BYTES - 4)
        return kept if kept <= most else least


def varint(raw: bytes, at: int) -> tuple[int, int]:
    """The value of the varint at this offset, and the offset behind it."""
    value = 0
    for number in range(9):
        byte = raw[at + number]
        if number == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + number + 1
    raise ValueError("no varint")
