"""What the store writes a second beside the bare sqlite3 limit for the same rows, and how long a page takes."""

from __future__ import annotations

from tests.bench.bed import Promises
from tests.bench.bench_store import pages, write
from tests.bench.figures import Figures

SIZES = {  # event rows and alert rows to write; the same to read pages of
    "small": (20_000, 2_000, 20_000, 2_000),
    "full": (100_000, 20_000, 1_000_000, 1_000_000),
}


def run(size: str) -> Figures:
    """Figures only: what the store holds is proved by its own tests."""
    write_events, write_alerts, page_events, page_alerts = SIZES[size]
    return Promises().onto(
        {
            "write": write(write_events, write_alerts),
            "pages": pages(page_events, page_alerts),
            "limits": {"share_of_bare": 0.6, "page_ms": 5.0},
        }
    )
