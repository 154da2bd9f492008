"""`sentinair drill`: which alerts came, what it amounts to, and that nothing is left behind."""

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
from sentinair.cli.drill_acts import FileAct
from sentinair.cli.drill_plan import Planned
from sentinair.cli.drill_run import Runner
from sentinair.cli.drill_score import Outcome, score, show
from sentinair.detect.sigma.files import read_rules
from sentinair.model.alert import AlertChange
from sentinair.settings.compiled import compile_settings, write_compiled
from sentinair.settings.types import Settings
from sentinair.store.read import Reader
from tests.harness.agent import ROOT
from tests.harness.ledgers import LedgerMaker
from tests.unit.cli.conftest import Program, within

TOKEN = "sentinair-drill-0123456789abcdef-0001"
RULES = {Path(rule.file).stem: rule for rule in read_rules(ROOT / "config" / "rules").rules}
SETUID = RULES["setuid-file"]


@pytest.fixture
def watching(running: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that the compiled settings say is watched; nobody watches it."""
    folder = tmp_path / "watched"
    folder.mkdir()
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    monkeypatch.setattr(drill_command, "_HOME", tmp_path / "scratch")
    monkeypatch.setattr(Runner.__init__, "__defaults__", (0.1,))
    compiled = compile_settings(Settings(), running.state, (folder,))
    write_compiled(running.state / "run" / "sensor.msgpack", compiled)
    return folder


def _left(watching: Path) -> list[Path]:
    return [*watching.iterdir(), *(watching.parent / "scratch").iterdir()]


def _lines(program: Program) -> list[dict[str, object]]:
    return [json.loads(line) for line in program.out.splitlines()]


def test_an_alert_that_does_not_come_is_a_finding(running: Program, watching: Path) -> None:
    words = (
        "drill",
        "--rule",
        "setuid-file",
        "--rule",
        "kernel-module-load",
        "--rule",
        "ld-so-preload",
    )
    assert running(*words) == 1
    assert running.out.count("MISSING") == 3  # two rules, and the sum of them
    assert "Score 0%: 0 of 3 rules came, 2 MISSING, 1 not drilled." in running.out
    assert "T1547.006" in running.out
    assert _left(watching) == []
    assert running(*words, "--json") == 1
    *outcomes, last = _lines(running)
    assert sorted(str(one["came"]) for one in outcomes) == ["False", "False", "None"]
    assert all(one["tries"] == 3 for one in outcomes if one["came"] is False)
    found = last["score"]
    assert isinstance(found, dict)
    assert found["monitors"] == {"file": [0, 2], "process": [0, 1]}
    with Reader.open(running.state) as reader:
        started, ended = reader.records("drill.started")[-1], reader.records("drill.ended")[-1]
    assert isinstance(started.data, dict)
    assert isinstance(ended.data, dict)
    assert started.data["token"] == ended.data["token"]
    assert (ended.data["missing"], ended.data["not_drilled"]) == (2, 1)


def test_a_rule_that_is_none_is_refused(running: Program, watching: Path) -> None:
    assert running("drill", "--rule", "no-such-rule") == 2
    assert "no rule 'no-such-rule'" in running.err


def _run(state: Path, planned: list[Planned], maker: LedgerMaker, watched: Path) -> list[Outcome]:
    """A runner, and alerts that are written once its act is done: one of another rule, and the right one."""
    outcomes: list[Outcome] = []

    def drill() -> None:
        with Reader.open(state) as reader:
            outcomes.extend(Runner(reader, planned).run())

    waiting = threading.Thread(target=drill)
    waiting.start()
    try:
        assert within(5, lambda: any(watched.iterdir()))
        path = str(watched / TOKEN)
        other = msgspec.structs.replace(maker.alert(), filename=path, rule_id="other")
        right = msgspec.structs.replace(maker.alert(), filename=path, rule_id=SETUID.id)
        maker.commit((), [AlertChange("alert.raised", other)])
        maker.commit((), [AlertChange("alert.raised", right)])
    finally:
        waiting.join(20)
        maker.close()
    return outcomes


def test_an_alert_that_names_act_and_rule_counts(tmp_path: Path) -> None:
    folder = tmp_path / "watched"
    folder.mkdir()
    maker = LedgerMaker(tmp_path / "state", start_ns=time.time_ns())
    act = FileAct(TOKEN, folder / TOKEN, frozenset({"create"}))
    gone = FileAct(TOKEN[:-1] + "2", Path("/proc/none") / TOKEN, frozenset({"create"}))
    planned = [
        Planned(SETUID, act),
        Planned(RULES["account-files"], gone),
        Planned(RULES["ld-so-preload"], None, "because"),
    ]
    came, not_done, not_drilled = _run(tmp_path / "state", planned, maker, folder)
    assert came.came is True
    assert came.alert is not None
    assert came.millis is not None
    assert 0 <= came.millis < 5000
    assert came.tries == 1
    assert (not_done.came, not_drilled.came) == (None, None)
    assert "No such file" in str(not_done.reason)
    assert not_drilled.reason == "because"
    assert not list(folder.iterdir())


def _outcome(name: str, came: bool | None, monitor: str, *techniques: str) -> Outcome:
    return Outcome(name, name, techniques, monitor, came, millis=7 if came else None)


def test_a_failing_monitor_lowers_exactly_its_techniques() -> None:
    outcomes = [
        _outcome("a", True, "file", "T1053.003", "T1543.002"),
        _outcome("b", False, "process", "T1059.004"),
        _outcome("c", False, "process", "T1543.002"),
        _outcome("d", None, "file", "T1574.006"),
    ]
    found = score(outcomes)
    assert found.monitors == {"file": (1, 2), "process": (0, 2)}
    assert found.techniques == {
        "T1053.003": (1, 1),
        "T1059.004": (0, 1),
        "T1543.002": (1, 2),
        "T1574.006": (0, 1),
    }
    assert (found.came, found.missing, found.not_drilled, found.slowest_millis) == (1, 2, 1, 7)


def test_nothing_to_drill_is_no_score(capsys: pytest.CaptureFixture[str]) -> None:
    show([])
    assert "Score 0%: 0 of 0" in capsys.readouterr().out


def test_an_ended_drill_removes_what_it_made_and_says_its_end(
    running: Program, watching: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(self: Runner, batch: list[Planned], _tries: int) -> None:
        for one in batch:
            assert one.act is not None
            with one.act.done():
                os.kill(os.getpid(), signal.SIGTERM)
                raise AssertionError("not reached")

    monkeypatch.setattr(Runner, "_batch", ended)
    assert running("drill", "--rule", "setuid-file") == 1
    assert "ended by SIGTERM" in running.err
    assert _left(watching) == []
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with Reader.open(running.state) as reader:
        assert within(5, lambda: len(reader.records("drill.ended")) == 1)


def test_a_drill_without_engine_does_nothing(recorded: Program, tmp_path: Path) -> None:
    (recorded.state / "run").mkdir(exist_ok=True)
    write_compiled(
        recorded.state / "run" / "sensor.msgpack", compile_settings(Settings(), recorded.state)
    )
    assert recorded("drill") == 69
