"""The process connector of the real kernel, and what it loses when its buffer is too small."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from sentinair.kernel import cnproc
from sentinair.kernel.cnproc import Exec, Exit, Fork, Lost, ProcConnector, Raw

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for the connector's buffer"),
    pytest.mark.skipif(not cnproc.probe().works, reason=cnproc.probe().reason),
]


class Recorder(ProcConnector):
    """Remembers the number of each message."""

    def __init__(self, buffer_bytes: int) -> None:
        self.numbers: list[tuple[int, int]] = []
        super().__init__(buffer_bytes)

    def _count(self, number: int, seq: int, ns: int) -> None:
        self.numbers.append((number, seq))
        super()._count(number, seq, ns)

    def drain(self, secs: float = 0.7) -> list[Raw]:
        found: list[Raw] = []
        deadline = time.monotonic() + secs
        while time.monotonic() < deadline:
            part = self.read(512)
            found += part
            if not part:
                time.sleep(0.02)
        return found


def burst(count: int) -> None:
    script = 'i=0; while [ $i -lt "$1" ]; do /bin/true; i=$((i+1)); done'
    subprocess.run(["/bin/sh", "-c", script, "sh", str(count)], check=True)


@pytest.fixture
def connector() -> Iterator[Recorder]:
    with closing(Recorder(8 << 20)) as made:
        yield made


def test_a_process_is_seen_from_fork_to_exit(connector: Recorder) -> None:
    child = subprocess.Popen(["/bin/false"])
    child.wait()
    found = [one for one in connector.drain(0.3) if getattr(one, "pid", 0) == child.pid]
    assert [type(one) for one in found] == [Fork, Exec, Exit]
    fork, _, gone = found
    assert isinstance(fork, Fork)
    assert fork.parent == os.getpid()
    assert isinstance(gone, Exit)
    assert os.waitstatus_to_exitcode(gone.code) == 1


def test_the_first_numbers_of_all_cpus_are_known_at_once(connector: Recorder) -> None:
    connector.drain(0.1)
    assert set(connector._cpus) >= os.sched_getaffinity(0)


def test_received_and_declared_lost_are_what_another_listener_saw(connector: Recorder) -> None:
    with closing(Recorder(4096)) as small:
        small.drain(0.3)
        losses = 0
        for _ in range(3):
            burst(300)
            losses += sum(isinstance(one, Lost) for one in small.drain(0.5))
        connector.drain(0.5)
        assert connector.lost == 0
        assert losses >= 1
        assert small.lost > 100
        first: dict[int, int] = {}
        for cpu, seq in small.numbers:
            first.setdefault(cpu, seq)
        sent = {
            (cpu, seq)
            for cpu, seq in connector.numbers
            if cpu in first and first[cpu] <= seq < small._cpus[cpu].seq
        }
        assert set(small.numbers) <= sent
        assert len(small.numbers) == small.received
        assert small.received + small.lost == len(sent)


def test_a_loss_is_declared_without_another_message(connector: Recorder) -> None:
    with closing(ProcConnector(4096)) as small:
        small.read(1000)
        burst(300)
        found: list[Raw] = []
        deadline = time.monotonic() + 3
        while not any(isinstance(one, Lost) for one in found) and time.monotonic() < deadline:
            found += small.read(1000)
        (loss,) = [one for one in found if isinstance(one, Lost)][:1]
        assert loss.count
        assert loss.since_ns < loss.until_ns <= time.monotonic_ns()


def test_affinity_is_as_before_after_visiting_all_cpus() -> None:
    before = os.sched_getaffinity(0)
    with closing(ProcConnector(1 << 20)) as made:
        assert os.sched_getaffinity(0) == before
        made.knock()
        received = made.received
        made.read(1000)
        assert made.received > received


def test_a_filter_that_refuses_affinity_does_not_refuse_the_connector(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(pid: int, cpus: set[int]) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    with closing(ProcConnector(1 << 20)) as made:
        made.knock()
        made.read(1000)
        assert made.received


def test_closing_leaves_no_descriptor() -> None:
    before = len(os.listdir("/proc/self/fd"))
    made = ProcConnector(1 << 20)
    made.close()
    made.close()
    assert len(os.listdir("/proc/self/fd")) == before
