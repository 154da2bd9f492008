"""Drops for an offline SIEM: damaged ones get their verdict, clean ones with restarts and clock steps none."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

from sentinair.errors import SinkAway
from sentinair.sinks.drop.segment import Limits
from tests.bench.bed import Promises, workplace
from tests.bench.figures import Figures
from tests.harness.drop_damage import DAMAGES, damaged
from tests.harness.drops import SECOND_NS, Station, parcels

SIZES = {"small": (40, 60), "full": (500, 1_000)}  # damaged, clean
STATIONS = 5


def run(size: str) -> Figures:
    promises = Promises()
    damages, cleans = SIZES[size]
    began = time.monotonic()
    with workplace() as folder:
        wrong, kinds = _damaged(folder / "damaged", damages)
        alarms, did = _clean(folder / "clean", cleans)
    promises.keep(not wrong, f"{len(wrong)} wrong verdicts: {wrong[:3]}")
    promises.keep(not alarms, f"{len(alarms)} false alarms: {alarms[:3]}")
    return promises.onto(
        {
            "damaged": damages,
            "damages": dict(kinds),
            "wrong": len(wrong),
            "clean": cleans,
            "clean_did": dict(did),
            "false_alarms": len(alarms),
            "secs": round(time.monotonic() - began),
        }
    )


def _damaged(folder: Path, count: int) -> tuple[list[str], Counter[str]]:
    stations = [_filled(folder / f"{number}", number) for number in range(STATIONS)]
    wrong, kinds = [], Counter[str]()
    for number in range(count):
        damage = DAMAGES[number % len(DAMAGES)]
        station, other = stations[number % STATIONS], stations[(number + 1) % STATIONS]
        fault = damaged(damage, station, other, folder / "copy", number)
        kinds[damage.__name__] += 1
        if fault is not None:
            wrong.append(fault)
    return wrong, kinds


def _filled(folder: Path, seed: int) -> Station:
    """Some segments of one chain with several epochs, and a heartbeat."""
    dice = random.Random(seed)
    station = Station(folder, Limits(segment_count=dice.randrange(8, 15)), pad=dice.randrange(9000))
    for _ in range(4):
        if dice.random() < 0.6:
            station.deliver(station.chain.events(dice.randrange(1, 30)))
        station.send(dice.randrange(10, 40))
        station.deliver(station.chain.restart())
    station.quiet()
    station.send(40)  # the end is one of records
    station.quiet()
    station.sink.close()
    return station


def _clean(folder: Path, count: int) -> tuple[list[str], Counter[str]]:
    alarms, did = list[str](), Counter[str]()
    for number in range(count):
        dice = random.Random(number)
        cap = dice.choice((8_000, 1 << 30))
        limits = Limits(segment_count=dice.randrange(1, 12), cap_bytes=cap)
        complete = dice.random() < 0.8
        station = Station(folder / f"{number}", limits, complete=complete)
        for _ in range(dice.randrange(3, 12)):
            step = dice.choice(STEPS)
            did[step] += 1
            _do(step, station, dice, complete=complete)
        station.sink.close()
        if station.segments():  # where nothing happened there is nothing to judge
            findings = station.judged().findings
            alarms += [f"{number}: {findings}"] if findings else []
        station.crash()
    return alarms, did


STEPS = (
    *("send", "send", "restart", "kill", "engine restart", "engine away", "new chain"),
    *("clock back", "clock on", "quiet", "left out", "events"),
)


def _do(step: str, station: Station, dice: random.Random, *, complete: bool) -> None:
    """One thing that happens on a host where nobody tampers."""
    if step == "send":
        station.send(dice.randrange(1, 40))
    elif step in {"restart", "kill"}:
        station.restart(killed=step == "kill")
    elif step == "engine restart":
        station.deliver(station.chain.restart())
    elif step == "new chain":
        station.chain.begin()
    elif step in {"clock back", "clock on"}:
        station.clock.wall += (
            (-1 if step == "clock back" else 1) * dice.randrange(10**9) * SECOND_NS
        )
    elif step == "quiet":
        station.quiet(dice.randrange(1, 200))
    elif step == "events":
        station.deliver(station.chain.events(dice.randrange(1, 40)))
    elif step == "left out" and not complete:
        station.chain.grow(dice.randrange(1, 9))  # a filter keeps them in
    elif step == "engine away":
        _engine_away(station, dice)


def _engine_away(station: Station, dice: random.Random) -> None:
    station.chain.away = True
    try:
        station.send(dice.randrange(1, 40))
        station.quiet()
    except SinkAway:
        station.sink.open()
    station.chain.away = False
    station.sink.deliver(parcels(station.sent, station.codec))
