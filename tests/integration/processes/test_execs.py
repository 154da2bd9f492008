"""The role execs against the real kernel: nothing missed, everything said, nothing hung."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sentinair.kernel import cnproc, procfs
from sentinair.settings.types import Lanes
from tests.integration.processes.engine import Engine

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for the connector's buffer"),
    pytest.mark.skipif(not cnproc.probe().works, reason=cnproc.probe().reason),
]

Starts = Callable[..., Engine]
FIFO = ("chrt", "-f", "1") if shutil.which("chrt") else ()


@pytest.fixture
def execs(tmp_path: Path) -> Iterator[Starts]:
    """Starts an engine of sockets with its role; ends both."""
    started: list[Engine] = []

    def start(**options: object) -> Engine:
        engine = Engine(tmp_path, **options)  # type: ignore[arg-type]
        started.append(engine)
        engine.accept()
        return engine

    yield start
    for engine in started:
        engine.close()


def storm(count: int, mark: str) -> None:
    """count processes with arguments of their own, two at a time."""
    script = 'i=0; while [ $i -lt "$1" ]; do /bin/true "$2$i"; i=$((i+1)); done'
    both = [
        subprocess.Popen(["/bin/sh", "-c", script, "sh", str(count // 2), f"{mark}{half}-"])
        for half in "ab"
    ]
    for one in both:
        assert one.wait(60) == 0


def test_every_exec_of_a_storm_is_told_with_its_facts(execs: Starts) -> None:
    engine = execs(prefix=FIFO)
    engine.take(0.2)
    storm(1000, "stormy")
    engine.take(1.0)
    assert engine.stop()[0] == 0
    told = engine.of("exec")
    mine = [one for one in told if one.process.argv and b"stormy" in one.process.argv[-1]]
    wanted = 800 if FIFO else 200  # a busy machine without FIFO comes too late for many
    assert len({one.process.argv for one in mine}) >= wanted
    assert (
        sum(one.process.exe is not None for one in mine) >= wanted
    )  # some end between the two looks
    assert all(one.process.ppid is not None and one.process.uid is not None for one in told)
    assert all(one.process.start is not None for one in told)
    # named or not, there is an exec for each
    shells = {one.process.ppid for one in mine}
    assert len([one for one in told if one.process.ppid in shells]) >= 1000
    assert engine.gaps() == []


def test_lanes_are_numbered_without_a_hole(execs: Starts) -> None:
    engine = execs()
    storm(200, "numbered")
    engine.take(0.5)
    engine.stop()
    following = {"vital": 1, "bulk": 1}
    for batch in engine.batches:
        assert batch.first_seq == following[batch.lane]
        following[batch.lane] += len(batch.events)
        assert batch.source == "cnproc"
    assert {event.action for event in engine.of("exit")} == {"exit"}
    assert all(
        batch.lane == "vital" for batch in engine.batches if batch.events[0] in engine.of("exec")
    )


def test_exec_exit_and_start_tell_of_the_same_process(execs: Starts) -> None:
    engine = execs()
    child = subprocess.Popen(["/bin/sleep", "0.2"], cwd="/usr")
    began = procfs.start(child.pid)
    child.wait()
    engine.take(0.5)
    (exec_,) = [one for one in engine.of("exec") if one.process.pid == child.pid]
    (exit_,) = [one for one in engine.of("exit") if one.process.pid == child.pid]
    assert exec_.process.argv == (b"/bin/sleep", b"0.2")
    assert (exec_.process.cwd, exec_.process.ppid) == (b"/usr", os.getpid())
    assert exec_.process.start == exit_.process.start == began
    assert exit_.process.exe == exec_.process.exe
    assert exit_.exit_code == 0


def test_a_change_of_user_is_told_with_old_and_new(execs: Starts) -> None:
    engine = execs()
    script = "import os,time;os.setresuid(65534,65534,65534);time.sleep(0.3)"
    child = subprocess.Popen([sys.executable, "-c", script])
    child.wait()
    engine.take(0.5)
    (told,) = [one for one in engine.of("setid") if one.process.pid == child.pid]
    assert (told.old_uid, told.new_uid, told.process.uid) == (0, 65534, 65534)
    assert told.process.argv is not None


def test_threads_are_not_told(execs: Starts) -> None:
    engine = execs()
    script = "import threading as t;[t.Thread(target=print).start() for _ in range(50)]"
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL)
    child.wait()
    engine.take(0.5)
    assert len([one for one in engine.of("exit") if one.process.ppid == os.getpid()]) == 1


def test_what_is_not_acknowledged_is_sent_again_after_a_new_connection(execs: Starts) -> None:
    engine = execs()
    storm(50, "first")
    engine.take(0.5, acknowledge=False)
    first = engine.events()
    assert len(first) >= 100
    engine.batches.clear()
    engine.drop()
    storm(50, "second")
    engine.accept()
    engine.take(0.5)
    assert engine.batches[0].first_seq == 1
    again = engine.events()
    assert all(event in again for event in first)
    assert len(again) >= len(first) + 100
    assert engine.gaps() == []


def test_a_small_buffer_becomes_a_gap_with_an_exact_count(execs: Starts) -> None:
    engine = execs(receive_buffer_bytes=4096)
    os.sched_setscheduler(engine.role.pid, os.SCHED_IDLE, os.sched_param(0))
    for _ in range(5):
        storm(400, "lost")
        engine.take(0.7)
        if engine.gaps():
            break
    gap = engine.gaps()[0]
    assert (gap.source, gap.reason) == ("cnproc", "enobufs")
    assert gap.lost
    assert gap.since_ns < gap.until_ns <= time.time_ns()


def test_a_full_vital_lane_stops_the_reader_and_loses_nothing(execs: Starts) -> None:
    engine = execs(lanes=Lanes(vital_bytes=64 << 10, bulk_bytes=1 << 20))
    # each command line has some 2 KiB: far more than the lane holds
    storm(300, "x" * 2000)
    time.sleep(0.3)
    engine.take(2.0)
    told = [one for one in engine.of("exec") if one.process.argv and b"xxx" in one.process.argv[-1]]
    vital = [batch for batch in engine.batches if batch.lane == "vital"]
    assert sum(len(batch.events) for batch in vital) >= 300
    assert told
    assert [gap for gap in engine.gaps() if gap.reason == "enobufs"] == []


def test_dropped_exits_are_a_gap_that_names_their_numbers(execs: Starts) -> None:
    engine = execs(lanes=Lanes(vital_bytes=8 << 20, bulk_bytes=64 << 10))
    engine.drop()
    storm(1500, "exits")
    engine.accept()
    engine.take(1.0)
    (gap, *_) = [one for one in engine.gaps() if one.reason == "lane_full"]
    assert (gap.source, gap.lane) == ("execs/bulk", "bulk")
    assert gap.first is not None
    assert gap.last is not None
    assert gap.lost == gap.last - gap.first + 1
    arrived = {
        batch.first_seq + at
        for batch in engine.batches
        if batch.lane == "bulk"
        for at in range(len(batch.events))
    }
    assert not arrived & set(range(gap.first, gap.last + 1))


def test_without_a_connector_it_says_why_and_stays_idle(tmp_path: Path) -> None:
    engine = Engine(tmp_path, source="psutil")
    try:
        (probe,) = engine.accept().probes
        assert not probe.works
        assert "psutil" in probe.reason
        engine.take(0.3)
        before = cpu_ticks(engine.role.pid)
        engine.take(1.0)
        assert cpu_ticks(engine.role.pid) - before <= 1
        assert engine.health[0].monitors == {"process": False}
    finally:
        status, said = engine.stop()
    assert (status, said) == (0, "")


def test_in_another_network_namespace_it_says_why(tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("no unshare(1)")
    engine = Engine(tmp_path, prefix=("unshare", "-n"))
    try:
        (probe,) = engine.accept().probes
    finally:
        engine.close()
    assert not probe.works
    assert "network namespace" in probe.reason


def test_its_first_health_message_proves_the_connector(execs: Starts) -> None:
    engine = execs()
    storm(4, "healthy")
    engine.take(0.5)
    assert [one.monitors for one in engine.health] == [{"process": True}]
    assert engine.health[0].counters["lost"] == 0


def test_a_wrong_call_is_one_clear_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sentinair.roles.execs"]
    called = subprocess.run(command, capture_output=True, text=True, check=False)
    assert called.returncode == 2
    assert called.stderr.count("\n") == 1
    given = [*command, "--settings", str(tmp_path / "absent"), "--socket", str(tmp_path / "s")]
    called = subprocess.run(given, capture_output=True, text=True, check=False)
    assert called.returncode == 74
    assert called.stderr.count("\n") == 1


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])
