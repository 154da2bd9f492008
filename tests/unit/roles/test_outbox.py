"""Events and gaps on their way into the sensor's lanes."""

from __future__ import annotations

import threading

import msgspec

from sentinair.ipc.frames import FrameReader
from sentinair.ipc.lane import Lane
from sentinair.ipc.messages import Batch, decode_from_sender
from sentinair.model.event import FileEvent, GapEvent, Observation
from sentinair.model.process import Process
from sentinair.monitors.file import Taken
from sentinair.roles.sensor.outbox import Outbox
from sentinair.settings.types import Lanes


class _Clock:
    def wall_ns(self) -> int:
        return 10

    def mono_ns(self) -> int:
        return 20


def sent(lane: Lane) -> list[Observation]:
    found: list[Observation] = []
    while (data := lane.next_frame()) is not None:
        for body in FrameReader().feed(data):
            batch = decode_from_sender(body)
            assert isinstance(batch, Batch)
            found += batch.events
    return found


def file(path: bytes, *, pid: int = 5, start: int = 50) -> FileEvent:
    return FileEvent(seen_ns=1, mono_ns=2, path=path, actions=2, pid=pid, start=start)


def taken(*vital: FileEvent, bulk: tuple[FileEvent, ...] = ()) -> Taken:
    writers = {made.pid: Process(pid=made.pid or 0, start=made.start) for made in (*vital, *bulk)}
    return Taken(list(vital), list(bulk), {pid: who for pid, who in writers.items() if pid})


class Box:
    def __init__(self, vital_bytes: int = 1 << 20, bulk_bytes: int = 1 << 20) -> None:
        self.gaps: list[bytes] = []
        self.woken = 0
        lanes = msgspec.structs.replace(Lanes(), vital_bytes=vital_bytes, bulk_bytes=bulk_bytes)
        self.out = Outbox(lanes, _Clock(), self.wake, self.gaps.append, b"/state")

    def wake(self) -> None:
        self.woken += 1


def test_a_full_vital_lane_blocks_and_keeps_the_order() -> None:
    box = Box(vital_bytes=200)
    box.out.told_own(())
    box.out.put("fanotify", taken(file(b"/first" + b"x" * 300)))
    box.out.put("fanotify", taken(file(b"/second")))
    box.out.put("fanotify", taken(file(b"/third")))
    assert box.out.waiting == 3
    box.out.retry()
    assert box.out.blocked
    sent(box.out.vital)
    box.out.vital.committed(1)
    box.out.retry()
    assert [made.path for made in sent(box.out.vital) if isinstance(made, FileEvent)] == [
        b"/second",
        b"/third",
    ]


def test_a_gap_is_queued_even_when_vital_is_full_and_told_at_once() -> None:
    box = Box(vital_bytes=200)
    box.out.told_own(())
    box.out.put("fanotify", taken(file(b"/first" + b"x" * 300)))
    gap_id = box.out.gap("fanotify", "overflow", 3)
    assert box.gaps == [gap_id]
    (gap,) = [made for made in sent(box.out.vital) if isinstance(made, GapEvent)]
    assert (gap.gap_id, gap.since_ns, gap.until_ns, gap.lost) == (gap_id, 3, 10, None)


def test_a_dropped_range_of_bulk_becomes_a_gap_with_its_count() -> None:
    box = Box(bulk_bytes=2000)
    for number in range(40):
        box.out.put("fanotify", taken(bulk=(file(b"/%d" % number),)))
    gaps = [made for made in sent(box.out.vital) if isinstance(made, GapEvent)]
    assert gaps
    assert sum(gap.lost or 0 for gap in gaps) == box.out.bulk.dropped
    assert {gap.source for gap in gaps} == {"sensor/bulk"}


def test_events_of_the_state_directory_wait_until_we_know_who_we_are() -> None:
    box = Box()
    ours, theirs = file(b"/state/db", pid=5, start=50), file(b"/state/db", pid=6, start=60)
    box.out.put("fanotify", taken(ours, theirs, file(b"/etc/passwd"), file(b"/statement")))
    told = [made.path for made in sent(box.out.vital) if isinstance(made, FileEvent)]
    assert told == [b"/etc/passwd", b"/statement"]
    assert box.out.told_own([(5, 50)]) == 1
    (rest,) = sent(box.out.vital)
    assert isinstance(rest, FileEvent)
    assert rest.pid == 6


def test_another_thread_that_queues_something_wakes_the_loop() -> None:
    box = Box()
    box.out.bulk.offer("x", (), (file(b"/a"),))
    assert box.woken == 0
    thread = threading.Thread(target=lambda: box.out.bulk.offer("x", (), (file(b"/b"),)))
    thread.start()
    thread.join()
    assert box.woken == 1
