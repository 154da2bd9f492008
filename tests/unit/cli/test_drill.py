"""`sentinair drill`: which alerts came, and that nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
import time
from pathlib import Path

import msgspec
import pytest

from sentinair.cli import drill as drill_command
from sentinair.cli import drill_acts
from sentinair.cli.drill import Outcome, perform
from sentinair.cli.drill_acts import SetuidFile
from sentinair.model.alert import AlertChange
from sentinair.settings.compiled import compile_settings, write_compiled
from sentinair.settings.types import Settings
from sentinair.store.read import Reader
from tests.harness.ledgers import LedgerMaker
from tests.unit.cli.conftest import Program, within


@pytest.fixture
def watching(running: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that the compiled settings say is watched; nobody watches it."""
    folder = tmp_path / "watched"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    compiled = compile_settings(Settings(), running.state, (folder,))
    write_compiled(running.state / "run" / "sensor.msgpack", compiled)
    return folder


def _perform(reader: Reader, act: drill_acts.Act) -> Outcome:
    return perform(reader, act, wait_secs=0.1)


def test_an_alert_that_does_not_come_is_a_finding(
    running: Program, watching: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drill_command, "perform", _perform)
    assert running("drill") == 1
    assert running.out.count("MISSING") == 2
    assert "0 of 2 alerts came." in running.out
    assert "/etc/cron.d is not watched" in running.out
    assert running("drill", "--json") == 1
    outcomes = [json.loads(line) for line in running.out.splitlines()]
    assert [one["came"] for one in outcomes] == [False, False, None]
    assert not list(watching.iterdir())
    assert not list((watching.parent / "scratch").iterdir())


def test_an_alert_that_names_act_and_technique_counts(tmp_path: Path) -> None:
    folder = tmp_path / "watched"
    folder.mkdir()
    maker = LedgerMaker(tmp_path / "state", start_ns=time.time_ns())
    act = SetuidFile(folder)
    outcomes: list[Outcome] = []

    def act_and_wait() -> None:
        with Reader.open(tmp_path / "state") as reader:
            outcomes.append(perform(reader, act))

    waiting = threading.Thread(target=act_and_wait)
    waiting.start()
    try:
        assert within(5, lambda: any(folder.iterdir()))
        other = msgspec.structs.replace(maker.alert(), filename=str(act.path))
        right = msgspec.structs.replace(
            maker.alert(), filename=str(act.path), techniques=("T1548.001",)
        )
        maker.commit((), [AlertChange("alert.raised", other)])
        maker.commit((), [AlertChange("alert.raised", right)])
    finally:
        waiting.join(10)
        maker.close()
    (outcome,) = outcomes
    assert outcome.came is True
    assert outcome.alert == right.id
    assert outcome.millis is not None
    assert 0 <= outcome.millis < 5000
    assert not list(folder.iterdir())


def test_an_act_that_cannot_be_done_is_not_counted(recorded: Program, tmp_path: Path) -> None:
    with Reader.open(recorded.state) as reader:
        outcome = perform(reader, SetuidFile(tmp_path / "none"))
    assert outcome.came is None
    assert outcome.reason is not None
    assert "No such file or directory" in outcome.reason


def test_an_ended_drill_removes_what_it_made(
    running: Program, watching: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(reader: Reader, act: drill_acts.Act) -> Outcome:
        with act.done():
            os.kill(os.getpid(), signal.SIGTERM)
            raise AssertionError("not reached")

    monkeypatch.setattr(drill_command, "perform", ended)
    assert running("drill") == 1
    assert "ended by SIGTERM" in running.err
    assert not list(watching.iterdir())
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_drill_without_engine_does_nothing(recorded: Program) -> None:
    assert recorded("drill") == 69
