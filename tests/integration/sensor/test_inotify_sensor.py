"""The sensor on inotify: the same events, without processes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import msgspec
import pytest

from sentinair.model.event import ATTRIB, CREATE, DELETE, RENAME, WRITE, Listing, ProcessEvent
from sentinair.settings.types import ProcessesSettings
from tests.integration.sensor.conftest import Engine, Rig


@pytest.fixture
def engine(rig: Rig) -> Engine:
    rig.files(source="inotify")
    return rig.start()


def test_the_probe_says_why_inotify_and_what_it_cannot_see(engine: Engine) -> None:
    assert engine.hello is not None
    probe = engine.hello.probes[0]
    assert (probe.name, probe.works) == ("inotify", True)
    assert "files.source is inotify" in probe.reason
    assert any("process" in limit for limit in probe.limits)


def test_a_file_is_followed_through_its_life(rig: Rig, engine: Engine) -> None:
    one, two = rig.watched / "one", rig.watched / "two"
    one.write_bytes(b"x")
    engine.until(lambda: bool(engine.of(one)))
    one.chmod(0o600)
    engine.until(lambda: any(event.actions & ATTRIB for event in engine.of(one)))
    one.rename(two)
    engine.until(lambda: bool(engine.of(two)))
    two.unlink()
    engine.until(lambda: any(event.actions & DELETE for event in engine.of(two)))
    assert engine.of(one)[0].actions & CREATE
    assert any(event.actions & WRITE for event in engine.of(one))
    assert engine.of(two)[0].actions & RENAME
    assert engine.of(two)[0].old_path == os.fsencode(one)
    assert {event.pid for event in engine.files} == {None}


def test_a_new_directory_is_watched_and_listed(rig: Rig, engine: Engine) -> None:
    folder = rig.watched / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "early").touch()

    def listed() -> set[bytes]:
        here = os.fsencode(folder)
        return {
            name
            for event in engine.events
            if isinstance(event, Listing) and event.directory == here
            for name in event.names
        }

    engine.until(lambda: bool(engine.of(folder / "early")) or b"early" in listed())
    late = folder / "late"
    late.touch()
    engine.until(lambda: bool(engine.of(late)))
    assert engine.of(late)[0].actions & CREATE


def test_paths_below_a_renamed_directory_are_the_new_ones(rig: Rig, engine: Engine) -> None:
    folder = rig.watched / "a"
    folder.mkdir()
    engine.until(lambda: bool(engine.of(folder)))
    folder.rename(rig.watched / "z")
    engine.until(lambda: bool(engine.of(rig.watched / "z")))
    (rig.watched / "z" / "f").touch()
    engine.until(lambda: bool(engine.of(rig.watched / "z" / "f")))
    assert not engine.of(folder / "f")


def test_a_watched_directory_that_is_made_later_is_watched(rig: Rig) -> None:
    later = rig.base / "later"
    rig.files(source="inotify", watch=(str(rig.watched), str(later)))
    engine = rig.start()
    later.mkdir()
    engine.until(lambda: bool(engine.of(later)))
    (later / "f").touch()
    engine.until(lambda: bool(engine.of(later / "f")))
    assert engine.of(later)[0].actions & CREATE


def test_the_state_directory_is_left_out_even_within_what_is_watched(rig: Rig) -> None:
    rig.files(source="inotify", watch=(str(rig.base),))
    engine = rig.start()
    (rig.state / "ledger.db").touch()
    (rig.watched / "f").touch()
    engine.until(lambda: bool(engine.of(rig.watched / "f")))
    assert not engine.of(Path(rig.state / "ledger.db"))


def test_an_idle_source_is_proven_by_its_own_test(rig: Rig, engine: Engine) -> None:
    engine.until(lambda: bool(engine.healths))
    assert engine.healths[0].monitors["file"]


def test_where_processes_are_polled_new_ones_and_ended_ones_are_told(rig: Rig) -> None:
    rig.files(source="inotify")
    polled = ProcessesSettings(source="psutil")
    rig.settings = msgspec.structs.replace(rig.settings, processes=polled)
    engine = rig.start()
    assert engine.hello is not None
    assert [probe.name for probe in engine.hello.probes] == ["inotify", "psutil"]
    engine.until(lambda: bool(engine.healths))
    assert engine.healths[0].monitors["process"]
    engine.pump(1.2)
    with subprocess.Popen(["/bin/sleep", "2.5"]) as child:

        def actions() -> list[str]:
            return [
                event.action
                for event in engine.events
                if isinstance(event, ProcessEvent) and event.process.pid == child.pid
            ]

        engine.until(lambda: actions() == ["exec"])
        child.wait()
        engine.until(lambda: actions() == ["exec", "exit"])
