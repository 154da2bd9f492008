"""All processes at one moment, and the fallback that polls."""

from __future__ import annotations

import importlib
import os
import subprocess
import time

from sentinair.ipc.frames import MAX_FRAME_BYTES
from sentinair.ipc.messages import Batch, encode
from sentinair.kernel import procfs, psutil_source
from sentinair.model.event import Observation, ProcessEvent, Scanned
from sentinair.model.process import Process
from sentinair.monitors.inventory import PART, ProcessPoller, inventory


class Clock:
    def wall_ns(self) -> int:
        return time.time_ns()

    def mono_ns(self) -> int:
        return time.monotonic_ns()


def test_an_inventory_lists_this_process_and_ends_with_scanned() -> None:
    parts = list(inventory(Clock(), 7, "gap", (b"12345678",)))
    events = [event for part in parts for event in part]
    processes = [event for event in events if isinstance(event, ProcessEvent)]
    (mine,) = [event for event in processes if event.process.pid == os.getpid()]
    assert mine.action == "inventory"
    assert mine.process.start == procfs.start(os.getpid())
    end = events[-1]
    assert isinstance(end, Scanned)
    assert (end.scan, end.scope, end.reason, end.gaps) == (7, "processes", "gap", (b"12345678",))
    assert end.entries == len(processes) == len(events) - 1
    assert end.began_ns <= processes[0].seen_ns <= end.seen_ns


def test_an_inventory_of_the_largest_command_lines_fits_into_frames() -> None:
    def look(pid: int) -> Process:
        return Process(
            pid=pid, argv=(b"x" * procfs.MAX_ARGV_BYTES,), exe=b"x" * 4096, cwd=b"x" * 4096
        )

    for part in inventory(Clock(), 1, "start", pids=lambda: list(range(PART * 2 + 1)), look=look):
        assert len(part) <= PART + 1
        batch = Batch("bulk", 1, "procfs", (), tuple[Observation, ...](part))
        assert len(encode(batch)) < MAX_FRAME_BYTES


def test_a_process_that_ends_meanwhile_is_left_out() -> None:
    (part,) = inventory(Clock(), 1, "start", pids=lambda: [1, 2], look=lambda _: None)
    (end,) = part
    assert isinstance(end, Scanned)
    assert end.entries == 0


def test_polling_sees_a_process_begin_and_end() -> None:
    poller = ProcessPoller(Clock(), pids=psutil_source.pids)
    assert poller.poll() == []
    child = subprocess.Popen(["/bin/sleep", "60"])
    try:
        began = [event for event in poller.poll() if event.process.pid == child.pid]
        assert [event.action for event in began] == ["exec"]
        assert began[0].process.ppid == os.getpid()
    finally:
        child.kill()
        child.wait()
    ended = [event for event in poller.poll() if event.process.pid == child.pid]
    assert [event.action for event in ended] == ["exit"]
    assert ended[0].process.exited
    assert ended[0].process.start == began[0].process.start


def test_polling_says_what_it_cannot_see() -> None:
    source = importlib.import_module("sentinair.kernel.psutil_source")
    probe = source.probe()
    assert probe.works
    assert any("shorter" in limit for limit in probe.limits)
