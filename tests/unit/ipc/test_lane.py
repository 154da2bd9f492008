"""Lanes: numbered, bounded, kept until committed; what is dropped is named exactly."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinair.errors import DataFault
from sentinair.ipc.frames import FrameReader
from sentinair.ipc.lane import MAX_BATCH, Hole, Lane
from sentinair.ipc.messages import Batch, decode_from_sender
from sentinair.model.event import CREATE, FileEvent
from sentinair.model.process import Process


def events(count: int, at: int = 0) -> list[FileEvent]:
    return [
        FileEvent(seen_ns=at + n, mono_ns=n, path=b"/tree/%06d" % n, actions=CREATE)
        for n in range(count)
    ]


def sent(lane: Lane) -> list[Batch]:
    reader, batches = FrameReader(), []
    while (data := lane.next_frame()) is not None:
        for body in reader.feed(data):
            batch = decode_from_sender(body)
            assert isinstance(batch, Batch)
            batches.append(batch)
    return batches


def test_batches_carry_a_seq_without_hole_and_at_most_max_batch_events() -> None:
    lane = Lane("bulk", 1 << 24, drops=True)
    lane.offer("fanotify", (), events(MAX_BATCH + 5))
    lane.offer("fanotify", (), events(3))
    batches = sent(lane)
    assert [(b.first_seq, len(b.events)) for b in batches] == [
        (1, MAX_BATCH),
        (MAX_BATCH + 1, 5),
        (MAX_BATCH + 6, 3),
    ]


def test_a_committed_seq_forgets_only_whole_batches_up_to_it() -> None:
    lane = Lane("bulk", 1 << 20, drops=True)
    for _ in range(3):
        lane.offer("fanotify", (), events(10))
    sent(lane)
    assert lane.committed(19) > 0
    assert lane.waiting == 20
    lane.committed(30)
    assert lane.waiting == 0
    assert lane.held_bytes == 0


def test_after_a_new_connection_everything_unacknowledged_is_sent_again() -> None:
    lane = Lane("vital", 1 << 20, drops=False)
    lane.offer("cnproc", (), events(4))
    lane.offer("cnproc", (), events(4))
    first = sent(lane)
    lane.committed(4)
    lane.resend()
    assert sent(lane) == first[1:]


def test_a_full_vital_lane_refuses_and_loses_nothing() -> None:
    lane = Lane("vital", 500, drops=False)
    accepted = 0
    while lane.offer("cnproc", (), events(1)):
        accepted += 1
    assert accepted > 0
    assert lane.waiting == accepted
    assert lane.next_seq == accepted + 1


def test_the_gap_that_reports_a_loss_is_queued_even_when_vital_is_full() -> None:
    lane = Lane("vital", 10, drops=False)
    lane.offer("fanotify", (), events(1))
    assert not lane.offer("fanotify", (), events(1))
    assert lane.offer("fanotify", (), events(1), force=True)
    assert lane.waiting == 2


@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), min_size=1, max_size=60))
@settings(deadline=None)
def test_received_and_declared_lost_together_are_every_seq_once(
    steps: list[tuple[int, bool]],
) -> None:
    holes: list[Hole] = []
    lane = Lane("bulk", 2000, drops=True, on_hole=holes.append)
    received: list[int] = []
    for count, drain in steps:
        lane.offer("fanotify", (), events(count))
        if drain:
            received += [b.first_seq + n for b in sent(lane) for n in range(len(b.events))]
    received += [b.first_seq + n for b in sent(lane) for n in range(len(b.events))]
    lost = [seq for hole in holes for seq in range(hole.first, hole.last + 1)]
    assert sorted(received + lost) == list(range(1, lane.next_seq))
    assert lane.dropped == len(lost)


def test_what_is_on_the_wire_is_never_dropped() -> None:
    holes: list[Hole] = []
    lane = Lane("bulk", 3000, drops=True, on_hole=holes.append)
    lane.offer("fanotify", (), events(20))
    on_wire = sent(lane)
    for _ in range(20):
        lane.offer("fanotify", (), events(20))
    assert holes
    assert min(hole.first for hole in holes) > on_wire[-1].first_seq + 19
    lane.resend()
    assert sent(lane)[0] == on_wire[0]


def test_a_producer_that_can_wait_is_let_on_when_the_engine_has_committed() -> None:
    lane = Lane("bulk", 1000, drops=True)
    lane.offer("rescan", (), events(20))
    assert not lane.wait_for_room(0.01)
    sent(lane)
    timer = threading.Timer(0.05, lambda: lane.committed(20))
    timer.start()
    began = time.monotonic()
    assert lane.wait_for_room(5)
    assert time.monotonic() - began < 4
    timer.join()


def test_a_batch_larger_than_the_whole_lane_is_still_delivered() -> None:
    lane = Lane("bulk", 100, drops=True)
    lane.offer("fanotify", (), events(50))
    assert sum(len(b.events) for b in sent(lane)) == 50


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\xc1",
        b"\x92\xa5hello\x01",
        b"\x91\xa4nope",
        b"\x92\xa5hello\xa1\xff",
        b"\x91\xa1\xff",
    ],
)
def test_bytes_that_are_no_message_are_a_data_fault(junk: bytes) -> None:
    with pytest.raises(DataFault):
        decode_from_sender(junk)


def test_paths_too_long_for_one_frame_go_in_several_with_the_writers_each_names() -> None:
    lane = Lane("bulk", 1 << 26, drops=True)
    deep = b"/" + b"x" * 4090
    long = [
        FileEvent(seen_ns=n, mono_ns=n, path=deep, old_path=deep, actions=CREATE, pid=n, start=n)
        for n in range(1, MAX_BATCH + 1)
    ]
    writers = tuple(Process(pid=n, start=n, argv=(b"y" * 900,)) for n in range(1, MAX_BATCH + 1))
    lane.offer("fanotify", writers, long)
    batches = sent(lane)
    assert sum(len(b.events) for b in batches) == MAX_BATCH
    assert [b.first_seq for b in batches[1:]] == [b.first_seq + len(b.events) for b in batches[:-1]]
    for batch in batches:
        named = [event.pid for event in batch.events if isinstance(event, FileEvent)]
        assert [writer.pid for writer in batch.writers] == named
