"""What encoding costs: records a second of each registered codec, beside msgspec's own JSON of the same entries.

    python -m tests.bench.bench_codecs [COUNT]

Prints one JSON object.  A second is one of processor time, and each figure the best of twenty runs, so that other
load on the machine counts as little as it can.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from configparser import ConfigParser
from itertools import cycle, islice

import msgspec

from sentinair.model.entry import Entry
from sentinair.model.ports import Codec
from tests.bench.figures import ROOT, Figures, commit, machine
from tests.harness.hostile import hostile_entries
from tests.harness.usual_entries import alert_entry, event_entry

RUNS = 20


def _rate(call: Callable[[Entry], object], entries: Sequence[Entry]) -> int:
    best = float("inf")
    for _ in range(RUNS):
        began = time.process_time()
        for entry in entries:
            call(entry)
        best = min(best, time.process_time() - began)
    return round(len(entries) / best)


def _codecs() -> dict[str, Codec]:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    found: dict[str, Codec] = {}
    for line in config["options.entry_points"]["sentinair.codecs"].strip().splitlines():
        name, _, place = (part.strip() for part in line.partition("="))
        module, _, made = place.partition(":")
        if ROOT.joinpath(*module.split(".")).with_suffix(".py").exists():
            found[name] = getattr(importlib.import_module(module), made)()
    return found


def _safe(entries: Sequence[Entry], limit: Callable[[Entry], object]) -> list[Entry]:
    """Those that msgspec can write at all: the others have no figure to stand beside."""
    kept = []
    for entry in entries:
        try:
            limit(entry)
        except (UnicodeEncodeError, OverflowError):
            continue
        kept.append(entry)
    return kept


def measure(count: int) -> Figures:
    """Records a second by kind of entry; ratio: to msgspec's JSON of the same entries."""
    limit = msgspec.json.Encoder().encode
    hostile = _safe(list(hostile_entries(1_000)), limit)
    kinds = {
        "alerts": [alert_entry(number) for number in range(count)],
        "events": [event_entry(number) for number in range(count)],
        "hostile": list(islice(cycle(hostile), min(count, 500))),
    }
    figures: Figures = {"count": count}
    for kind, entries in kinds.items():
        limit_rate = _rate(limit, entries)
        figures[f"msgspec_{kind}_per_s"] = limit_rate
        for name, codec in _codecs().items():
            rate = _rate(codec.encode, entries)
            figures[f"{name}_{kind}_per_s"] = rate
            figures[f"{name}_{kind}_ratio"] = round(rate / limit_rate, 3)
    return figures | {"machine": machine(), "commit": commit()}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    print(json.dumps(measure(count), indent=1))


if __name__ == "__main__":
    main()
