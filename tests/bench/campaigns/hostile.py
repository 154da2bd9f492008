"""Hostile alerts through every codec, each read back by parsers that nobody here wrote.

What a reader must get is worked out by tables of the tests, from what the manual says, and never by the codec.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from tests.bench.bed import Promises, workplace
from tests.bench.figures import Figures
from tests.harness import outside_readers as outside
from tests.harness.expected import unsafe
from tests.harness.hostile import TURN, hostile_entries
from tests.harness.hostile_ways import WAYS, Entries, Way
from tests.harness.ocsf_schema import ocsf_missing
from tests.harness.readback import Readback
from tests.harness.syslog_receipt import READINGS, Reading, receipt

SIZES = {"small": 600, "full": 10_000}


def run(size: str) -> Figures:
    """Each codec with each of its readers; a reader that is not there is named and, at full size, a broken promise."""
    alerts = SIZES[size]
    entries = [one for one in hostile_entries(alerts * TURN // (TURN - 2)) if one.alert is not None]
    promises = Promises()
    promises.keep(len(entries) == alerts, f"{alerts} alerts, not {len(entries)}")
    figures: Figures = {"alerts": len(entries)}
    began = time.monotonic()
    for way in WAYS:
        figures[way.name] = _way(way, entries, promises, whole=size == "full")
    with workplace() as folder:
        for reading in READINGS:
            told = _received(reading, entries, promises, folder, whole=size == "full")
            beside = figures.setdefault(reading.form, {})
            assert isinstance(beside, dict)
            beside.update(told)
    figures["secs"] = round(time.monotonic() - began)
    return promises.onto(figures)


def _way(way: Way, entries: Entries, promises: Promises, *, whole: bool) -> Figures:
    raw = way.write(entries)
    lines = raw.decode().replace("\r\n", "\n").split("\n")
    bad = sum(bool(set(unsafe(line)) - ({"\t"} if way.tabs else set())) for line in lines)
    promises.keep(not bad, f"{way.name}: no raw control byte, not {bad} lines with one")
    told: dict[str, Readback] = {}
    absent: dict[str, str] = {}
    for name, reader in way.readers.items():
        why = ocsf_missing() if name == "jsonschema" else None
        why = why or outside.lacking(name)
        if why is not None:
            absent[name] = why
            continue
        told[outside.version(name)] = back = Readback(len(entries))
        reader(entries, raw, back)
    return _judged(way.name, told, absent, promises, whole=whole) | {"bytes": len(raw)}


def _received(
    reading: Reading, entries: Entries, promises: Promises, folder: Path, *, whole: bool
) -> Figures:
    name, why = reading.kind.name, reading.missing()
    if why is not None:
        return _judged(reading.form, {}, {name: why}, promises, whole=whole)
    place = folder / f"{reading.form}-{name}"
    place.mkdir()
    back = Readback(len(entries))
    said, pairs = receipt(reading, entries, place)
    back.read(len(pairs))
    for seq, (wanted, found) in enumerate(pairs, 1):
        back.compare(seq, wanted, found)
    return _judged(reading.form, {said: back}, {}, promises, whole=whole)


def _judged(
    name: str,
    told: Mapping[str, Readback],
    absent: Mapping[str, str],
    promises: Promises,
    *,
    whole: bool,
) -> Figures:
    for reader, back in told.items():
        wrong = f"not {back.differences} differences: {back.examples}"
        promises.keep(
            not back.differences, f"{name} by {reader}: every field is as it was, {wrong}"
        )
        asked = back.alerts - back.left_out
        short = f"{name} by {reader}: {asked} records, not {back.records}"
        promises.keep(back.records == asked, short)
    promises.keep(not (whole and absent), f"{name}: every reader is there: {dict(absent)}")
    figures: Figures = {reader: back.figures() for reader, back in told.items()}
    return figures | ({"absent": dict(absent)} if absent else {})
