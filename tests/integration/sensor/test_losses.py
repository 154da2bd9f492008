"""What the kernel or a full lane drops is said, and a walk restores the truth."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from sentinair.model.event import FileEvent, GapEvent, Listing, Scanned
from sentinair.settings.types import Lanes
from tests.integration.sensor.conftest import Engine, Rig

pytestmark = pytest.mark.usefixtures("as_root")


@contextmanager
def queue_of(kind: str, size: int) -> Iterator[None]:
    """A small kernel queue for groups made meanwhile."""
    setting = Path(f"/proc/sys/fs/{kind}/max_queued_events")
    before = setting.read_text()
    try:
        setting.write_text(str(size))
        yield
    finally:
        setting.write_text(before)


def told_state(engine: Engine, top: Path) -> set[bytes]:
    """The paths below top that exist, by what was sent, in its order."""
    known: set[bytes] = set()
    for event in engine.events:
        if isinstance(event, FileEvent):
            known.discard(event.old_path or b"")
            if event.absent:
                known -= {path for path in known if path.startswith(event.path + b"/")}
            (known.discard if event.absent else known.add)(event.path)
        elif isinstance(event, Listing):
            _apply(event, known)
    return {path for path in known if path.startswith(os.fsencode(top) + b"/")}


def _apply(listing: Listing, known: set[bytes]) -> None:
    prefix = listing.directory + b"/"
    for path in [path for path in known if path.startswith(prefix)]:
        name = path[len(prefix) :].split(b"/")[0]
        spoken = (listing.after is None or name > listing.after) and (
            listing.upto is None or name <= listing.upto
        )
        if listing.absent or (spoken and name not in listing.names):
            known.discard(path)
    known.update(prefix + name for name in listing.names)


def real_state(top: Path) -> set[bytes]:
    return {os.fsencode(path) for path in top.rglob("*")}


def churn(top: Path, count: int) -> None:
    for number in range(count):
        folder = top / f"d{number % 50}"
        folder.mkdir(exist_ok=True)
        (folder / f"f{number}").touch()
        if number % 3 == 0:
            (folder / f"f{number}").rename(folder / f"g{number}")
        if number % 5 == 0:
            (folder / f"f{number}").unlink(missing_ok=True)


@pytest.mark.parametrize("kind", ["fanotify", "inotify"])
def test_a_full_kernel_queue_becomes_a_gap_and_the_walk_restores_the_truth(
    rig: Rig, kind: str
) -> None:
    rig.files(source=kind)
    for number in range(50):
        (rig.watched / f"d{number}").mkdir()
    with queue_of(kind, 64):
        engine = rig.start()
    assert rig.child is not None
    rig.child.send_signal(signal.SIGSTOP)
    churn(rig.watched, 2000)
    rig.child.send_signal(signal.SIGCONT)
    resumed = time.monotonic()
    engine.until(lambda: bool(engine.gaps))
    assert time.monotonic() - resumed < 4
    gap = engine.gaps[0]
    assert (gap.source, gap.reason, gap.lost) == (kind, "overflow", None)
    engine.until(lambda: any(gap.gap_id in scan.gaps for scan in engine.scans))
    engine.pump(0.5)
    assert told_state(engine, rig.watched) == real_state(rig.watched)


def test_a_full_bulk_lane_becomes_a_gap_that_names_the_hole(rig: Rig) -> None:
    rig.settings = msgspec.structs.replace(
        rig.settings, lanes=Lanes(vital_bytes=1 << 16, bulk_bytes=1 << 16)
    )
    engine = rig.start()
    assert engine.link is not None
    churn(rig.watched, 10_000)  # more than lane, socket and window hold together
    time.sleep(0.5)
    engine.until(lambda: bool(engine.gaps), 15)
    gap = engine.gaps[0]
    assert (gap.source, gap.reason, gap.lane) == ("sensor/bulk", "lane_full", "bulk")
    assert gap.first is not None
    assert gap.last is not None
    assert gap.lost == gap.last - gap.first + 1
    last = lambda: {g.gap_id for g in engine.gaps} <= {i for s in engine.scans for i in s.gaps}  # noqa: E731
    engine.until(last, 15)
    engine.pump(0.5)
    numbers = [
        batch.first_seq + index
        for batch in engine.batches
        if batch.lane == "bulk"
        for index in range(len(batch.events))
    ]
    lost = {n for g in engine.gaps for n in range(g.first or 0, (g.last or -1) + 1)}
    assert set(range(1, max(numbers) + 1)) == set(numbers) | lost
    assert told_state(engine, rig.watched) == real_state(rig.watched)


def test_an_engine_that_comes_back_gets_again_what_it_did_not_acknowledge(rig: Rig) -> None:
    engine = rig.start()
    engine.acknowledges = False
    (rig.watched / "a").touch()
    engine.until(lambda: bool(engine.of(rig.watched / "a")))
    before = len(engine.of(rig.watched / "a"))
    assert engine.link is not None
    engine.link.close()
    engine.accept()
    engine.acknowledges = True
    engine.until(lambda: len(engine.of(rig.watched / "a")) > before)
    assert rig.child is not None
    assert rig.child.poll() is None


def test_a_gap_travels_before_the_end_of_the_walk_that_restores_it(rig: Rig) -> None:
    with queue_of("fanotify", 64):
        engine = rig.start()
    assert rig.child is not None
    rig.child.send_signal(signal.SIGSTOP)
    churn(rig.watched, 200)
    rig.child.send_signal(signal.SIGCONT)
    engine.until(lambda: any(scan.gaps for scan in engine.scans))
    told: set[bytes] = set()
    for event in engine.events:
        if isinstance(event, GapEvent):
            told.add(event.gap_id)
        if isinstance(event, Scanned):
            assert set(event.gaps) <= told
