"""What encoding costs: records a second of each registered codec, beside msgspec's own JSON of the same entries.

    python -m tests.bench.bench_codecs [COUNT]

Prints one JSON object.  A second is one of processor time, and each figure the best of some twenty runs, in which all take
turns, three at a time: so other load on the machine counts as little as it can, and hits all alike.

Limits, of the same entries: msgspec, each made into bytes of its own, as a codec must; msgspec_streamed, each written
with a line feed into the same buffer of 64 KiB, over and over.

alerts and events have each field there is, but share most texts; rule_alerts are those of the shipped rules, with no
text in common, as many as a sink takes at once; of hostile ones each text is made to break something.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from configparser import ConfigParser
from itertools import cycle, islice

import msgspec

from sentinair.model.entry import Entry
from sentinair.model.ports import Codec
from tests.bench.figures import ROOT, Figures, commit, machine
from tests.bench.rule_alerts import rule_alerts
from tests.harness.hostile import hostile_entries
from tests.harness.usual_entries import alert_entry, event_entry

RUNS = 20
TURNS = 3  # what comes after another codec finds the processor's caches full of that one's entries
BUFFER_BYTES = 1 << 16
BATCH = 200  # settings.sinks: so many entries are handed over at once


Call = Callable[[Sequence[Entry]], object]


def _each(call: Callable[[Entry], object]) -> Call:
    def run(entries: Sequence[Entry]) -> None:
        for entry in entries:
            call(entry)

    return run


def _streamed(entries: Sequence[Entry]) -> None:
    write, out, end = msgspec.json.Encoder().encode_into, bytearray(), 0
    for entry in entries:
        write(entry, out, end)
        out += b"\n"
        end = len(out) if len(out) < BUFFER_BYTES else 0


def _rates(calls: Mapping[str, Call], entries: Sequence[Entry]) -> dict[str, int]:
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(RUNS // TURNS):
        for name, call in calls.items():
            for _ in range(TURNS):
                began = time.process_time()
                call(entries)
                best[name] = min(best[name], time.process_time() - began)
    return {name: round(len(entries) / secs) for name, secs in best.items()}


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
    """Records a second by kind of entry, and what part that is of each limit."""
    limit = msgspec.json.Encoder().encode
    hostile = _safe(list(hostile_entries(1_000)), limit)
    kinds = {
        "alerts": [alert_entry(number) for number in range(count)],
        "rule_alerts": rule_alerts(min(count, BATCH)),
        "events": [event_entry(number) for number in range(count)],
        "hostile": list(islice(cycle(hostile), min(count, BATCH))),
    }
    limits = {"msgspec": _each(limit), "msgspec_streamed": _streamed}
    codecs = {name: _each(codec.encode) for name, codec in _codecs().items()}
    figures: Figures = {"count": count}
    for kind, entries in kinds.items():
        rates = _rates(limits | codecs, entries)
        for name, rate in rates.items():
            figures[f"{name}_{kind}_per_s"] = rate
            if name not in limits:
                for limit_name in limits:
                    figures[f"{name}_{kind}_of_{limit_name}"] = round(rate / rates[limit_name], 3)
    return figures


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    print(json.dumps(measure(count) | {"machine": machine(), "commit": commit()}, indent=1))


if __name__ == "__main__":
    main()
