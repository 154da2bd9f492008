"""The sensor on fanotify: real files, a real kernel, an engine that only listens."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sentinair.ipc.messages import AskHash, AskInventory, AskRescan
from sentinair.kernel import procfs
from sentinair.model.event import ATTRIB, CREATE, DELETE, OPEN, RENAME, WRITE, Listing, ProcessEvent
from tests.integration.sensor.conftest import Rig

pytestmark = pytest.mark.usefixtures("as_root")


def test_a_written_file_is_reported_with_who_wrote_it_and_what_it_is_now(rig: Rig) -> None:
    engine = rig.start()
    path = rig.watched / "a"
    path.write_bytes(b"four")
    engine.until(lambda: any(event.actions & WRITE for event in engine.of(path)))
    event = engine.of(path)[-1]
    assert engine.of(path)[0].actions & CREATE
    assert event.state is not None
    assert event.state.size == 4
    assert event.pid == os.getpid()
    writers = {(who.pid, who.start): who for batch in engine.batches for who in batch.writers}
    assert writers[event.pid, event.start].exe == os.fsencode(os.path.realpath(sys.executable))


def test_a_rename_is_one_event_on_the_new_name(rig: Rig) -> None:
    old, new = rig.watched / "old", rig.watched / "new"
    old.touch()
    engine = rig.start()
    old.rename(new)
    engine.until(lambda: bool(engine.of(new)))
    assert [(event.actions, event.old_path) for event in engine.of(new)] == [
        (RENAME, os.fsencode(old))
    ]


def test_a_name_taken_again_after_its_file_was_renamed_away_is_said_last(rig: Rig) -> None:
    engine = rig.start()
    name, backup = rig.watched / "log", rig.watched / "log.1"
    name.write_bytes(b"1")
    name.rename(backup)
    name.write_bytes(b"22")
    engine.until(lambda: any(e.state is not None and e.state.size == 2 for e in engine.of(name)))
    engine.pump(0.2)
    last = [event.path for event in engine.files][-1]
    assert last == os.fsencode(name)
    assert engine.of(name)[-1].state is not None


def test_a_deleted_file_is_absent_and_a_changed_mode_is_attrib(rig: Rig) -> None:
    path = rig.watched / "a"
    path.touch()
    engine = rig.start()
    path.chmod(0o4755)
    engine.until(lambda: bool(engine.of(path)))
    assert engine.of(path)[0].actions == ATTRIB
    path.unlink()
    engine.until(lambda: len(engine.of(path)) == 2)
    assert engine.of(path)[1].actions & DELETE
    assert engine.of(path)[1].absent


def test_files_in_a_directory_that_is_gone_again_still_have_names(rig: Rig) -> None:
    engine = rig.start()
    for number in range(20):
        folder = rig.watched / f"d{number}" / "inner"
        folder.mkdir(parents=True)
        (folder / "f").touch()
        (folder / "f").unlink()
        folder.rmdir()
        folder.parent.rmdir()
    engine.until(lambda: bool(engine.of(rig.watched / "d19" / "inner" / "f")))
    engine.pump(0.2)
    named = [number for number in range(20) if engine.of(rig.watched / f"d{number}/inner/f")]
    assert named == list(range(20))


def test_critical_paths_travel_in_the_vital_lane(rig: Rig) -> None:
    rig.files(critical=(str(rig.watched / "passwd"),))
    engine = rig.start()
    (rig.watched / "passwd").touch()
    (rig.watched / "other").touch()
    engine.until(lambda: bool(engine.of(rig.watched / "other")))
    lanes = {
        event.path: batch.lane
        for batch in engine.batches
        for event in batch.events
        if hasattr(event, "path")
    }
    assert lanes[os.fsencode(rig.watched / "passwd")] == "vital"
    assert lanes[os.fsencode(rig.watched / "other")] == "bulk"


def test_what_is_ignored_or_not_watched_is_not_reported(rig: Rig) -> None:
    rig.files(ignore=(str(rig.watched / "*.swp"),))
    engine = rig.start()
    (rig.base / "outside").touch()
    (rig.watched / "x.swp").touch()
    (rig.watched / "last").touch()
    engine.until(lambda: bool(engine.of(rig.watched / "last")))
    assert not engine.of(rig.base / "outside")
    assert not engine.of(rig.watched / "x.swp")


def test_our_own_writes_in_the_state_directory_are_dropped_and_others_are_critical(
    rig: Rig,
) -> None:
    engine = rig.start()
    (rig.state / "ledger.db").write_bytes(b"ours")
    subprocess.run(["/bin/sh", "-c", f"echo x > {rig.state}/ledger.db-wal; sleep 0.3"], check=True)
    foreign = rig.state / "ledger.db-wal"
    engine.until(lambda: bool(engine.of(foreign)))
    assert engine.of(foreign)[0].critical
    assert not engine.of(rig.state / "ledger.db")


def test_writes_in_the_state_directory_wait_until_the_engine_has_said_who_we_are(rig: Rig) -> None:
    engine = rig.start(scan=False)
    time.sleep(0.5)  # the sensor has connected; nobody has welcomed it
    (rig.state / "ledger.db").write_bytes(b"ours")
    time.sleep(0.2)
    engine.until(lambda: bool(engine.scans))
    engine.pump(0.2)
    assert not engine.of(rig.state / "ledger.db")


def test_a_directory_that_moves_in_is_listed_with_its_content(rig: Rig) -> None:
    folder = rig.base / "outside"
    folder.mkdir()
    (folder / "f").touch()
    engine = rig.start()
    folder.rename(rig.watched / "inside")
    wanted = os.fsencode(rig.watched / "inside")

    def listed() -> list[tuple[bytes, ...]]:
        return [
            event.names
            for event in engine.events
            if isinstance(event, Listing) and event.directory == wanted
        ]

    engine.until(lambda: bool(listed()))
    assert listed() == [(b"f",)]
    assert engine.of(wanted)[0].old_path == os.fsencode(folder)


def test_paths_below_a_renamed_directory_are_the_new_ones(rig: Rig) -> None:
    folder = rig.watched / "a" / "b"
    folder.mkdir(parents=True)
    engine = rig.start()
    (folder / "one").touch()
    engine.until(lambda: bool(engine.of(folder / "one")))
    (rig.watched / "a").rename(rig.watched / "z")
    moved = rig.watched / "z" / "b" / "two"
    moved.touch()
    engine.until(lambda: bool(engine.of(moved)))
    assert not engine.of(rig.watched / "a" / "b" / "two")


def test_opening_a_path_watched_for_reading_is_an_event_also_after_it_was_replaced(
    rig: Rig,
) -> None:
    secret = rig.watched / "shadow"
    secret.write_bytes(b"x")
    rig.files(read_watch=(str(secret),))
    engine = rig.start()
    secret.read_bytes()
    engine.until(lambda: bool(engine.of(secret)))
    assert engine.of(secret)[0].actions == OPEN
    other = rig.watched / "shadow+"
    other.write_bytes(b"y")
    other.rename(secret)
    engine.until(lambda: any(event.actions & RENAME for event in engine.of(secret)))
    engine.pump(0.1)
    secret.read_bytes()
    engine.until(lambda: engine.of(secret)[-1].actions == OPEN)


def test_a_wish_for_a_rescan_is_answered_with_its_gaps(rig: Rig) -> None:
    engine = rig.start()
    engine.say(AskRescan("gap", (os.fsencode(rig.watched),), (b"12345678",)))
    engine.until(lambda: any(scan.gaps for scan in engine.scans))
    assert [scan.gaps for scan in engine.scans if scan.gaps] == [(b"12345678",)]


def test_the_sensor_says_when_it_was_ready_and_stops_clean(rig: Rig) -> None:
    before = time.time_ns()
    engine = rig.start()
    assert engine.hello is not None
    assert before < engine.hello.ready_ns <= time.time_ns()
    assert engine.hello.probes[0].name == "fanotify"
    status, log = rig.stop()
    assert (status, log) == (0, "")


def test_what_cannot_be_delivered_at_the_end_is_said(rig: Rig) -> None:
    engine = rig.start()
    assert engine.link is not None
    engine.link.close()
    engine.link = None
    engine.listener.close()
    time.sleep(0.2)
    (rig.watched / "a").touch()
    time.sleep(0.2)
    assert rig.child is not None
    rig.child.terminate()
    assert rig.child.wait(8) == 0
    assert rig.child.stderr is not None
    assert "events were not delivered" in rig.child.stderr.read().decode()


def test_an_idle_source_is_proven_by_its_own_test(rig: Rig) -> None:
    engine = rig.start()
    engine.until(lambda: bool(engine.healths))
    assert engine.healths[0].monitors["file"]
    assert engine.healths[0].notes["file"] == ""


def test_a_file_marked_for_hashing_is_hashed_once_it_is_quiet(rig: Rig) -> None:
    rig.files(hash=(str(rig.watched),), read_watch=(str(rig.watched / "a"),), hash_quiet_ms=200)
    engine = rig.start()
    path = rig.watched / "a"
    path.write_bytes(b"first")
    path.write_bytes(b"second")
    engine.until(lambda: bool(engine.hashes))
    engine.pump(0.4)
    assert [event.sha256 for event in engine.hashes] == [hashlib.sha256(b"second").digest()]
    assert not any(event.actions & OPEN and event.pid != os.getpid() for event in engine.of(path))


def test_an_executable_is_hashed_when_the_engine_asks(rig: Rig) -> None:
    engine = rig.start()
    facts = procfs.look(os.getpid())
    assert facts is not None
    assert facts.exe is not None
    assert facts.exe_id is not None
    engine.say(AskHash(facts.exe, facts.exe_id, os.getpid(), 77))
    engine.until(lambda: bool(engine.hashes))
    assert engine.hashes[0].of == 77
    assert engine.hashes[0].sha256 == hashlib.sha256(Path(sys.executable).read_bytes()).digest()


def test_all_processes_are_listed_when_the_engine_asks(rig: Rig) -> None:
    engine = rig.start()
    engine.say(AskInventory((b"abcdefgh",)))
    engine.until(lambda: any(scan.scope == "processes" for scan in engine.scans))
    assert engine.scans[-1].gaps == (b"abcdefgh",)
    pids = {event.process.pid for event in engine.events if isinstance(event, ProcessEvent)}
    assert {1, os.getpid()} <= pids
