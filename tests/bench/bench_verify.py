"""How long `verify` takes for a ledger of N records: `python -m tests.bench.bench_verify RECORDS [DIRECTORY]`.

The mix, of 100 commits: 100 event batches of 1 or 2 events (half files, half execs), 1 alert raised, 2 updated,
3 heartbeats; checkpoints and key changes as they fall due (five commits a second
of ledger time, so a million records are two and a half days); 20,000 file names.
With DIRECTORY the ledger is kept there and used again.
"""

from __future__ import annotations

import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

from sentinair.store.verify.report import verify
from tests.harness.ledgers import LedgerMaker

__all__ = ["main", "make", "measure"]

COMMIT_NS = 200_000_000


def make(state: Path, records: int) -> None:
    """A ledger of at least so many records."""
    maker = LedgerMaker(state)
    maker.unsafe_but_fast()
    maker.commit(maker.file_events(5_000))
    number = 0
    while maker.store.head.seq < records:
        number += 1
        count = 1 + number % 2
        events = maker.file_events(count) if number % 4 < 2 else maker.process_events(count)
        alerts = maker.raised(1) if number % 100 == 0 else []
        if number % 50 == 0:
            alerts = alerts + maker.updated(1)
        heartbeat = [maker.heartbeat()] if number % 33 == 0 else []
        maker.commit(events, alerts, heartbeat, forward_ns=COMMIT_NS)
    maker.close()


def measure(state: Path, processes: int) -> dict[str, object]:
    """One verify: what was read and what it took."""
    began, used = time.perf_counter(), _cpu()
    report = verify(state, processes=processes)
    took, cpu = time.perf_counter() - began, _cpu() - used
    return {
        "processes": processes,
        "records": report.head.seq,
        "events": report.events,
        "mib": (state / "ledger.db").stat().st_size >> 20,
        "secs": round(took, 2),
        "cpu_secs": round(cpu, 2),
        "findings": len(report.findings),
    }


def main(arguments: list[str]) -> int:
    records = int(arguments[0])
    kept = Path(arguments[1]) if len(arguments) > 1 else None
    root = kept or Path(tempfile.mkdtemp(prefix="sentinair-verify-"))
    try:
        state = root / "state"
        if not (state / "ledger.db").exists():
            make(state, records)
        told = [measure(state, processes) for processes in (2, 1)]
        for figures in told:
            print("verify: " + ", ".join(f"{name} {value}" for name, value in figures.items()))
        return int(any(figures["findings"] for figures in told))
    finally:
        if kept is None:
            shutil.rmtree(root)


def _cpu() -> float:
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, both))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
