"""Modes and drills on a real record."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from sentinair.errors import PermissionFault, UsageFault
from sentinair.model.alert import Alert, Detection, Joined
from sentinair.model.event import CREATE, RENAME, WRITE, FileEvent, FileState
from sentinair.model.process import Parent, Process
from sentinair.model.record import Stamp
from sentinair.roles.engine.drills import MAX_NS
from sentinair.roles.engine.modes import Modes
from sentinair.store.events import LaneKey
from sentinair.store.read import AlertFilter, Reader
from tests.unit.roles.engine_bed import NEVER_UID, Bed, stamp

HOUR_NS = 3600 * 10**9
LANE = LaneKey("engine", b"12345678", "own")
TOKEN = "sentinair-drill-0123456789abcdef"


def _raise(
    bed: Bed, severity: str = "high", path: bytes = b"/x", process: Process | None = None
) -> Alert:
    """A detection on a new file, as an alert."""
    found = Detection(
        rule_id="r", title="T", description="D", category="c", severity=severity, confidence=0.5,
        source="sigma", matches=(), why=(), next_steps=(),
    )  # fmt: skip
    event = FileEvent(seen_ns=time.time_ns(), mono_ns=time.monotonic_ns(), path=path, actions=1)
    changes = bed.alerts.take([found], Joined(event, process), None, event.seen_ns, bed.new_id)
    bed.commits.alert(changes)
    bed.commits.commit()
    return changes[0].alert


def _alerts(bed: Bed, **wanted: Any) -> list[Alert]:
    bed.commits.commit()
    with Reader.open(bed.state) as reader:
        return reader.alerts(AlertFilter(**wanted)).rows


def _later(ns: int) -> Stamp:
    now = stamp()
    return replace(now, time_ns=now.time_ns + ns, mono_ns=now.mono_ns + ns)


def _maintain(bed: Bed, secs: int | None = 3600, reason: str = "new disks") -> dict[str, object]:
    return bed.modes.set(0, "uid 0 (root)", "maintenance", secs, reason)


def test_a_maintenance_holds_notices_and_ends_by_itself(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    assert bed.modes.status()["mode"] == "observe"
    before = _raise(bed, path=b"/before")
    assert _maintain(bed)["mode"] == "maintenance"
    held = [_raise(bed, "medium", b"/m"), _raise(bed, "high", b"/h")]
    critical = _raise(bed, "critical", b"/c")
    assert before.held_since_ns is None
    assert critical.held_since_ns is None
    assert all(one.held_since_ns is not None and one.status == "open" for one in held)
    assert bed.modes.status()["held"] == 2
    bed.modes.tick(_later(HOUR_NS - 10**9))
    assert bed.modes.name == "maintenance"
    bed.modes.tick(_later(HOUR_NS))
    assert bed.modes.name == "observe"
    (told,) = _alerts(bed, source=("mode",))
    assert told.severity == "high"
    assert "2 alerts were held" in told.title
    named = told.details["held"]
    assert isinstance(named, list)
    assert [one["severity"] for one in named] == ["high", "medium"]
    begun, ended = bed.records("mode.changed")
    assert isinstance(begun, dict)
    assert isinstance(ended, dict)
    assert (begun["by"], begun["reason"], begun["secs"]) == ("uid 0 (root)", "new disks", 3600)
    assert (ended["by"], ended["mode"], ended["held"]) == (
        None,
        "observe",
        {"high": 1, "medium": 1},
    )
    assert _raise(bed, path=b"/after").held_since_ns is None
    bed.close()


def test_a_maintenance_goes_on_over_a_restart_and_ends_at_its_time(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    _maintain(bed)
    _raise(bed, "medium", b"/m")
    bed.crash()
    bed = Bed(tmp_path)
    assert bed.modes.name == "maintenance"
    assert bed.modes.status()["held"] == 1
    assert _raise(bed, "low", b"/l").held_since_ns is not None
    bed.close()
    # A day later, after a boot: its time was up while nobody looked.
    bed = Bed(tmp_path)
    late = replace(_later(24 * HOUR_NS), boot="1" * 32, mono_ns=5)
    assert bed.modes.name == "maintenance"
    bed.modes.tick(late)
    assert bed.modes.name == "observe"
    (told,) = _alerts(bed, source=("mode",))
    assert told.details["held_count"] == 2
    bed.close()
    bed = Bed(tmp_path)
    assert bed.modes.name == "observe"
    assert bed.alerts.circumstances.holding_since_ns is None
    bed.close()


def test_a_clock_set_back_makes_no_maintenance_longer(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    _maintain(bed)
    now = stamp()
    back = replace(now, time_ns=now.time_ns - 24 * HOUR_NS, mono_ns=now.mono_ns + HOUR_NS)
    bed.modes.tick(back)
    assert bed.modes.name == "observe"
    # Over a boot the wall clock alone counts, and at most the whole time is left.
    _maintain(bed)
    left = bed.modes.left_ns(replace(back, boot="1" * 32))
    assert left is not None
    assert left <= HOUR_NS
    # And it runs down on the steady clock, though the wall clock says that nothing has begun yet.
    hour_on = replace(back, boot="1" * 32, mono_ns=back.mono_ns + HOUR_NS)
    bed.modes.tick(hour_on)
    assert bed.modes.name == "observe"
    bed.close()


def test_a_person_ends_a_maintenance_and_an_empty_one_tells_nothing(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    _maintain(bed)
    assert bed.modes.set(0, "uid 0 (root)", "observe", None, "done")["mode"] == "observe"
    assert _alerts(bed) == []
    again = bed.modes.set(0, "uid 0 (root)", "observe", None, "")
    assert "already" in str(again["note"])
    assert len(bed.records("mode.changed")) == 2
    bed.close()


def test_protect_is_a_door_that_says_it_is_not_built(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    answer = bed.modes.set(0, "uid 0 (root)", "protect", None, "please")
    assert answer["mode"] == "observe"
    assert "not built" in str(answer["note"])
    assert bed.records("mode.changed") == []
    bed.close()


@pytest.mark.parametrize(
    ("mode", "secs", "reason"),
    [
        ("maintenance", None, "x"),
        ("maintenance", 0, "x"),
        ("maintenance", 8 * 86_400, "x"),
        ("maintenance", 60, "  "),
        ("asleep", 60, "x"),
    ],
)
def test_a_mode_that_cannot_be_is_refused(
    tmp_path: Path, mode: str, secs: int | None, reason: str
) -> None:
    bed = Bed(tmp_path)
    with pytest.raises(UsageFault):
        bed.modes.set(0, "uid 0 (root)", mode, secs, reason)
    assert bed.modes.name == "observe"
    bed.close()


def test_the_face_to_the_network_may_never_change_the_mode(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    for mode in ("maintenance", "observe", "protect"):
        with pytest.raises(PermissionFault):
            bed.modes.set(NEVER_UID, "uid 4711", mode, 60, "x")
    bed.close()


def test_only_what_a_drill_said_before_is_its_own(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    path = b"/etc/" + TOKEN.encode() + b"-001"
    real = _raise(bed, path=path)
    assert "drill" not in real.details
    bed.spine.drills.begin(TOKEN, "uid 0 (root)")
    marked = _raise(bed, path=path)
    assert marked.details["drill"] is True
    assert "drill" not in _raise(bed, path=b"/etc/other").details
    in_folder = Process(pid=3, cwd=path, exe=b"/bin/x")
    assert _raise(bed, path=b"/etc/third", process=in_folder).details["drill_token"] == TOKEN
    # What a drill raises never counts on an alert that is none, nor the other way round.
    bed.spine.drills.end(TOKEN, "uid 0 (root)", {"came": 2, "missing": 0})
    assert real.id != marked.id
    (ended,) = bed.records("drill.ended")
    assert isinstance(ended, dict)
    assert ended["came"] == 2
    bed.close()


def test_a_stranger_who_uses_the_token_of_a_drill_is_no_drill(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.spine.drills.begin(TOKEN, "uid 0 (root)", 77)
    path = b"/etc/" + TOKEN.encode()
    above = (Parent(78, None, None), Parent(77, None, None), Parent(1, None, None))
    stranger = _raise(bed, path=path + b"-1", process=Process(pid=9, exe=b"/bin/x"))
    assert "drill" not in stranger.details
    for number, process in enumerate((Process(pid=77), Process(pid=9, parents=above), None)):
        marked = _raise(bed, path=path + b"-2%d" % number, process=process)
        assert marked.details["drill_token"] == TOKEN
    bed.close()


def test_a_drill_that_never_ends_is_ended(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.spine.drills.begin(TOKEN, "uid 0 (root)")
    bed.spine.drills.tick(_later(MAX_NS + 1))
    assert bed.alerts.circumstances.tokens == ()
    assert len(bed.records("drill.ended")) == 1
    bed.close()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda drills: drills.begin("sentinair-drill-xyz", "a"),
        lambda drills: drills.begin("", "a"),
        lambda drills: (drills.begin(TOKEN, "a"), drills.begin(TOKEN, "a")),
        lambda drills: [drills.begin(f"sentinair-drill-{n:016x}", "a") for n in range(5)],
        lambda drills: drills.end(TOKEN, "a", {}),
        lambda drills: (drills.begin(TOKEN, "a"), drills.end(TOKEN, "a", {"x": 1})),
        lambda drills: (drills.begin(TOKEN, "a"), drills.end(TOKEN, "a", {"came": -1})),
    ],
)
def test_a_drill_that_makes_no_sense_is_refused(
    tmp_path: Path, wrong: Callable[[object], object]
) -> None:
    bed = Bed(tmp_path)
    with pytest.raises(UsageFault):
        wrong(bed.spine.drills)
    bed.close()


def _state(size: int) -> FileState:
    return FileState(0o100644, 0, 0, size, 5, 1, 0, 0)


def _event(path: bytes, actions: int, size: int, old: bytes | None = None) -> FileEvent:
    return FileEvent(
        seen_ns=1, mono_ns=1, path=path, actions=actions, state=_state(size), old_path=old
    )


def test_what_a_file_was_before_is_known_from_the_record_or_from_what_waits(
    tmp_path: Path,
) -> None:
    bed = Bed(tmp_path)
    commits = bed.commits
    first = _event(b"/d/a", CREATE, 1)
    assert commits.before(first, commits.event(first, "file", "t", LANE, 1, None)) is None
    commits.commit()
    second, third = _event(b"/d/a", WRITE, 2), _event(b"/d/a", WRITE, 3)
    ids = [commits.event(second, "file", "t", LANE, 2, None)]
    ids.append(commits.event(third, "file", "t", LANE, 3, None))
    assert commits.before(second, ids[0]) == _state(1)
    assert commits.before(third, ids[1]) == _state(2)
    away = _event(b"/d/b", RENAME, 3, b"/d/a")
    commits.event(away, "file", "t", LANE, 4, None)
    new = _event(b"/d/a", CREATE, 9)
    assert commits.before(new, commits.event(new, "file", "t", LANE, 5, None)) is None
    bed.close()


def test_modes_restore_without_a_record(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    assert isinstance(bed.modes, Modes)
    assert bed.modes.status()["until"] is None
    bed.close()
