"""Proves a ledger, or says where it is not what was committed; needs the enrolment public key only.

The chain from the first record to the head, every signature, the columns against the bodies, the stored events
against their batches' digests, what was forgotten against the records that say so, and every other table against
what the ledger makes of it.  A cut tail or a rolled back file shows only against a copy of the head held
elsewhere: the report gives head, the last checkpoint and how many records stand behind it.
"""

from __future__ import annotations

import importlib
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from sentinair.store.access import LEDGER, open_as_reader
from sentinair.store.chain import EMPTY, Head
from sentinair.store.keys import ENROLMENT_FILE
from sentinair.store.seals import read_enrolment
from sentinair.store.verify.plan import Finding, Plan, make_plan
from sentinair.store.verify.seals import Seals
from sentinair.store.verify.span import Span
from sentinair.store.verify.tasks import Performer, perform_all, tasks_for
from sentinair.store.verify.whole import Sums, judge

__all__ = ["Finding", "Report", "check", "verify"]

Progress = Callable[[int, int], None]
"""Told records read so far, and records in all."""

_PARALLEL_RECORDS: Final = 50_000  # fewer are read sooner than a second process starts


class Report(msgspec.Struct, frozen=True):
    """What verifying found."""

    path: str
    head: Head  # where the ledger ends
    chain: str  # chain id at the head; "" if none
    chains: tuple[
        tuple[int, str, str], ...
    ]  # first record, id, enrolment public key (hex) of each chain
    events: int  # rows proved
    checkpoint_seq: int | None  # the last good checkpoint; None: none
    checkpoint_time_ns: int | None  # wall clock
    unsigned: int  # records behind the last good signature
    findings: tuple[Finding, ...]  # empty: all is as committed

    @property
    def ok(self) -> bool:
        return not self.findings

    @property
    def first_bad(self) -> int | None:
        """The lowest record at which something is wrong; None: none, or only in other tables."""
        return min((f.seq for f in self.findings if f.seq is not None), default=None)

    @property
    def exit_status(self) -> int:
        """0 fine, 1 findings."""
        return 0 if self.ok else 1


def verify(
    path: Path,
    public_key: Path | None = None,
    *,
    progress: Progress | None = None,
    processes: int = 2,
) -> Report:
    """Verify a state directory or a ledger file.

    public_key: enrolment.pub; None: the one beside the ledger (`keys/enrolment.pub`), which whoever can change the
    ledger can change too: a copy held elsewhere proves more.
    processes: 1 reads in this process only.  Reads one snapshot; the engine may go on writing meanwhile.
    Raises StorageFault (no ledger, no key, cannot be opened), PermissionFault, DataFault (the key file is none).
    """
    database = path / LEDGER if path.is_dir() else path
    anchors = read_enrolment(public_key or database.parent / "keys" / ENROLMENT_FILE)
    with closing(open_as_reader(database)) as connection:
        connection.execute("BEGIN")
        if processes > 1 and _records(connection) >= _PARALLEL_RECORDS:
            # Imported when it is used only: the engine verifies too, and never needs a second process.
            helper = importlib.import_module("sentinair.store.verify.helper")
            with helper.started(database, connection) as run:
                return _report(connection, str(database), anchors, run, progress)
        return _report(connection, str(database), anchors, perform_all, progress)


def check(connection: sqlite3.Connection, anchors: Mapping[bytes, str]) -> Report:
    """Verify an open database in this process.  anchors: enrolment public keys that are trusted."""
    return _report(connection, "", anchors, perform_all, None)


def _records(connection: sqlite3.Connection) -> int:
    try:
        (last,) = connection.execute("SELECT coalesce(max(seq), 0) FROM ledger").fetchone()
        return int(last)
    except (sqlite3.Error, ValueError):
        return 0


def _report(
    connection: sqlite3.Connection,
    path: str,
    anchors: Mapping[bytes, str],
    run: Performer,
    progress: Progress | None,
) -> Report:
    try:
        plan = make_plan(connection)
    except (sqlite3.Error, TypeError, ValueError) as fault:
        unread = Finding("file", f"the ledger cannot be read: {fault}")
        return Report(path, EMPTY, "", (), 0, None, None, 0, (unread,))
    read = 0

    def told(count: int) -> None:
        nonlocal read
        read += count
        if progress is not None:
            progress(read, plan.head.seq)

    results = run(connection, plan, tasks_for(plan), told)
    spans = sorted((done.span for done in results if done.span), key=lambda span: span.first)
    sums = {stream: sum_ for done in results for stream, sum_ in done.sums.items()}
    files = next((done.files for done in results if done.files is not None), None)
    seals, whole = judge(connection, plan, spans, Sums(sums, files), anchors)
    findings = [*plan.findings, *(f for done in results for f in done.findings)]
    findings += [f for span in spans for f in span.findings] + whole
    return _made(path, plan, seals, spans, findings)


def _made(
    path: str, plan: Plan, seals: Seals, spans: Sequence[Span], findings: Sequence[Finding]
) -> Report:
    ordered = sorted(findings, key=lambda f: (f.seq is None, f.seq or 0))
    return Report(
        path=path,
        head=plan.head,
        chain=plan.chain_at(plan.head.seq),
        chains=tuple(seals.chains),
        events=sum(span.batches.events for span in spans),
        checkpoint_seq=seals.checkpoint_seq,
        checkpoint_time_ns=seals.checkpoint_time_ns,
        unsigned=plan.head.seq - seals.sealed,
        findings=tuple(dict.fromkeys(ordered)),
    )
