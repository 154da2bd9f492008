"""The engine between its senders and its store: receipts, resending, names, gaps and repairs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from sentinair.detect.gaps import GapDetector
from sentinair.errors import DataFault
from sentinair.ipc.messages import AskHash, AskInventory, AskRescan
from sentinair.model.event import (
    ATTRIB,
    CREATE,
    DELETE,
    FileEvent,
    FileState,
    GapEvent,
    HashEvent,
    Listing,
    Observation,
    ProcessEvent,
    Scanned,
    WriterEvent,
)
from sentinair.model.process import FileId, Process
from sentinair.roles.engine.join import HOLD_NS
from sentinair.store.events import LaneKey
from tests.unit.roles.engine_bed import Bed

STATE = FileState(mode=0o100644, uid=0, gid=0, size=1, inode=2, device=3, mtime_ns=4, ctime_ns=5)


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    made = Bed(tmp_path / "state")
    yield made
    made.close()


def file(
    path: bytes, pid: int | None = None, start: int | None = None, **more: object
) -> FileEvent:
    fields: dict[str, object] = {"actions": CREATE, "state": STATE} | more
    return FileEvent(
        seen_ns=time.time_ns(),
        mono_ns=time.monotonic_ns(),
        path=path,
        pid=pid,
        start=start,
        **fields,  # type: ignore[arg-type]
    )


def exec_of(pid: int, exe: bytes = b"/usr/bin/touch", action: str = "exec") -> ProcessEvent:
    return ProcessEvent(
        seen_ns=time.time_ns(),
        mono_ns=time.monotonic_ns(),
        action=action,
        process=Process(pid=pid, start=7, ppid=1, exe=exe, uid=0, exe_id=FileId(1, 2, 3)),
    )


def scanned(reason: str, scope: str = "files", gaps: tuple[bytes, ...] = ()) -> Scanned:
    return Scanned(
        seen_ns=time.time_ns(),
        mono_ns=time.monotonic_ns(),
        scan=1,
        scope=scope,
        reason=reason,
        roots=(b"/etc",),
        gaps=gaps,
        directories=1,
        entries=1,
        began_ns=time.time_ns(),
    )


def listing(directory: bytes, **entries: FileState) -> Listing:
    return Listing(
        seen_ns=time.time_ns(),
        mono_ns=time.monotonic_ns(),
        scan=1,
        directory=directory,
        names=tuple(name.encode() for name in entries),
        states=tuple(entries.values()),
    )


def test_a_receipt_comes_only_after_the_commit(bed: Bed) -> None:
    sensor = bed.connect()
    sensor.hello()
    sensor.batch([file(b"/etc/a"), file(b"/etc/b")])
    assert sensor.receipts().get("bulk") is None
    bed.commits.commit()
    assert sensor.receipts()["bulk"] == 2
    assert [e.event.path for e in bed.events("file")] == [b"/etc/a", b"/etc/b"]  # type: ignore[attr-defined]


def test_what_is_sent_again_is_stored_once(bed: Bed) -> None:
    sensor = bed.connect()
    sensor.hello()
    sensor.batch([file(b"/etc/a"), file(b"/etc/b")])
    sensor.hang_up()
    again = bed.connect()
    again.hello()
    again.batch([file(b"/etc/a"), file(b"/etc/b"), file(b"/etc/c")])
    assert [e.event.path for e in bed.events("file")] == [b"/etc/a", b"/etc/b", b"/etc/c"]  # type: ignore[attr-defined]


def test_a_new_engine_tells_the_sender_what_is_on_disk(tmp_path: Path) -> None:
    first = Bed(tmp_path / "state")
    sensor = first.connect()
    sensor.hello()
    sensor.batch([file(b"/etc/a")])
    first.commits.commit()
    sensor.batch([file(b"/etc/lost")], first=2)
    first.crash()
    second = Bed(tmp_path / "state")
    back = second.connect()
    assert back.hello().committed["bulk"] == 1
    assert second.events("gap") == []
    second.close()


def test_the_numbers_of_runs_that_ended_are_forgotten(bed: Bed) -> None:
    lanes = []
    for run in (b"1" * 8, b"2" * 8):
        sensor = bed.connect(run=run)
        sensor.hello()
        sensor.batch([file(b"/etc/a")])
        assert bed.spine.intake.taken(LaneKey("sensor", run, "bulk")) == 1
        lanes.append(LaneKey("sensor", run, "bulk"))
    first, second = lanes
    assert (bed.spine.intake.taken(first), bed.spine.intake.taken(second)) == (0, 1)


def test_a_new_run_is_exactly_one_gap_even_if_the_engine_dies_then(tmp_path: Path) -> None:
    first = Bed(tmp_path / "state")
    sensor = first.connect(run=b"run-0001")
    sensor.hello()
    sensor.batch([file(b"/etc/a")])
    sensor.hang_up()
    reborn = first.connect(run=b"run-0002")
    reborn.hello()
    first.commits.commit()
    first.crash()
    second = Bed(tmp_path / "state")
    again = second.connect(run=b"run-0002")
    again.hello()
    gaps = [e.event for e in second.events("gap")]
    assert len(gaps) == 1
    assert isinstance(gaps[0], GapEvent)
    assert (gaps[0].source, gaps[0].reason, gaps[0].lost) == ("sensor", "sender_death", None)
    assert gaps[0].since_ns <= gaps[0].until_ns
    second.close()


@pytest.mark.parametrize(("after_stop", "reason"), [(True, "restart"), (False, "sender_death")])
def test_only_a_stop_in_order_makes_a_new_run_a_mere_restart(
    tmp_path: Path, after_stop: bool, reason: str
) -> None:
    first = Bed(tmp_path / "state")
    sensor = first.connect(run=b"run-0001")
    sensor.hello()
    sensor.batch([file(b"/etc/a")])
    first.close()
    second = Bed(tmp_path / "state", after_stop=after_stop)
    second.connect(run=b"run-0002").hello()
    third = second.connect(run=b"run-0003")
    third.hello()
    reasons = [e.event.reason for e in second.events("gap")]  # type: ignore[attr-defined]
    assert reasons == [reason, "sender_death"]
    second.close()


def test_the_start_rescan_of_the_new_run_repairs_its_gap(bed: Bed) -> None:
    sensor = bed.connect(run=b"run-0001")
    sensor.hello()
    sensor.batch([file(b"/etc/a")])
    sensor.hang_up()
    reborn = bed.connect(run=b"run-0002")
    reborn.hello()
    assert len(bed.gaps.open) == 1
    reborn.batch([scanned("start")], source="rescan")
    assert len(bed.records("gap")) == 1
    assert len(bed.records("gap.restored")) == 1
    assert not bed.gaps.open


def test_a_gap_is_open_until_the_scan_that_names_it(bed: Bed) -> None:
    sensor = bed.connect()
    sensor.hello()
    now = time.time_ns()
    gap = GapEvent(
        seen_ns=now,
        mono_ns=1,
        gap_id=b"12345678",
        source="fanotify",
        reason="overflow",
        lost=None,
        since_ns=now - 5,
        until_ns=now,
    )
    sensor.batch([gap], lane="vital")
    sensor.batch([scanned("gap", gaps=(b"87654321",))], source="rescan")
    assert set(bed.gaps.open) == {b"12345678"}
    sensor.batch([scanned("gap", gaps=(b"12345678",))], first=2, source="rescan")
    assert not bed.gaps.open
    assert len(bed.records("gap.restored")) == 1


@pytest.mark.parametrize(("reason", "left"), [("gap", 1), ("start", 0)])
def test_a_mount_that_cannot_be_watched_stays_a_gap_until_a_new_run(
    bed: Bed, reason: str, left: int
) -> None:
    sensor = bed.connect()
    sensor.hello()
    gap = GapEvent(
        seen_ns=1,
        mono_ns=1,
        gap_id=b"12345678",
        source="fanotify",
        reason="mark_failed",
        lost=None,
        since_ns=1,
        until_ns=1,
    )
    sensor.batch([gap], lane="vital")
    sensor.batch([scanned(reason, gaps=(b"12345678",))], source="rescan")
    assert len(bed.gaps.open) == left


def test_losses_of_execs_are_repaired_by_an_inventory_of_the_sensor(bed: Bed) -> None:
    sensor, execs = bed.connect(), bed.connect("execs")
    sensor.hello()
    execs.hello()
    assert [m.gaps for m in sensor.heard() if isinstance(m, AskInventory)] in ([], [()])
    now = time.time_ns()
    gap = GapEvent(
        seen_ns=now,
        mono_ns=1,
        gap_id=b"execsgap",
        source="cnproc",
        reason="enobufs",
        lost=3,
        since_ns=now,
        until_ns=now,
    )
    execs.batch([gap], lane="vital", source="cnproc")
    bed.spine._next_inventory_ns = 0
    bed.spine.tick()
    assert AskInventory((b"execsgap",)) in sensor.heard()
    sensor.batch(
        [exec_of(50, action="inventory"), scanned("gap", "processes", (b"execsgap",))],
        source="inventory",
    )
    assert not bed.gaps.open
    assert [e.event.action for e in bed.events("process")] == ["inventory"]  # type: ignore[attr-defined]


def test_an_inventory_stores_only_what_is_news(bed: Bed) -> None:
    sensor = bed.connect()
    sensor.hello()
    sensor.batch([exec_of(50, action="inventory")], source="inventory")
    sensor.batch([exec_of(50, action="inventory")], first=2, source="inventory")
    assert len(bed.events("process")) == 1


def test_a_writer_that_execs_knows_is_joined(bed: Bed) -> None:
    sensor, execs = bed.connect(), bed.connect("execs")
    sensor.hello()
    execs.hello()
    execs.batch([exec_of(50)], lane="vital", source="cnproc")
    sensor.batch([file(b"/etc/a", pid=50)])
    (stored,) = bed.events("file")
    assert stored.process is not None
    assert stored.process.exe == b"/usr/bin/touch"


def test_a_shell_with_a_long_script_does_not_fill_the_record_by_its_children(bed: Bed) -> None:
    sensor, execs = bed.connect(), bed.connect("execs")
    sensor.hello()
    execs.hello()
    script = (b"sh", b"-c", b"x" * (32 << 10))
    shells = [
        replace(exec_of(pid), process=replace(exec_of(pid).process, ppid=pid - 1, argv=script))
        for pid in range(56, 60)
    ]
    children = [
        replace(exec_of(pid, action=action), process=replace(exec_of(pid).process, ppid=59))
        for pid in range(60, 70)
        for action in ("exec", "exit")
    ]
    execs.batch([*shells, *children], lane="vital", source="cnproc")
    sensor.batch([file(b"/etc/a", pid=60)])
    stored = bed.events("process")
    own, theirs = stored[:4], stored[4:]
    assert all(len(msgspec.msgpack.encode(one.event)) > 32 << 10 for one in own)
    assert len(theirs) == 20
    assert all(len(msgspec.msgpack.encode(one.event)) < 4096 for one in theirs)
    (changed,) = bed.events("file")
    assert len(msgspec.msgpack.encode(changed.process)) < 4096


def test_an_unknown_writer_is_waited_for_and_everything_behind_it_in_its_lane(bed: Bed) -> None:
    sensor, execs = bed.connect(), bed.connect("execs")
    sensor.hello()
    execs.hello()
    sensor.batch([file(b"/etc/a", pid=50)])
    sensor.batch([file(b"/etc/b")], first=2)
    bed.spine.intake.release(time.monotonic_ns())
    assert bed.events("file") == []
    execs.batch([exec_of(50)], lane="vital", source="cnproc")
    bed.spine.intake.release(time.monotonic_ns())
    stored = bed.events("file")
    assert [e.event.path for e in stored] == [b"/etc/a", b"/etc/b"]  # type: ignore[attr-defined]
    assert stored[0].process is not None
    assert stored[0].process.exe == b"/usr/bin/touch"


def test_a_writer_nobody_ever_knows_is_stored_as_gone_after_the_wait(bed: Bed) -> None:
    sensor = bed.connect()
    sensor.hello()
    sensor.batch([file(b"/etc/a", pid=50)])
    due = bed.spine.intake.due_ns(time.monotonic_ns())
    assert due is not None
    assert 0 < due <= HOLD_NS
    bed.spine.intake.release(time.monotonic_ns() + HOLD_NS)
    (stored,) = bed.events("file")
    assert stored.process is not None
    assert (stored.process.pid, stored.process.exe, stored.process.exited) == (50, None, True)


def test_a_name_that_comes_too_late_is_an_event_of_its_own(bed: Bed) -> None:
    sensor, execs = bed.connect(), bed.connect("execs")
    sensor.hello()
    execs.hello()
    sensor.batch([file(b"/etc/a", pid=50)])
    bed.spine.intake.release(time.monotonic_ns() + HOLD_NS)
    (stored,) = bed.events("file")
    execs.batch([exec_of(50)], lane="vital", source="cnproc")
    (late,) = bed.events("writer")
    assert isinstance(late.event, WriterEvent)
    assert (late.event.of, late.event.process.exe) == (stored.id, b"/usr/bin/touch")


def test_a_first_listing_teaches_without_events_and_a_later_one_finds_changes(bed: Bed) -> None:
    bed.settled.clear()
    sensor = bed.connect()
    sensor.hello()
    sensor.batch([listing(b"/etc", a=STATE, b=STATE), scanned("start")], source="rescan")
    assert bed.events("file") == []
    assert bed.store.known(b"/etc") == [(b"a", STATE), (b"b", STATE)]
    sensor.batch([listing(b"/etc", a=STATE, c=STATE)], first=3, source="rescan")
    found = {e.event.path: e.event.actions for e in bed.events("file")}  # type: ignore[attr-defined]
    assert found == {b"/etc/b": DELETE, b"/etc/c": CREATE}


def test_a_watched_file_outside_any_watched_directory_is_compared_too(bed: Bed) -> None:
    bed.settled.clear()
    sensor = bed.connect()
    sensor.hello()
    one = msgspec.structs.replace(listing(b"/opt", a=STATE), after=b"`\xff", upto=b"a")
    done = msgspec.structs.replace(scanned("start"), roots=(b"/opt/a",))
    sensor.batch([one, done], source="rescan")
    assert bed.events("file") == []
    gone = msgspec.structs.replace(one, names=(), states=())
    sensor.batch([gone], first=3, source="rescan")
    assert [e.event.path for e in bed.events("file")] == [b"/opt/a"]  # type: ignore[attr-defined]


def test_a_listing_is_compared_with_what_waits_for_the_commit_too(bed: Bed) -> None:
    sensor = bed.connect()
    sensor.hello()
    sensor.batch([file(b"/etc/a"), listing(b"/etc", a=STATE)])
    assert len(bed.events("file")) == 1


def test_an_unknown_executable_is_hashed_once_and_then_known(bed: Bed) -> None:
    sensor, execs = bed.connect(), bed.connect("execs")
    sensor.hello()
    execs.hello()
    execs.batch([exec_of(50), exec_of(51)], lane="vital", source="cnproc")
    asks = [m for m in sensor.heard() if isinstance(m, AskHash)]
    assert len(asks) == 1
    answer = HashEvent(
        seen_ns=1, mono_ns=1, path=b"/usr/bin/touch", file_id=FileId(1, 2, 3), sha256=b"h" * 32
    )
    sensor.batch([answer], source="hash")
    execs.batch([exec_of(52)], first=3, lane="vital", source="cnproc")
    assert [e.event.sha256 for e in bed.events("process")] == [None, None, b"h" * 32]  # type: ignore[attr-defined]


def test_the_hash_of_a_changed_file_names_the_event_that_asked(bed: Bed) -> None:
    sensor = bed.connect()
    sensor.hello()
    sensor.batch([file(b"/etc/a", hash_wanted=True)])
    sensor.batch(
        [HashEvent(seen_ns=1, mono_ns=1, path=b"/etc/a", file_id=None, sha256=b"h" * 32)],
        first=2,
        source="hash",
    )
    (asked,) = bed.events("file")
    (answer,) = bed.events("hash")
    assert isinstance(answer.event, HashEvent)
    assert answer.event.of == asked.id


def test_a_step_of_the_wall_clock_is_a_record_and_no_gap(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed.spine.tick()
    bed.spine._clock._offset_ns = (bed.spine._clock._offset_ns or 0) - 3_600_000_000_000
    bed.spine.tick()
    assert len(bed.records("clock.step")) == 1
    assert len(bed.events("clock")) == 1
    assert bed.records("gap") == []


def test_a_record_that_was_changed_is_an_event_a_record_and_a_critical_alert(
    tmp_path: Path,
) -> None:
    bed = Bed(tmp_path / "state", [GapDetector(bytes(tmp_path / "state"), (1, 0))])
    bed.spine.judge.tampered("full check", "verify finds faults")
    assert [e.event.what for e in bed.events("tamper")] == ["verify finds faults"]  # type: ignore[attr-defined]
    assert len(bed.records("tamper")) == 1
    (alert,) = bed.store.unfinished_alerts(10)
    assert (alert.severity, alert.rule_id) == ("critical", "sentinair-record-altered")
    bed.close()


def test_the_heartbeat_tells_what_was_seen(bed: Bed) -> None:
    sensor = bed.connect()
    sensor.hello()
    sensor.batch([file(b"/etc/a", actions=ATTRIB)])
    bed.spine._next_beat_ns = 0
    bed.spine.tick()
    (beat,) = bed.records("heartbeat")
    assert isinstance(beat, dict)
    assert beat["events"] == 1


@pytest.mark.parametrize("fault", ["role", "version", "no hello"])
def test_a_sender_that_is_not_what_its_socket_says_is_refused(bed: Bed, fault: str) -> None:
    sensor = bed.connect("sensor")
    if fault == "role":
        sensor.role = "execs"
    with pytest.raises(DataFault):
        if fault == "no hello":
            sensor.batch([file(b"/etc/a")])
        elif fault == "version":
            from sentinair.ipc import messages

            hello = messages.Hello(99, "sensor", b"r" * 8, 1, 1, 1, {}, ())
            sensor._say(hello)
        else:
            sensor.hello()


def test_what_a_superseded_connection_had_sent_unread_is_stored_once(bed: Bed) -> None:
    old, new = bed.connect(), bed.connect()
    old.hello()
    old.post([file(b"/etc/a")])
    new.hello()
    new.batch([file(b"/etc/a")])
    for heard in old.sender.receive():
        bed.spine.hear(old.sender, heard)
    assert len(bed.events("file")) == 1


def test_what_waited_for_a_name_on_the_old_connection_is_stored_once(bed: Bed) -> None:
    old, new = bed.connect(), bed.connect()
    old.hello()
    old.batch([file(b"/etc/a", pid=50)])
    new.hello()
    new.batch([file(b"/etc/a", pid=50)])
    bed.spine.intake.release(time.monotonic_ns() + HOLD_NS)
    assert len(bed.events("file")) == 1


def test_asking_while_the_sensor_is_away_is_no_fault(bed: Bed) -> None:
    bed.spine.ask(AskRescan("asked", (b"/etc",), ()))
    assert bed.spine.senders == {}


BOUND = 1 << 63
BAD_LISTING = Listing(
    seen_ns=1, mono_ns=1, scan=1, directory=b"/etc", names=(b"a", b"b"), states=(STATE,)
)
NO_BATCH: dict[str, tuple[Observation, ...]] = {
    "nothing": (),
    "too many": (file(b"/a"),) * 2049,
    "relative path": (file(b"a"),),
    "relative old path": (file(b"/a", old_path=b"b"),),
    "names without states": (BAD_LISTING,),
    "relative directory": (listing(b"abc/def", a=STATE),),
    "no directory": (listing(b"", a=STATE),),
    "relative root": (msgspec.structs.replace(scanned("start"), roots=(b"abc",)),),
    "time beyond the database": (msgspec.structs.replace(file(b"/a"), seen_ns=BOUND),),
}


@pytest.mark.parametrize("fault", NO_BATCH)
def test_a_batch_the_engine_could_not_take_ends_the_connection_and_nothing_else(
    bed: Bed, fault: str
) -> None:
    sensor = bed.connect()
    sensor.hello()
    with pytest.raises(DataFault):
        sensor.batch(NO_BATCH[fault])
    sensor.hang_up()
    good = bed.connect(run=b"run-0002")
    good.hello()
    good.batch([file(b"/etc/a")])
    assert len(bed.events("file")) == 1


@pytest.mark.parametrize("first", [0, -1, BOUND - 1, BOUND])
def test_a_seq_without_room_behind_it_is_refused(bed: Bed, first: int) -> None:
    sensor = bed.connect()
    sensor.hello()
    with pytest.raises(DataFault):
        sensor.batch([file(b"/etc/a"), file(b"/etc/b")], first=first)


def test_an_unknown_lane_is_refused(bed: Bed) -> None:
    sensor = bed.connect()
    sensor.hello()
    with pytest.raises(DataFault):
        sensor.batch([file(b"/etc/a")], lane="express")


@pytest.mark.parametrize("role", ["api", "forwarder"])
def test_a_role_that_observes_nothing_cannot_put_events_into_the_record(
    bed: Bed, role: str
) -> None:
    liar = bed.connect(role)
    liar.hello()
    with pytest.raises(DataFault):
        liar.batch([file(b"/etc/a")])
    assert bed.events() == []


def test_a_gap_told_twice_does_not_keep_the_record_from_being_written(bed: Bed) -> None:
    sensor = bed.connect()
    sensor.hello()
    gap = GapEvent(
        seen_ns=1,
        mono_ns=1,
        gap_id=b"12345678",
        source="fanotify",
        reason="overflow",
        lost=None,
        since_ns=1,
        until_ns=2,
    )
    sensor.batch([gap, gap], lane="vital")
    assert bed.commits.commit()
    assert len(bed.records("gap")) == 2


def test_a_second_connection_of_a_living_sender_ends_the_first_and_is_no_new_run(bed: Bed) -> None:
    first = bed.connect()
    first.hello()
    first.batch([file(b"/etc/a")])
    bed.commits.commit()
    second = bed.connect()
    assert second.hello().committed["bulk"] == 1
    with pytest.raises(DataFault):
        list(first.sender.receive())
    assert bed.records("gap") == []


@pytest.mark.parametrize(
    "event",
    [
        file(b"/a", state=msgspec.structs.replace(STATE, mode=1 << 40)),
        file(b"/a", state=msgspec.structs.replace(STATE, mtime_ns=BOUND)),
        file(b"/a", pid=1 << 31),
        msgspec.structs.replace(exec_of(1), process=Process(pid=-1)),
        msgspec.structs.replace(exec_of(1), process=Process(pid=1, exe_id=FileId(-1, 2, 3))),
    ],
)
def test_numbers_no_kernel_gives_are_refused(bed: Bed, event: Observation) -> None:
    sensor = bed.connect()
    sensor.hello()
    with pytest.raises(DataFault):
        sensor.batch([event])


def test_a_rescan_blames_nobody_for_what_the_agent_itself_writes(bed: Bed) -> None:
    sensor = bed.connect()
    sensor.hello()
    names = {"ledger.db": STATE, "planted": STATE}
    sensor.batch([listing(b"/state", **names)])
    written = {name: msgspec.structs.replace(it, mtime_ns=9) for name, it in names.items()}
    sensor.batch([listing(b"/state", **written)], first=2)
    sensor.batch([listing(b"/state", **written)], first=3)
    paths = [e.event.path for e in bed.events("file") if isinstance(e.event, FileEvent)]
    assert paths == [b"/state/planted", b"/state/planted"]
    assert bed.store.file(b"/state/ledger.db") == written["ledger.db"]
