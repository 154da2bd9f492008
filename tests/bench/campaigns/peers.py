"""The same loads before the usual libraries: what share of them a program built on those would have seen."""

from __future__ import annotations

from tests.bench.bed import Promises, workplace
from tests.bench.figures import Figures
from tests.bench.generators import file_burst, true_storm
from tests.bench.probes import peer

SIZES = {
    "small": (2_500, 100, 1_000),
    "full": (25_000, 1_000, 10_000),
}  # files, directories, processes


def run(size: str) -> Figures:
    """Nothing is promised for others: figures only."""
    files, dirs, processes = SIZES[size]
    with workplace() as folder:
        root = folder / "tree"
        file_burst("prepare", root, files, dirs)
        with peer("watchdog", str(root)) as watchdog:
            burst = file_burst("churn", root, files, dirs)
    with peer("psutil", "peer") as polling:
        storm = true_storm(processes, prefix="peer")
    return Promises().onto(
        {
            "watchdog": {
                "delivered_share": round(watchdog.taken.distinct / burst.operations, 4),
                "cpu_secs": watchdog.taken.cpu_secs,
            },
            "psutil_each_second": {
                "named_share": round(polling.taken.distinct / storm.processes, 4),
                "cpu_secs": polling.taken.cpu_secs,
            },
        }
    )
