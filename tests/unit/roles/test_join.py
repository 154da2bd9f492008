"""Who did it: pids are reused, processes exec and exit, and facts come from three sides in any order."""

from __future__ import annotations

from sentinair.model.process import Parent, Process
from sentinair.roles.engine.join import MAX_EXITED, MAX_EXITED_BYTES, REUSE_NS, ProcessTable


def plain(argv: tuple[bytes, ...]) -> tuple[tuple[bytes, ...], bool]:
    hidden = tuple(b"***" if word == b"secret" else word for word in argv)
    return hidden, hidden != argv


def table() -> ProcessTable:
    return ProcessTable(plain)


def process(
    pid: int, start: int | None = 100, exe: bytes | None = b"/bin/sh", **more: object
) -> Process:
    return Process(pid=pid, start=start, exe=exe, **more)  # type: ignore[arg-type]


def test_a_process_is_found_by_pid_and_start() -> None:
    known = table()
    known.learn(process(10), 1, action="exec")
    found = known.find(10, 100, 5)
    assert found is not None
    assert found.exe == b"/bin/sh"


def test_the_fork_events_start_may_be_off_by_a_tick() -> None:
    known = table()
    known.learn(process(10, start=101), 1, action="exec")
    assert known.find(10, 100, 5) is not None


def test_another_process_with_the_same_pid_is_not_taken_for_it() -> None:
    known = table()
    known.learn(process(10, start=100), 1, action="exec")
    assert known.find(10, 5000, 5) is None


def test_a_reused_pid_is_the_new_process_from_then_on() -> None:
    known = table()
    known.learn(process(10, start=100), 1, action="exec")
    known.learn(process(10, start=9000, exe=b"/bin/new"), 50, action="exec")
    found = known.find(10, None, 60)
    assert found is not None
    assert found.exe == b"/bin/new"


def test_an_event_by_a_process_that_ended_is_still_joined() -> None:
    known = table()
    known.learn(process(10), 1, action="exec")
    known.learn(process(10), 2, action="exit")
    assert known.find(10, None, 3) is not None


def test_an_event_long_after_the_exit_is_by_somebody_else() -> None:
    known = table()
    known.learn(process(10), 1, action="exec")
    known.learn(process(10), 2, action="exit")
    assert known.find(10, None, 3 + REUSE_NS) is None


def test_an_event_before_the_exec_is_by_the_image_before_it() -> None:
    known = table()
    known.learn(process(10, exe=b"/bin/bash"), 10, action="inventory")
    known.learn(process(10, exe=b"/usr/bin/touch"), 20, action="exec")
    before, after = known.find(10, 100, 15), known.find(10, 100, 25)
    assert before is not None
    assert after is not None
    assert (before.exe, after.exe) == (b"/bin/bash", b"/usr/bin/touch")


def test_the_parent_chain_is_nearest_first_and_masked() -> None:
    known = table()
    known.learn(process(1, start=0, exe=b"/sbin/init", ppid=0), 1, action="inventory")
    known.learn(process(10, ppid=1, argv=(b"sh", b"secret")), 2, action="exec")
    facts = known.learn(process(20, ppid=10, exe=b"/bin/ls"), 3, action="exec")
    assert [(p.pid, p.exe) for p in facts.parents] == [(10, b"/bin/sh"), (1, b"/sbin/init")]
    assert facts.parents[0].argv == (b"sh", b"***")


def test_a_parent_nobody_saw_is_named_by_its_pid_alone() -> None:
    facts = table().learn(process(20, ppid=10), 3, action="exec")
    assert [(p.pid, p.start, p.exe) for p in facts.parents] == [(10, None, None)]


def test_a_chain_that_was_incomplete_is_completed_once_the_parent_is_known() -> None:
    known = table()
    known.learn(process(20, ppid=10), 3, action="exec")
    known.learn(process(10, ppid=1, exe=b"/bin/bash"), 4, action="inventory")
    found = known.find(20, 100, 5)
    assert found is not None
    assert found.parents[0].exe == b"/bin/bash"


def test_secrets_are_masked_when_learned() -> None:
    facts = table().learn(process(20, argv=(b"x", b"secret")), 3, action="exec")
    assert facts.argv == (b"x", b"***")
    assert facts.masked


def test_what_a_later_source_does_not_know_is_kept_from_the_earlier() -> None:
    known = table()
    known.learn(process(20, argv=(b"a",), uid=5, auid=7, ppid=1), 3, action="exec")
    facts = known.learn(process(20, exe=b"/bin/sh", uid=6), 4, action="setid")
    assert (facts.uid, facts.auid, facts.ppid, facts.argv) == (6, 7, 1, (b"a",))


def test_the_sensors_own_look_is_joined_with_what_execs_told() -> None:
    known = table()
    known.learn(process(20, argv=(b"sh", b"-c"), ppid=1), 3, action="exec")
    assert known.join(process(20), 4).argv == (b"sh", b"-c")
    assert known.join(process(30, exe=b"/bin/cat"), 5).exe == b"/bin/cat"


def test_ended_processes_are_forgotten_oldest_first_and_the_living_never() -> None:
    known = table()
    known.learn(process(1, exe=b"/sbin/init"), 0, action="inventory")
    for pid in range(10, 10 + MAX_EXITED + 5):
        known.learn(process(pid), pid, action="exit")
    assert len(known) == MAX_EXITED + 1
    assert known.find(10, None, 20) is None
    assert known.find(1, None, 20) is not None


def test_a_program_that_was_gone_before_the_look_is_not_taken_for_the_one_before_it() -> None:
    known = table()
    known.learn(process(20, exe=b"/bin/bash", argv=(b"bash",), uid=5), 1, action="inventory")
    facts = known.learn(process(20, exe=None, exited=True), 2, action="exec")
    assert (facts.exe, facts.argv, facts.uid) == (None, None, 5)


def test_an_exit_keeps_the_name_of_what_exits() -> None:
    known = table()
    known.learn(process(20, exe=b"/bin/cat", argv=(b"cat",)), 1, action="exec")
    facts = known.learn(process(20, exe=None, exited=True), 2, action="exit")
    assert (facts.exe, facts.argv) == (b"/bin/cat", (b"cat",))


def test_what_an_inventory_does_not_find_has_ended() -> None:
    known = table()
    known.learn(process(20), 1, action="exec")
    known.learn(process(30), 1, action="exec")
    known.learn(process(40), 9, action="exec")
    known.sweep({30}, 5)
    assert known.find(20, None, 6 + REUSE_NS) is None
    assert known.find(30, None, 6 + REUSE_NS) is not None
    assert known.find(40, None, 6 + REUSE_NS) is not None


def test_a_fork_nobody_told_of_joins_the_chain_with_its_parents_command() -> None:
    known = table()
    known.learn(
        process(5, start=10, exe=b"/usr/sbin/httpd", argv=(b"httpd", b"secret"), ppid=1),
        1,
        action="exec",
    )
    told = (Parent(6, 20, b"/usr/sbin/httpd"), Parent(5, 10, b"/usr/sbin/httpd"))
    shell = known.learn(process(7, start=30, ppid=6, parents=told), 2, action="exec")
    assert [(one.pid, one.exe, one.argv) for one in shell.parents] == [
        (6, b"/usr/sbin/httpd", (b"httpd", b"***")),
        (5, b"/usr/sbin/httpd", (b"httpd", b"***")),
        (1, None, None),
    ]


def test_a_told_parent_is_not_taken_for_one_that_had_its_number_before() -> None:
    known = table()
    known.learn(process(6, start=10, exe=b"/bin/old"), 1, action="exec")
    known.learn(process(6, start=10, exe=b"/bin/old"), 2, action="exit")
    child = known.learn(
        process(7, start=9_005, ppid=6, parents=(Parent(6, 9_000, b"/bin/new"),)), 3, action="exec"
    )
    assert child.parents == (Parent(6, 9_000, b"/bin/new"),)


def test_told_parents_outlast_a_change_of_user() -> None:
    known = table()
    known.learn(process(7, ppid=6, parents=(Parent(6, 50, b"/bin/sh"),)), 1, action="exec")
    after = known.learn(process(7, ppid=6, uid=33), 2, action="setid")
    assert after.parents == (Parent(6, 50, b"/bin/sh"),)


def test_long_arguments_of_processes_that_ended_do_not_fill_the_memory() -> None:
    known = table()
    size = 32 << 10
    fitting = MAX_EXITED_BYTES // size
    for pid in range(10, 10 + 2 * fitting):
        known.learn(process(pid, argv=(b"x" * size,)), pid, action="exec")
        known.learn(process(pid), pid, action="exit")
    assert len(known) == fitting
    assert known.find(10, None, 11) is None
    assert known.find(10 + 2 * fitting - 1, None, 5000) is not None


def test_a_pid_that_is_used_again_and_again_is_counted_once() -> None:
    known = table()
    for start in range(2 * MAX_EXITED_BYTES >> 15):
        known.learn(process(10, start=start * 100, argv=(b"x" * (32 << 10),)), start, action="exec")
        known.learn(process(10, start=start * 100), start, action="exit")
    known.learn(process(11), 5000, action="exec")
    known.learn(process(11), 5000, action="exit")
    assert known.find(10, None, 5000) is not None
