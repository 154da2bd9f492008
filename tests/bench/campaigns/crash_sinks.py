"""D3 of the other ways out: the forwarder killed within a shared database, its copy for a share, syslog and an export.

After each death the next life goes on: every record has its row or has come to the receiver, at least once, in order and
as it was recorded; no cursor is ahead; a consumer's marks stay; a copy on a share opens whenever one looks; and no
temporary file stays.
"""

from __future__ import annotations

import time
from collections import Counter

from tests.bench.bed import Promises, workplace
from tests.bench.figures import Figures, spread
from tests.harness.sink_deaths import deaths_of
from tests.harness.sink_points import POINTS

SIZES = {"small": (3, 1), "full": (1, 10)}  # of the points each so-manieth, and deaths at each


def run(size: str) -> Figures:
    """All points, each on a ledger of its own."""
    step, times = SIZES[size]
    points = list(POINTS)[::step]
    promises = Promises()
    deaths: Counter[str] = Counter()
    sides: Counter[str] = Counter()
    took: list[float] = []
    began = time.monotonic()
    for name in points:
        with workplace() as folder, deaths_of(folder, name) as dying:
            for number in range(times):
                since = time.monotonic()
                deaths[name] += dying.die(number)
                took.append(time.monotonic() - since)
            dying.verify()
            for fault in dying.faults:
                promises.keep(held=False, sentence=f"{name}: {fault}")
        sides[POINTS[name].side] += deaths[name]
    promises.keep(
        all(deaths[name] == times for name in points),
        f"dies at each point: not at {[name for name in points if deaths[name] < times]}",
    )
    return promises.onto(
        {
            "points": len(points),
            "deaths": sides.total(),
            "deaths_within": dict(sides),
            "recovery_secs": spread(took, 2),
            "secs": round(time.monotonic() - began),
        }
    )
