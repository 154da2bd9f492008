"""Every bit of bytes from all kinds of pages of a ledger: a flip is told, or changes nothing anybody reads."""

from __future__ import annotations

from tests.bench.bed import Promises
from tests.bench.bitflips import FULL_BYTES, measure
from tests.bench.figures import Figures
from tests.harness.flips import PAGE_BYTES

SIZES = {
    "small": (256, 60, 1),
    "full": (FULL_BYTES, 1_000, 8),
}  # bytes, rows in each table, ledger rows


def run(size: str) -> Figures:
    promises = Promises()
    spread, rows, secs = measure(*SIZES[size])
    promises.keep(not spread.missed, f"{len(spread.missed)} flips nobody could tell")
    promises.keep(
        not rows.missed, f"{len(rows.missed)} flips in ledger rows that verify did not find"
    )
    return promises.onto(
        {
            "flips": spread.flips,
            "told": dict(spread.told),
            "missed": len(spread.missed),
            "missed_at": [
                f"{one.kind}, byte {one.offset % PAGE_BYTES}, bit {one.bit}"
                for one in spread.missed[:50]
            ],
            "ledger_row_flips": rows.flips,
            "ledger_row_missed": len(rows.missed),
            "secs": round(secs),
        }
    )
