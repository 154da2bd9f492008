"""The sensor on inotify: the same events, without processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sentinair.model.event import ATTRIB, CREATE, DELETE, RENAME, WRITE, Listing
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


def test_the_state_directory_is_left_out_even_within_what_is_watched(rig: Rig) -> None:
    rig.files(source="inotify", watch=(str(rig.base),))
    engine = rig.start()
    (rig.state / "ledger.db").touch()
    (rig.watched / "f").touch()
    engine.until(lambda: bool(engine.of(rig.watched / "f")))
    assert not engine.of(Path(rig.state / "ledger.db"))
