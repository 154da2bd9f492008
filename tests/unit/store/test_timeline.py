from __future__ import annotations

from pathlib import Path

from sentinair.model.event import CREATE, Event, FileEvent, ProcessEvent
from sentinair.model.process import Parent, Process
from sentinair.store import timeline
from sentinair.store.events import LaneKey, Pending
from sentinair.store.read import Reader
from sentinair.store.timeline import LIMIT, Around, Suspect, around
from tests.harness.ledgers import LedgerMaker

LANE = LaneKey("sensor", b"run-0001", "bulk")
AT = 1_700_000_000 * 10**9


def _file(at: int, pid: int, start: int = 50) -> FileEvent:
    return FileEvent(seen_ns=at, mono_ns=1, path=b"/x", actions=CREATE, pid=pid, start=start)


def _program(
    at: int, action: str, pid: int, start: int, parent: Parent | None = None
) -> ProcessEvent:
    process = Process(
        pid=pid, start=start, ppid=parent.pid if parent else 1, parents=(parent,) if parent else ()
    )
    return ProcessEvent(seen_ns=at, mono_ns=1, action=action, process=process)


def _kept(state: Path, events: list[Event], suspect: Suspect, event_id: int | None) -> Around:
    maker = LedgerMaker(state)
    for at in range(0, len(events), 500):
        pending = [
            Pending(
                maker.store.allocate(1),
                str(event.__struct_config__.tag),
                "t",
                LANE,
                n,
                event.seen_ns,
                event,
                None,
            )
            for n, event in enumerate(events[at : at + 500], at)
        ]
        maker.commit(pending)
    maker.close()
    with Reader.open(state) as reader:
        return around(reader, suspect, event_id, AT)


def test_what_a_process_and_its_children_did_is_found_and_nothing_else(tmp_path: Path) -> None:
    ours, other = Parent(7, 50, None), Parent(7, 9, None)
    events = [
        _program(AT - 3, "exec", 7, 50),
        _file(AT - 2, 7),
        _file(AT - 2, 7, start=9),  # the number was another's before
        _file(AT - 1, 8),
        _file(AT, 7),
        _program(AT + 1, "exec", 70, 51, ours),
        _program(AT + 1, "exec", 71, 51, other),
        _program(AT + 2, "exit", 70, 51, ours),
        _program(AT + 3, "exit", 7, 50),
        _file(AT + 4, 9),
    ]
    found = _kept(tmp_path, events, Suspect(7, 50, AT - 10), 5)
    assert sorted(row.id for row in found.events) == [1, 2, 5, 6, 9]
    assert found.whole


def test_without_a_start_the_number_decides(tmp_path: Path) -> None:
    found = _kept(tmp_path, [_file(AT - 1, 7, 1), _file(AT - 1, 7, 2)], Suspect(7, None), None)
    assert len(found.events) == 2


def test_the_nearest_are_shown_and_the_rest_is_said_to_be_there(tmp_path: Path) -> None:
    before: list[Event] = [_file(AT - 100 + n, 7) for n in range(50)]
    after: list[Event] = [_file(AT + n, 7) for n in range(1, 50)]
    found = _kept(tmp_path, [*before, *after], Suspect(7, 50), 50)
    times = sorted(row.time_ns for row in found.events)
    assert len(times) == 2 * LIMIT + 1
    assert times[0] == AT - 100 + 50 - LIMIT - 1
    assert times[-1] == AT + LIMIT
    assert not found.whole


def test_a_look_has_an_end(tmp_path: Path) -> None:
    many = timeline.LOOKED_AT + 600
    events: list[Event] = [_file(AT - many, 7), *(_file(AT - many + n, 8) for n in range(1, many))]
    found = _kept(tmp_path, events, Suspect(7, 50), None)
    assert found.events == ()
    assert not found.whole


def test_what_began_later_is_not_looked_for_earlier(tmp_path: Path) -> None:
    events: list[Event] = [_file(AT - 500, 7), _file(AT - 5, 7)]
    found = _kept(tmp_path, events, Suspect(7, 50, AT - 100), None)
    assert [row.time_ns for row in found.events] == [AT - 5]
    assert found.whole
