"""`sentinair status`, `rescan` and `run` with and without an engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from sentinair.cli import rescan as rescan_command
from sentinair.cli import run as run_command
from sentinair.cli.places import Places
from sentinair.cli.reading import reading
from sentinair.store.read import Reader
from tests.harness.ledgers import LedgerMaker
from tests.unit.cli.conftest import Program, needs_root

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="needs promtool, of Debian's package prometheus"
)


def test_without_an_engine_the_record_is_told(recorded: Program) -> None:
    assert recorded("status") == 69
    assert "not running" in recorded.out
    assert "6, 6 open" in recorded.out
    assert "events       200" in recorded.out
    assert "the engine is not running" in recorded.err
    assert recorded("status", "--json") == 69
    assert '"running":false' in recorded.out
    assert '"open":6' in recorded.out


def test_without_engine_and_record_that_is_told(program: Program) -> None:
    assert program("status") == 69
    assert "there is no ledger" in program.out
    assert program("status", "--json") == 69
    assert not program.out


def test_a_running_engine_tells_its_status(running: Program) -> None:
    assert running("status") == 0
    assert "sentinair         running for" in running.out
    assert "file monitor" in running.out
    assert running.lines("status")[0]["system"]["running"] is True


def test_a_running_engine_tells_its_metrics(running: Program) -> None:
    assert running("status", "--format", "prometheus") == 0
    assert "\nsentinair_up 1\n" in running.out
    assert 'sentinair_alerts_by_severity{severity="critical"} ' in running.out
    assert 'sentinair_events_total{kind="file"} 0' in running.out
    assert "sentinair_commit_duration_seconds_count " in running.out


@needs_promtool
def test_prometheus_finds_no_fault_in_the_metrics(running: Program) -> None:
    assert running("status", "--format", "prometheus") == 0
    assert _checked(running.out) == (0, "", "")


def test_without_an_engine_the_metrics_say_so(recorded: Program) -> None:
    assert recorded("status", "--format", "prometheus") == 69
    assert "sentinair_up 0\n" in recorded.out
    assert "sentinair_gaps_open 1\n" in recorded.out
    assert 'sentinair_alerts_by_severity{severity="critical"} 2\n' in recorded.out
    assert "sentinair_writing" not in recorded.out


def test_without_engine_and_record_the_metrics_say_that(program: Program) -> None:
    assert program("status", "--format", "prometheus") == 69
    assert "sentinair_up 0\n" in program.out
    assert "alerts" not in program.out


def _checked(text: str) -> tuple[int, str, str]:
    command = ["promtool", "check", "metrics"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_rescan_needs_engine_and_sensor(running: Program) -> None:
    assert running("rescan", "/etc") == 74
    assert "the sensor is not running" in running.err
    assert running("rescan", "/etc/../x") == 2
    assert running("rescan", "/tmp/\udcff") == 2
    assert "UTF-8" in running.err


def test_a_rescan_without_engine_is_said(recorded: Program) -> None:
    assert recorded("rescan", ".") == 69


def test_a_rescan_that_is_asked_for_is_said(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def take(path: Path, method: str, params: object) -> object:
        asked.extend((method, params))
        return {"asked": True}

    monkeypatch.setattr(rescan_command, "call", take)
    assert program("rescan", "/etc") == 0
    assert "rescan of /etc is asked for" in program.out
    assert program.lines("rescan", "/etc") == [{"path": "/etc", "asked": True}]
    assert asked[:2] == ["rescan", {"path": "/etc"}]


def test_run_hands_on_the_places_and_the_paths(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    def main(*arguments: object) -> None:
        seen.extend(arguments)

    monkeypatch.setattr(run_command, "main", main)
    assert program("run", "--watch", "/srv", "--watch", "x") == 0
    config, state, watch = seen
    assert (config, state) == (program.config, program.state)
    assert [str(path) for path in watch] == ["/srv", os.path.abspath("x")]  # type: ignore[attr-defined]


@needs_root
def test_reading_as_root_leaves_the_files_of_a_running_engine_alone() -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:  # pytest's own is closed to others
        os.chmod(name, 0o755)
        state = Path(name) / "state"
        maker = LedgerMaker(state)
        try:
            maker.mixed(3)
            before = _changed(state)
            assert set(before) == {"ledger.db", "ledger.db-shm", "ledger.db-wal"}
            with reading(Places(Path(name), state)) as reader:
                assert reader.head().seq > 3
            assert _changed(state) == before
            assert os.geteuid() == 0
            with Reader.open(state) as reader:  # what it would have done
                reader.head()
            assert _changed(state) != before
        finally:
            maker.close()


def _changed(state: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ctime_ns for path in state.glob("ledger.db*")}
