"""Rules that change under a running engine, and what correlations remember over its restarts."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentinair.detect.ground import Ground
from sentinair.detect.sigma.detector import detector
from sentinair.errors import ConfigFault
from sentinair.model.alert import SEVERITIES, Alert
from sentinair.model.event import ProcessEvent
from sentinair.model.process import Process
from sentinair.model.record import Stamp
from sentinair.roles.engine import folder_watch, memory, overdue
from sentinair.roles.engine.folder_watch import FolderWatch
from sentinair.roles.engine.panel import Panel
from sentinair.store.read import AlertFilter, Reader
from tests.unit.detect.correlations import IDS, OWN, base, text
from tests.unit.roles.engine_bed import Bed, stamp

SEC = 10**9
THREE = "type: event_count\nrules: [a]\ngroup-by: [User]\ntimespan: 1h\ncondition: {gte: 3}"
FEW = "type: event_count\nrules: [a]\ngroup-by: [User]\ntimespan: 1s\ncondition: {lt: 3}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "rules"
    made.mkdir(mode=0o755)
    put(made, "a.yml", base("a"))
    return made


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def bed(state: Path, folder: Path) -> Iterator[Bed]:
    made = Bed(state, rules=folder)
    yield made
    made.close()


def put(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(0o644)
    return path


def later(secs: float) -> Stamp:
    now = stamp()
    return Stamp(now.time_ns + round(secs * SEC), now.mono_ns + round(secs * SEC), now.boot)


def ran(number: int, line: bytes = b"a") -> ProcessEvent:
    process = Process(pid=1000 + number, start=number, exe=b"/usr/bin/x", argv=(line,), uid=0)
    now = stamp()
    return ProcessEvent(seen_ns=now.time_ns, mono_ns=now.mono_ns, action="exec", process=process)


def look(bed: Bed, secs: float) -> None:
    """The engine's tick, as late as this."""
    bed.panel.tick(later(secs), bed.commits)
    bed.spine.judge.detectors = bed.panel.detectors


def alerts(bed: Bed) -> list[Alert]:
    bed.commits.commit()
    with Reader.open(bed.state) as reader:
        return reader.alerts(AlertFilter(), limit=100).rows


def test_the_record_says_which_rules_judge_but_not_at_each_start(state: Path, folder: Path) -> None:
    def told() -> list[object]:
        bed = Bed(state, rules=folder)
        found = bed.records("rules.loaded")
        bed.close()
        return found

    (first,) = told()
    assert isinstance(first, dict)
    assert (first["rules"], first["correlations"], first["why"]) == (1, 0, "start")
    assert len(told()) == 1
    put(folder, "b.yml", base("b"))
    assert len(told()) == 2


def test_a_changed_file_is_taken_over_when_it_holds_still(bed: Bed, folder: Path) -> None:
    look(bed, 0)
    put(folder, "b.yml", base("b"))
    look(bed, 6)
    assert bed.panel.status()["loaded"] == 1
    look(bed, 7.1)
    assert bed.panel.status()["loaded"] == 2
    loaded = bed.records("rules.loaded")[-1]
    assert isinstance(loaded, dict)
    assert (loaded["why"], loaded["rules"], loaded["by"]) == ("changed", 2, None)
    assert len(loaded["digest"]) == 64
    look(bed, 13)
    assert len(bed.records("rules.loaded")) == 2


def test_a_bad_file_leaves_the_old_rules_judging_and_is_told_once(bed: Bed, folder: Path) -> None:
    look(bed, 0)
    put(folder, "b.yml", base("b"))
    bad = put(folder, "bad.yml", "title: [\n")
    for secs in (6, 7.1, 13, 20, 27):
        look(bed, secs)
    assert bed.panel.status()["loaded"] == 1
    (refused,) = bed.records("rules.refused")
    assert isinstance(refused, dict)
    assert f"{bad}:2" in refused["faults"][0]
    assert bed.panel.status()["refused_count"] == 1
    peer = bed.connect("execs")
    peer.hello()
    peer.batch([ran(1, b"a"), ran(2, b"b")], lane="vital", source="cnproc")
    assert [one.title for one in alerts(bed)] == ["A"]
    bad.unlink()
    look(bed, 34)
    look(bed, 35.1)
    assert bed.panel.status()["refused_count"] == 0
    assert bed.panel.status()["loaded"] == 2


def test_a_mode_that_lets_others_write_is_a_change_too(bed: Bed, folder: Path) -> None:
    look(bed, 0)
    (folder / "a.yml").chmod(0o666)
    look(bed, 6)
    look(bed, 7.1)
    assert bed.panel.status()["refused_count"] == 1
    assert bed.panel.status()["loaded"] == 1


def test_a_folder_that_vanishes_leaves_the_rules_judging(bed: Bed, folder: Path) -> None:
    look(bed, 0)
    folder.rename(folder.with_name("elsewhere"))
    look(bed, 6)
    look(bed, 7.1)
    assert bed.panel.status()["refused_count"] == 1
    assert bed.panel.status()["loaded"] == 1


def test_asked_for_it_reads_at_once_and_says_who_asked(bed: Bed, folder: Path) -> None:
    put(folder, "b.yml", base("b"))
    bed.panel.reload(stamp(), bed.commits, "uid 7 (ann)")
    loaded = bed.records("rules.loaded")[-1]
    assert isinstance(loaded, dict)
    assert (loaded["why"], loaded["by"], loaded["rules"]) == ("asked", "uid 7 (ann)", 2)
    put(folder, "bad.yml", "title: [\n")
    with pytest.raises(ConfigFault, match=r"bad\.yml:2"):
        bed.panel.reload(stamp(), bed.commits, "uid 7 (ann)")


def test_at_a_start_the_good_rules_judge_and_the_bad_file_is_told(
    state: Path, folder: Path
) -> None:
    put(folder, "bad.yml", "title: [\n")
    bed = Bed(state, rules=folder)
    assert bed.panel.status()["loaded"] == 1
    (refused,) = bed.records("rules.refused")
    assert isinstance(refused, dict)
    assert (refused["why"], refused["count"]) == ("start", 1)
    bed.close()


def test_without_one_good_rule_there_is_no_start(state: Path, folder: Path) -> None:
    put(folder, "a.yml", "title: [\n")
    with pytest.raises(ConfigFault):
        Panel({"sigma": detector}, Ground(rules_dir=folder, state_dir=state))


def test_alerts_and_counts_survive_a_change_of_rules(bed: Bed, folder: Path) -> None:
    put(folder, "c.yml", text(THREE, ""))
    bed.panel.reload(stamp(), bed.commits, "t")
    bed.spine.judge.detectors = bed.panel.detectors
    peer = bed.connect("execs")
    peer.hello()
    peer.batch([ran(1), ran(2)], lane="vital", source="cnproc")
    put(folder, "b.yml", base("b"))
    bed.panel.reload(stamp(), bed.commits, "t")
    bed.spine.judge.detectors = bed.panel.detectors
    assert alerts(bed) == []
    peer.batch([ran(3)], first=3, lane="vital", source="cnproc")
    (one,) = alerts(bed)
    assert (one.rule_id, one.title) == (OWN, "T")
    assert len(one.event_ids) == 3
    ids = {event.id for event in bed.events("process")}
    assert set(one.event_ids) == ids


def test_counts_survive_a_restart_of_the_engine(state: Path, folder: Path) -> None:
    put(folder, "c.yml", text(THREE, ""))
    for life in range(3):
        bed = Bed(state, rules=folder)
        peer = bed.connect("execs", run=b"run-%04d" % life)
        peer.hello()
        peer.batch([ran(life)], lane="vital", source="cnproc")
        raised = [one for one in alerts(bed) if one.rule_id == OWN]
        assert bool(raised) is (life == 2)
        bed.close()
    assert (state / memory.NAME).stat().st_mode & 0o777 == 0o600
    assert IDS["a"] not in {one.rule_id for one in raised}


def test_a_memory_that_others_could_have_written_is_not_believed(state: Path, folder: Path) -> None:
    put(folder, "c.yml", text(THREE, ""))
    for damage in (b"\xc1", b"\x82\xa7version\x09\xa9detectors\x80", None):
        bed = Bed(state, rules=folder)
        path = state / memory.NAME
        bed.close()
        if damage is None:
            path.write_bytes(b"")
            path.chmod(0o666)
        else:
            path.write_bytes(damage)
        bed = Bed(state, rules=folder)
        assert memory.NAME in str(bed.panel.status()["memory_fault"])
        bed.close()
        path.unlink(missing_ok=True)


def test_what_is_remembered_is_kept_once_a_minute_when_it_changed(
    bed: Bed, folder: Path, state: Path
) -> None:
    put(folder, "c.yml", text(THREE, ""))
    bed.panel.reload(stamp(), bed.commits, "t")
    bed.spine.judge.detectors = bed.panel.detectors
    bed.commits.commit()
    path = state / memory.NAME
    look(bed, 0)
    look(bed, 61)
    assert not path.exists()
    peer = bed.connect("execs")
    peer.hello()
    peer.batch([ran(1)], lane="vital", source="cnproc")
    look(bed, 125)  # what was judged is not on disk yet
    assert not path.exists()
    bed.commits.commit()
    look(bed, 126)
    assert path.exists()
    before = path.stat().st_mtime_ns
    look(bed, 200)
    assert path.stat().st_mtime_ns == before


def test_a_memory_that_cannot_be_written_is_said_and_tried_again(
    bed: Bed, folder: Path, state: Path
) -> None:
    put(folder, "c.yml", text(THREE, ""))
    bed.panel.reload(stamp(), bed.commits, "t")
    bed.spine.judge.detectors = bed.panel.detectors
    peer = bed.connect("execs")
    peer.hello()
    peer.batch([ran(1)], lane="vital", source="cnproc")
    bed.commits.commit()
    in_the_way = state / f".{memory.NAME}.new"
    in_the_way.mkdir()
    look(bed, 0)
    look(bed, 61)
    assert bed.panel.status()["memory_fault"] is not None
    in_the_way.rmdir()
    look(bed, 122)
    assert bed.panel.status()["memory_fault"] is None


def test_a_window_that_is_over_raises_an_alert_on_a_stored_event(
    state: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overdue, "QUIET_NS", 0)
    put(folder, "c.yml", text(FEW, ""))
    bed = Bed(state, rules=folder)
    peer = bed.connect("execs")
    peer.hello()
    peer.batch([ran(1), ran(2)], lane="vital", source="cnproc")
    bed.spine.tick()
    assert alerts(bed) == []
    time.sleep(3.1)
    bed.spine.tick()
    (one,) = alerts(bed)
    assert (one.rule_id, one.process, len(one.event_ids)) == (OWN, "/usr/bin/x", 2)
    bed.close()


def test_after_a_start_windows_wait_for_what_senders_held(state: Path, folder: Path) -> None:
    put(folder, "c.yml", text(FEW, ""))
    bed = Bed(state, rules=folder)
    peer = bed.connect("execs")
    peer.hello()
    peer.batch([ran(1)], lane="vital", source="cnproc")
    bed.commits.commit()
    for secs, wanted in ((0, 0), (9, 0), (11, 1)):
        bed.spine._overdue.tick(bed.panel.detectors, later(secs))
        assert len(alerts(bed)) == wanted
    bed.close()


def test_a_detection_whose_events_are_gone_from_the_record_is_a_record(
    state: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(folder, "c.yml", text(FEW, ""))
    bed = Bed(state, rules=folder)
    peer = bed.connect("execs")
    peer.hello()
    peer.batch([ran(1)], lane="vital", source="cnproc")
    late = overdue.Overdue(bed.commits, bed.alerts, lambda _id: None, bed.new_id)
    late.tick(bed.panel.detectors, later(0))
    late.tick(bed.panel.detectors, later(20))
    bed.commits.commit()
    (told,) = bed.records("detection.unplaced")
    assert isinstance(told, dict)
    assert told["severity"] in SEVERITIES
    assert "no longer in the record" in caplog.text
    assert alerts(bed) == []
    bed.close()


def test_a_folder_is_looked_at_every_five_seconds_and_no_more(folder: Path) -> None:
    watch = FolderWatch(folder)
    assert not watch.changed(0)
    put(folder, "b.yml", base("b"))
    assert not watch.changed(4 * SEC)
    assert not watch.changed(5 * SEC)
    assert not watch.changed(5 * SEC + folder_watch.SETTLE_NS - 1)
    assert watch.changed(5 * SEC + folder_watch.SETTLE_NS)
    watch.seen()
    assert not watch.changed(60 * SEC)


def test_a_file_written_in_pieces_is_waited_for(folder: Path) -> None:
    watch = FolderWatch(folder)
    for second in range(5, 10):
        put(folder, "b.yml", "x" * second)
        assert not watch.changed(second * SEC)
    assert watch.changed(11 * SEC)


def test_a_file_below_a_folder_is_seen_and_one_swapped_for_an_equal_one_too(folder: Path) -> None:
    (folder / "deep").mkdir()
    file = put(folder / "deep", "b.yml", base("b"))
    watch = FolderWatch(folder)
    other = put(folder / "deep", "c.tmp", base("b"))
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    other.rename(file)
    watch.changed(0)
    assert watch.changed(SEC)


def test_two_hundred_rules_are_taken_over_at_once(bed: Bed, folder: Path) -> None:
    for number in range(200):
        id_ = f"00000000-0000-4000-9000-{number:012}"
        put(
            folder,
            f"r{number}.yml",
            base("a").replace(IDS["a"], id_).replace("name: a", f"name: r{number}"),
        )
    bed.panel.reload(stamp(), bed.commits, "t")
    assert bed.panel.status()["loaded"] == 201
