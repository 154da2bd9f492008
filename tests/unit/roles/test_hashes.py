"""What becomes of wishes for a hash."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sentinair.ipc.frames import FrameReader
from sentinair.ipc.messages import AskHash, Batch, decode_from_sender
from sentinair.model.event import FileEvent, HashEvent
from sentinair.model.process import FileId
from sentinair.monitors.hashing import MAX_WAITING
from sentinair.roles.sensor.hashes import Hashes
from sentinair.roles.sensor.outbox import Outbox
from sentinair.settings.types import FilesSettings, Lanes


class _Clock:
    def wall_ns(self) -> int:
        return 10

    def mono_ns(self) -> int:
        return 20


class Bench:
    def __init__(self, *, executables: bool = True) -> None:
        clock = _Clock()
        self.outbox = Outbox(Lanes(), clock, lambda: None, lambda _gap: None, b"/state")
        self.hashes = Hashes(FilesSettings(), self.outbox, clock, executables=executables)

    def told(self) -> list[HashEvent]:
        found: list[HashEvent] = []
        while (data := self.outbox.bulk.next_frame()) is not None:
            for body in FrameReader().feed(data):
                batch = decode_from_sender(body)
                assert isinstance(batch, Batch)
                found += [event for event in batch.events if isinstance(event, HashEvent)]
        return found


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.hashes.close()


def changed(path: bytes) -> FileEvent:
    return FileEvent(seen_ns=1, mono_ns=2, path=path, actions=2, hash_wanted=True)


def test_a_file_that_is_crowded_out_is_said_to_have_no_hash_and_why(bench: Bench) -> None:
    for number in range(MAX_WAITING + 2):
        bench.hashes.note(changed(b"/f%d" % number), 1.0)
    bench.hashes.turn(1.0)
    assert [(event.path, event.sha256, event.unsure) for event in bench.told()] == [
        (b"/f0", None, f"{MAX_WAITING} files wait already"),
        (b"/f1", None, f"{MAX_WAITING} files wait already"),
    ]
    bench.hashes.turn(1.0)
    assert bench.told() == []


def test_executables_are_not_hashed_where_the_settings_do_not_want_it() -> None:
    bench = Bench(executables=False)
    bench.hashes.executable(AskHash(b"/bin/true", FileId(1, 2, 3), 4, 5))
    assert bench.hashes.counters()["hashes_waiting"] == 0
    assert bench.hashes.fileno() == -1
    bench.hashes.turn(1.0)
    assert bench.told() == []
    bench.hashes.close()


def test_what_still_waits_at_the_end_is_said_to_have_no_hash(bench: Bench) -> None:
    bench.hashes.note(changed(b"/waits"), 1.0)
    bench.hashes.executable(AskHash(b"/nowhere/x", FileId(1, 2, 3), 0, 5))
    bench.hashes.close()
    told = {event.path: (event.of, event.unsure) for event in bench.told()}
    assert told == {
        b"/waits": (None, "the sensor ended first"),
        b"/nowhere/x": (5, "the sensor ended first"),
    }
    bench.hashes.close()
    assert bench.told() == []
