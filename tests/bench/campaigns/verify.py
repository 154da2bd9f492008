"""How long proving a whole ledger takes, and that an honest one is proved."""

from __future__ import annotations

from tests.bench.bed import Promises, workplace
from tests.bench.bench_verify import make, measure
from tests.bench.figures import Figures

SIZES = {"small": 20_000, "full": 1_000_000}  # records


def run(size: str) -> Figures:
    promises = Promises()
    with workplace() as folder:
        make(folder / "state", SIZES[size])
        told = [measure(folder / "state", processes) for processes in (2, 1, 2)]
    promises.keep(not any(one["findings"] for one in told), "an honest ledger verifies")
    return promises.onto({"runs": told})
