"""Flips every bit of N bytes spread over all kinds of pages of a ledger: `python -m tests.bench.bitflips [BYTES]`.

The ledger has 1,000 rows or more in every table (but `meta` and the search index's own settings, which have one),
overflow and free pages, and a past that retention took.  Then every bit of all stored bytes of some ledger rows,
which verify alone must find.  Prints one summary line; exit status 1 if a flip was missed.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import msgspec

from sentinair.model.alert import AlertChange
from sentinair.model.event import CREATE, FileEvent
from tests.harness.flips import Flipper, Tally, page_kinds, sample
from tests.harness.ledgers import DAY_NS, LedgerMaker

__all__ = ["flip_ledger_rows", "flip_sample", "main", "make_rich", "measure"]

FULL_BYTES = 65_536
CHUNK_BYTES = 32


def make_rich(state: Path, rows: int = 1_000) -> None:
    """A ledger with at least `rows` rows in every table and every kind of page."""
    maker = LedgerMaker(state, files=3 * rows, writers=20 * rows)
    maker.unsafe_but_fast()
    maker.mixed(rows // 4)
    maker.commit(alerts=maker.resolved(rows // 50))
    maker.forget(after_ns=3 * DAY_NS)
    for start in range(0, rows, 10):  # ten of everything a commit: the file stays small
        ten = range(start, start + 10)
        alerts = [change for number in ten for change in maker.raised(1, [f"category-{number}"])]
        events = [
            e
            for number in ten
            for e in maker.file_events(1, source=f"probe-{number}", run=number + 2)
        ]
        maker.commit(
            events, alerts, [r for number in ten for r in maker.gap(restored=number % 3 == 0)]
        )
    maker.commit(forward_ns=2 * DAY_NS)
    for number in range(rows // 25):
        _large(maker, number)
    for _ in range(rows // 5):
        maker.commit(
            [e for _ in range(6) for e in maker.file_events(1)], records=[maker.heartbeat()]
        )
    maker.mixed(50)
    maker.commit(alerts=maker.resolved(rows // 40))
    maker.forget(after_ns=0)  # leaves free pages
    maker.close()


def _large(maker: LedgerMaker, number: int) -> None:
    """A path, an event and an alert that need overflow pages."""
    pending = maker.file_events(1)[0]
    event = pending.event
    assert isinstance(event, FileEvent)
    path = b"/srv/" + b"/".join([b"%060d" % number] * 50) + b"/x"
    event = msgspec.structs.replace(event, path=path, old_path=path[:-1] + b"y", actions=CREATE)
    alert = maker.alert("large")
    alert = msgspec.structs.replace(alert, details={"text": f"{number} " * 3000})
    maker.commit(
        [msgspec.structs.replace(pending, event=event)], [AlertChange("alert.raised", alert)]
    )


def flip_sample(state: Path, size: int, work: Path, processes: int = 2) -> Tally:
    """Every bit of `size` bytes of state's ledger."""
    offsets = sample(page_kinds(state / "ledger.db"), size)
    chunks = [offsets[at : at + CHUNK_BYTES] for at in range(0, len(offsets), CHUNK_BYTES)]
    return _spread(state, work, [(chunk, False) for chunk in chunks], processes)


def flip_ledger_rows(state: Path, work: Path, rows: int = 8, processes: int = 2) -> Tally:
    """Every bit of all stored bytes of some rows of `ledger`: short, long, erased, signed; verify alone must tell."""
    flipper = Flipper(state, work)
    try:
        seqs = _chosen(state, rows)
        chunks = []
        for page, kind in flipper.kinds.items():
            if kind != "ledger leaf":
                continue
            for number, seq in enumerate(flipper.places.rowids(page)):
                if seq in seqs:
                    offsets = flipper.places.cell_bytes(page, number)
                    chunks += [
                        (offsets[at : at + CHUNK_BYTES], True)
                        for at in range(0, len(offsets), CHUNK_BYTES)
                    ]
    finally:
        flipper.close()
    return _spread(state, work, chunks, processes)


def _chosen(state: Path, rows: int) -> set[int]:
    """Rows of as many kinds as there are, one of them erased, one with overflow pages."""
    with closing(sqlite3.connect(f"file:{state}/ledger.db?immutable=1", uri=True)) as connection:
        queries = (
            "SELECT min(seq) FROM ledger WHERE kind = 'heartbeat'",
            "SELECT max(seq) FROM ledger WHERE body IS NULL",
            "SELECT seq FROM ledger WHERE length(body) > 5000 ORDER BY length(body) LIMIT 1",
            "SELECT min(seq) FROM ledger WHERE body IS NOT NULL GROUP BY kind ORDER BY kind",
        )
        found = [seq for query in queries for (seq,) in connection.execute(query) if seq]
    return set(found[:rows])


def _spread(state: Path, work: Path, chunks: list[tuple[list[int], bool]], processes: int) -> Tally:
    tally = Tally()
    if processes == 1:
        tally.add(_flip(state, work, chunks))
        return tally
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(processes, mp_context=context) as pool:
        parts = [chunks[at::16] for at in range(16)]
        for part in pool.map(_flip, [state] * 16, [work] * 16, parts):
            tally.add(part)
    return tally


def _flip(state: Path, work: Path, chunks: list[tuple[list[int], bool]]) -> Tally:
    flipper = Flipper(state, work)
    tally = Tally()
    try:
        for offsets, by_verify in chunks:
            tally.add(flipper.run(offsets, by_verify=by_verify))
    finally:
        flipper.close()
    return tally


def measure(size: int, rows: int = 1_000, ledger_rows: int = 8) -> tuple[Tally, Tally, float]:
    """Flips over all kinds of pages, flips in ledger rows, and the seconds both took."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    work = Path(tempfile.mkdtemp(prefix="sentinair-flips-", dir=memory))
    began = time.perf_counter()
    try:
        state = work / "state"
        make_rich(state, rows)
        spread = flip_sample(state, size, work)
        columns = flip_ledger_rows(state, work, ledger_rows)
        return spread, columns, time.perf_counter() - began
    finally:
        shutil.rmtree(work)


def main(arguments: list[str]) -> int:
    size = int(arguments[0]) if arguments else FULL_BYTES
    spread, rows, took = measure(size)
    for missed in (*spread.missed[:20], *rows.missed[:20]):
        print(f"missed: byte {missed.offset} bit {missed.bit} in {missed.kind}")
    ways = ", ".join(f"{count} {way}" for way, count in spread.told.most_common())
    print(
        f"bitflips: {spread.flips} flips in {size} bytes: {ways}, {len(spread.missed)} missed; "
        f"{rows.flips} flips in ledger rows: {len(rows.missed)} missed; {took:.0f} s"
    )
    return 1 if spread.missed or rows.missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
