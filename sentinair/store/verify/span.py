"""One span of the ledger, read once from its first record to its last: links, columns, event batches.

A span begins at the stored link of the record before it.  Spans that abut prove the whole, whoever read them.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from typing import Final

import msgspec

from sentinair.store.alerts import Shelf
from sentinair.store.chain import GENESIS, KEPT, prefix_of
from sentinair.store.sinks import KINDS as SINK_KINDS
from sentinair.store.verify.batches import Batches, BatchSum
from sentinair.store.verify.plan import UNDECODABLE, Body, Finding, Kept, Plan
from sentinair.store.verify.seals import signer_of

__all__ = ["Span", "scan"]

MAX_FINDINGS: Final = (
    50  # of one span: one bad record is enough to fail, more help to see what happened
)
_RECORDS: Final = (
    "SELECT seq, kind, time, boot, mono, salt, body, leaf, link FROM ledger"
    " WHERE seq BETWEEN ? AND ? ORDER BY seq"
)
_JUDGED: Final = ("epoch", "checkpoint", "retention", "gap", "gap.restored", *SINK_KINDS)
_SIGNED: Final = ("epoch", "checkpoint")
_ALERTS: Final = "alert."


class Span(msgspec.Struct):
    """What one span says.  Lists ascend by seq."""

    first: int
    last: int
    count: int = 0
    findings: list[Finding] = msgspec.field(default_factory=list)
    kept: list[Kept] = msgspec.field(default_factory=list)
    erased: list[tuple[int, int]] = msgspec.field(default_factory=list)  # runs of seq without body
    alerts: dict[str, int] = msgspec.field(
        default_factory=dict
    )  # id -> seq of its last record here
    shelves: list[Shelf] = msgspec.field(default_factory=list)  # in the order of first use here
    batches: BatchSum = msgspec.field(default_factory=BatchSum)


class _Alert(msgspec.Struct):
    id: str
    severity: str
    status: str
    category: str
    source: str


class _AlertRecord(msgspec.Struct):
    alert: _Alert


_alert = msgspec.json.Decoder(Body[_AlertRecord]).decode


def scan(
    connection: sqlite3.Connection,
    plan: Plan,
    first: int,
    last: int,
    progress: Callable[[int], None],
) -> Span:
    """Read records first..last.  progress is told at the end how many were read.

    A file that cannot be read further becomes a finding, and the span ends there.
    """
    scanner = _Scanner(connection, plan, first, last)
    scanner.run()
    progress(scanner.span.count)
    return scanner.span


class _Scanner:
    def __init__(self, connection: sqlite3.Connection, plan: Plan, first: int, last: int) -> None:
        self.span = Span(first, last)
        self._connection = connection
        self._plan = plan
        self._shelves: set[Shelf] = set()
        self._batches = Batches(connection, plan, self.find)
        self.span.batches = self._batches.sum

    def find(self, seq: int, what: str) -> None:
        if len(self.span.findings) < MAX_FINDINGS:
            self.span.findings.append(Finding(f"record {seq}", what, seq))

    def run(self) -> None:
        span = self.span
        self._expected = span.first
        try:
            self._read()
        except sqlite3.Error as fault:
            self.find(self._expected, f"from here on nothing can be read: {fault}")
        else:
            if self._expected <= span.last:
                self.find(self._expected, "is missing")
        span.count = self._expected - span.first

    def _read(self) -> None:
        """The hot loop: some microseconds a record."""
        span, find, take = self.span, self.find, self._batches.take
        sha256, begins = hashlib.sha256, dict(self._plan.chains)
        new_leaf = sha256(b"\x00").copy
        chain, link, expected = self._plan.chain_at(span.first), self._link_before(), span.first
        rows = self._connection.execute(_RECORDS, (span.first, span.last))
        try:
            for seq, kind, time, boot, mono, salt, body, leaf, stored in rows:
                if seq != expected:
                    find(expected, f"is missing: {seq} follows")
                    expected = seq
                if seq in begins:
                    chain = begins[seq]
                try:
                    if body is None and salt is None:
                        self._erased(seq, kind)
                    else:
                        if not body.startswith(prefix_of(chain, seq, kind, time, boot, mono)):
                            find(seq, "its columns or its chain are not what its body says")
                        hashed = new_leaf()
                        hashed.update(salt)
                        hashed.update(body)
                        if hashed.digest() != leaf:
                            find(seq, "its body is not what was hashed")
                        if kind == "events.batch":
                            take(seq, body)
                        else:
                            self._keep(seq, kind, time, chain, link, leaf, body)
                    if sha256(b"\x01" + link + leaf).digest() != stored:
                        find(seq, "does not follow its predecessor")
                except (TypeError, AttributeError):  # text or a number where bytes belong
                    find(seq, "a column has a wrong type")
                link = stored if type(stored) is bytes else GENESIS
                expected += 1
        finally:
            self._expected = expected

    def _link_before(self) -> bytes:
        if self.span.first == 1:
            return GENESIS
        row = self._connection.execute(
            "SELECT link FROM ledger WHERE seq = ?", (self.span.first - 1,)
        ).fetchone()
        return row[0] if row is not None and type(row[0]) is bytes else GENESIS

    def _erased(self, seq: int, kind: str) -> None:
        if kind in KEPT:
            self.find(seq, f"a {kind} record is never erased")
        if kind == "events.batch":
            self._batches.skip()
        runs = self.span.erased
        if runs and runs[-1][1] == seq - 1:
            runs[-1] = (runs[-1][0], seq)
        else:
            runs.append((seq, seq))

    def _keep(
        self, seq: int, kind: str, time: int, chain: str, link: bytes, leaf: bytes, body: bytes
    ) -> None:
        if kind.startswith(_ALERTS):
            try:
                alert = _alert(body).data.alert
                self.span.alerts[alert.id] = seq
                shelf = (alert.severity, alert.status, alert.category, alert.source)
                if shelf not in self._shelves:
                    self._shelves.add(shelf)
                    self.span.shelves.append(shelf)
            except UNDECODABLE as fault:
                self.find(seq, f"is no alert record: {fault}")
        elif kind in _JUDGED:
            record = Kept(seq, kind, time, chain, link, leaf, body)
            if kind == "checkpoint" and self._plan.is_covered(seq):
                record = msgspec.structs.replace(record, covered=True)
            elif kind in _SIGNED:  # here, where it is done in parallel
                record = msgspec.structs.replace(record, signer=signer_of(self._plan, record))
            self.span.kept.append(record)
