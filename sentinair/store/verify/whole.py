"""From what the spans say to a judgement of the whole: seals, what was forgotten, and the tables beside the ledger."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from sentinair.store.alerts import Shelf
from sentinair.store.chain import columns_digest
from sentinair.store.payload import LaneData
from sentinair.store.verify import tables
from sentinair.store.verify.batches import Gone
from sentinair.store.verify.plan import UNDECODABLE, Finding, Forgotten, Plan
from sentinair.store.verify.seals import Seals, check_seals
from sentinair.store.verify.sinks import check_letters, check_sinks
from sentinair.store.verify.span import Span

__all__ = ["Sums", "judge"]

FindAt = Callable[[int, str], None]


class Sums(msgspec.Struct, frozen=True):
    """What tables other than the ledger add up to, as they are."""

    streams: Mapping[int, tuple[int, int]]  # rows and bytes of each stream
    files: bytes | None  # tables.sum_of_files(); None: they could not be read


def judge(
    connection: sqlite3.Connection,
    plan: Plan,
    spans: Sequence[Span],
    sums: Sums,
    anchors: Mapping[bytes, str],
) -> tuple[Seals, list[Finding]]:
    """What no span can say alone.

    spans: abutting, ascending, over the whole ledger.  anchors: enrolment public keys that are trusted.
    """
    findings: list[Finding] = []

    def find_at(seq: int, what: str) -> None:
        findings.append(Finding(f"record {seq}", what, seq))

    kept = [record for span in spans for record in span.kept]
    seals = check_seals(kept, anchors, find_at)
    if plan.head.seq and plan.chain_at(1) == "":
        find_at(1, "no chain begins with it")
    seen = [record.seq for record in kept if record.kind == "retention"]
    if seen != [item.seq for item in plan.forgotten]:
        findings.append(
            Finding("table ledger", "its index on kind does not know all retention records")
        )
    _check_continuity(spans, find_at)
    _check_forgotten(plan, spans, find_at)
    _check_erased(connection, plan, spans, find_at, findings)
    gaps = (record for record in kept if record.kind.startswith("gap"))
    table = _reporter(findings)
    table("gaps", lambda find: tables.check_gaps(connection, gaps, find))
    told = [record for record in kept if record.kind.startswith("sink.")]
    table("letters", lambda find: check_letters(connection, told, find))
    table("sinks", lambda find: check_sinks(connection, told, plan.head.seq, find))
    _check_events(connection, spans, sums, table)
    alerts = {key: seq for span in spans for key, seq in span.alerts.items()}
    shelves = _shelves(plan, spans)
    table("alerts", lambda find: tables.check_alerts(connection, alerts, shelves, find))
    return seals, findings


Reporter = Callable[[str, Callable[[tables.Find], None]], None]


def _reporter(findings: list[Finding]) -> Reporter:
    """Runs one check of one table; what cannot be read or decoded is a finding of that table."""

    def run(table: str, check: Callable[[tables.Find], None]) -> None:
        found: list[str] = []
        try:
            check(found.append)
        except (*UNDECODABLE, sqlite3.Error, TypeError) as fault:
            found.append(f"cannot be read: {fault}")
        findings.extend(Finding(f"table {table}", what) for what in found[: tables.MAX_LINES])

    return run


def _check_events(
    connection: sqlite3.Connection,
    spans: Sequence[Span],
    summed: Sums,
    table: Reporter,
) -> None:
    sums = [span.batches for span in spans]
    events, processes = sum(s.events for s in sums), sum(s.processes for s in sums)
    table("events", lambda find: tables.check_rows(connection, "events", events, find))
    table("processes", lambda find: tables.check_rows(connection, "processes", processes, find))
    streams = [stream for s in sums for stream in s.streams]
    table("streams", lambda find: tables.check_streams(connection, streams, summed.streams, find))
    lanes: dict[int, LaneData] = {}
    for one in sums:
        lanes.update(one.lanes)
    table("lanes", lambda find: tables.check_lanes(connection, lanes, find))
    digest = next((s.files for s in reversed(sums) if s.files is not None), None)
    found = summed.files
    if found is not None:
        table("files", lambda find: tables.check_files(connection, found, digest, find))


def _check_continuity(spans: Sequence[Span], find_at: FindAt) -> None:
    """The batches of one span go on where those of the span before ended; the first begins with event 1."""
    following = 1
    for span in spans:
        batches = span.batches
        if batches.first_event is None or batches.next_event is None:
            continue
        if batches.first_event != following:
            find_at(
                span.first,
                f"event batches from here begin with {batches.first_event}, not {following}",
            )
        following = batches.next_event


def _check_forgotten(plan: Plan, spans: Iterable[Span], find_at: FindAt) -> None:
    """What each retention record says it deleted is what the batch records it covers had said."""
    gone: dict[int, Gone] = {}
    for span in spans:
        for seq, part in span.batches.gone.items():
            before = gone.get(seq)
            if before is None:
                gone[seq] = part
            else:
                gone[seq] = Gone(
                    before.first,
                    part.last,
                    before.count + part.count,
                    before.digests + part.digests,
                )
    upto = 0
    for item in plan.forgotten:
        data = item.data
        if data.events is None or data.upto is None:
            continue
        if not upto < data.upto < item.seq:
            find_at(item.seq, f"says batches up to record {data.upto} are gone, after {upto}")
        upto = data.upto
        found = gone.get(item.seq)
        said = (*data.events, data.count, data.digest)
        if found is None or said != _told(found):
            find_at(item.seq, "what it says was deleted is not what had been committed")


def _told(gone: Gone) -> tuple[int, int, int, str]:
    return gone.first, gone.last, gone.count, hashlib.sha256(gone.digests).hexdigest()


def _check_erased(
    connection: sqlite3.Connection,
    plan: Plan,
    spans: Iterable[Span],
    find_at: FindAt,
    findings: list[Finding],
) -> None:
    """Records without body are exactly those that retention records name, with the columns they had."""
    said = _merged([r for item in plan.forgotten for r in item.data.records])
    erased = _merged([run for span in spans for run in span.erased])
    for first, last in sorted(set(said) ^ set(erased))[:5]:
        told = "has a body" if (first, last) in said else "has no body"
        other = "retention erased it" if (first, last) in said else "no retention record says so"
        find_at(first, f"(to {last}) {told} though {other}")
    for item in plan.forgotten:
        if not item.data.records:
            continue
        try:
            digest = columns_digest(_columns(connection, item)).hex()
        except (sqlite3.Error, OverflowError) as fault:
            findings.append(Finding("table ledger", f"erased records cannot be read: {fault}"))
            continue
        if digest != item.data.columns:
            first = item.data.records[0][0]
            find_at(first, f"erased by record {item.seq}: the columns are not those it had")


def _columns(
    connection: sqlite3.Connection, item: Forgotten
) -> Iterable[tuple[int, str, int, str, int]]:
    for first, last in item.data.records:
        yield from connection.execute(
            "SELECT seq, kind, time, boot, mono FROM ledger WHERE seq BETWEEN ? AND ? ORDER BY seq",
            (first, min(last, item.seq)),
        )


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges in order, those that touch joined."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _shelves(plan: Plan, spans: Iterable[Span]) -> dict[Shelf, int]:
    """Shelves by id: as the last retention record tells them, then in the order of first use."""
    restated = [item.data.shelves for item in plan.forgotten if item.data.shelves]
    shelves: dict[Shelf, int] = {}
    for shelf in restated[-1] if restated else ():
        shelves[shelf.severity, shelf.status, shelf.category, shelf.source] = shelf.id
    for used in (shelf for span in spans for shelf in span.shelves):
        shelves.setdefault(used, len(shelves) + 1)
    return shelves
