"""Connector messages and /proc facts become events; the facts here are made by hand."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from sentinair.kernel import procfs
from sentinair.kernel.cnproc import Exec, Exit, Fork, Lost, Raw, Uid
from sentinair.model.event import GapEvent, ProcessEvent
from sentinair.model.process import MAX_PARENTS, FileId, Parent, Process
from sentinair.monitors.process import ProcessMonitor, completed

SHELL = Process(
    pid=100,
    start=50,
    ppid=1,
    exe=b"/bin/sh",
    argv=(b"sh",),
    cwd=b"/",
    uid=1000,
    auid=1000,
    euid=1000,
)
NS = 10_000_000_000


class Clock:
    def wall_ns(self) -> int:
        return 5_000

    def mono_ns(self) -> int:
        return 3_000


class Machine:
    """The processes that /proc would show."""

    def __init__(self, *processes: Process) -> None:
        self.there = {one.pid: one for one in processes}
        self.looks = 0

    def look(self, pid: int) -> Process | None:
        self.looks += 1
        return self.there.get(pid)


def monitor(
    machine: Machine, known: Iterable[int] = (100,), max_known: int = 100
) -> ProcessMonitor:
    made = ProcessMonitor(Clock(), lambda: b"gap-name", look=machine.look, max_known=max_known)
    made.survey(known)
    return made


def only(events: list[ProcessEvent | GapEvent]) -> ProcessEvent:
    (event,) = events
    assert isinstance(event, ProcessEvent)
    return event


def test_an_exec_carries_what_proc_says() -> None:
    machine = Machine(SHELL)
    watch = monitor(machine)
    began = procfs.ticks_of(NS)
    child = msgspec.structs.replace(SHELL, pid=101, ppid=100, start=began, argv=(b"ls", b"-l"))
    machine.there[101] = child
    event = only(watch.take([Fork(NS, 100, 101), Exec(NS + 1, 101)]))
    assert (event.action, event.process) == ("exec", child)
    assert (event.seen_ns, event.mono_ns) == (5_000, 3_000)


def test_a_process_gone_before_the_look_still_has_parent_users_and_start() -> None:
    watch = monitor(Machine(SHELL))
    process = only(watch.take([Fork(NS, 100, 101), Exec(NS + 1, 101)])).process
    assert (process.ppid, process.uid, process.euid, process.auid) == (100, 1000, 1000, 1000)
    assert process.start == procfs.ticks_of(NS)
    assert process.exited
    assert (process.exe, process.argv) == (None, None)  # the parent's would be a lie


def test_a_zombie_lends_what_it_lacks_from_its_fork() -> None:
    machine = Machine(SHELL)
    watch = monitor(machine)
    machine.there[101] = Process(pid=101, start=procfs.ticks_of(NS), exited=True)
    process = only(watch.take([Fork(NS, 100, 101), Exec(NS + 1, 101)])).process
    assert (process.ppid, process.uid, process.exited) == (100, 1000, True)


def test_another_process_with_the_same_number_is_not_taken_for_it() -> None:
    machine = Machine(SHELL)
    watch = monitor(machine)
    later = procfs.ticks_of(NS) + 500
    machine.there[101] = Process(
        pid=101, start=later, ppid=7, uid=0, exe=b"/bin/other", argv=(b"o",)
    )
    process = only(watch.take([Fork(NS, 100, 101), Exec(NS + 1, 101)])).process
    assert (process.exe, process.argv, process.uid, process.ppid) == (None, None, 1000, 100)
    assert process.start == procfs.ticks_of(NS)


def test_the_fork_of_an_unknown_parent_asks_proc_once() -> None:
    machine = Machine(SHELL)
    watch = monitor(machine, known=())
    watch.take([Fork(NS, 100, 101), Fork(NS, 100, 102)])
    assert machine.looks == 1
    assert only(watch.take([Exit(NS, 102, 0)])).process.uid == 1000


def test_an_exit_names_its_program_and_wait_status() -> None:
    watch = monitor(Machine(SHELL))
    event = only(watch.take([Exit(NS, 100, 256)]))
    assert (event.action, event.exit_code) == ("exit", 256)
    assert (event.process.exe, event.process.start, event.process.exited) == (b"/bin/sh", 50, True)
    assert event.process.argv is None


def test_the_exit_of_a_process_nobody_saw_begin_is_told_with_its_number_only() -> None:
    event = only(monitor(Machine()).take([Exit(NS, 55, 9)]))
    assert event.process == Process(pid=55, exited=True)


def test_a_change_of_user_tells_both_users() -> None:
    event = only(monitor(Machine(SHELL)).take([Uid(NS, 100, 0, 0)]))
    assert (event.action, event.old_uid, event.new_uid) == ("setid", 1000, 0)
    assert (event.process.uid, event.process.euid, event.process.argv) == (0, 0, (b"sh",))


def test_each_thread_setting_the_same_user_is_one_event() -> None:
    watch = monitor(Machine(SHELL))
    same: list[Raw] = [Uid(NS, 100, 0, 0)] * 3
    assert len(watch.take(same)) == 1
    assert watch.take([Uid(NS, 100, 1000, 0)]) != []


def test_a_child_inherits_the_changed_user() -> None:
    watch = monitor(Machine(SHELL))
    watch.take([Uid(NS, 100, 1000, 0), Fork(NS, 100, 101)])
    process = only(watch.take([Exit(NS, 101, 0)])).process
    assert (process.uid, process.euid) == (1000, 0)


def test_a_loss_is_a_gap_in_wall_time() -> None:
    (gap,) = monitor(Machine(SHELL)).take([Lost(12, 1_000, 2_000)])
    assert isinstance(gap, GapEvent)
    assert (gap.source, gap.reason, gap.lost) == ("cnproc", "enobufs", 12)
    assert (gap.since_ns, gap.until_ns, gap.gap_id) == (3_000, 4_000, b"gap-name")


def test_after_a_loss_the_table_is_learned_anew() -> None:
    machine = Machine(SHELL)
    watch = monitor(machine)
    watch.take([Fork(NS, 100, 101), Lost(1, 0, 1)])
    assert only(watch.take([Exit(NS, 101, 0)])).process.ppid is None


def test_the_table_does_not_grow_without_bound() -> None:
    watch = monitor(Machine(SHELL), max_known=10)
    watch.take([Fork(NS, 100, pid) for pid in range(200, 300)])
    assert len(watch._known) == 10


def test_the_table_holds_no_command_lines() -> None:
    machine = Machine(msgspec.structs.replace(SHELL, argv=(b"x" * 30_000,)))
    watch = monitor(machine)
    watch.take([Exec(NS, 100)])
    assert watch._known[100].argv is None


def test_facts_that_are_whole_are_not_copied() -> None:
    found = Process(pid=1, start=10, ppid=0, uid=0, euid=0, exe_id=FileId(1, 2, 3))
    assert completed(found, Process(pid=1, start=11)) is found


def test_a_look_without_a_start_takes_the_known_one() -> None:
    found = Process(pid=1, exe=b"/x", exited=True)
    whole = completed(found, Process(pid=1, start=11, ppid=3, uid=4, auid=5, euid=6))
    assert (whole.start, whole.ppid, whole.uid, whole.auid, whole.euid) == (11, 3, 4, 5, 6)
    assert whole.exe == b"/x"


def test_a_fork_that_never_ran_a_program_of_its_own_is_named_as_parent() -> None:
    machine = Machine(SHELL)
    watch = monitor(machine)
    began = procfs.ticks_of(NS)
    machine.there[102] = msgspec.structs.replace(SHELL, pid=102, ppid=101, start=began)
    event = only(watch.take([Fork(NS, 100, 101), Fork(NS, 101, 102), Exec(NS + 1, 102)]))
    worker, server = event.process.parents
    assert worker == Parent(101, began, b"/bin/sh")
    assert server == Parent(100, 50, b"/bin/sh")


def test_a_parent_an_event_told_of_is_not_told_again() -> None:
    machine = Machine(SHELL, msgspec.structs.replace(SHELL, pid=101, ppid=100))
    watch = monitor(machine)
    first, second, third = (
        event.process.parents
        for event in watch.take(
            [Exec(NS, 101), Fork(NS, 101, 102), Exec(NS + 1, 102), Exit(NS, 102, 0)]
        )
        if isinstance(event, ProcessEvent)
    )
    assert (first, second, third) == ((), (), ())


def test_a_fork_that_ended_is_no_parent_of_a_later_process_with_its_number() -> None:
    watch = monitor(Machine(SHELL))
    watch.take([Fork(NS, 100, 101), Exit(NS, 101, 0)])
    assert watch._untold == set()


def test_a_long_line_of_forks_is_cut() -> None:
    watch = monitor(Machine(SHELL))
    forks: list[Raw] = [Fork(NS, pid, pid + 1) for pid in range(100, 140)]
    event = only(watch.take([*forks, Exec(NS + 1, 140)]))
    assert [parent.pid for parent in event.process.parents] == list(
        range(139, 139 - MAX_PARENTS, -1)
    )


def test_what_is_untold_is_bounded_with_the_table() -> None:
    watch = monitor(Machine(SHELL), max_known=10)
    watch.take([Fork(NS, 100, pid) for pid in range(200, 300)])
    assert watch._untold == set(range(290, 300))
