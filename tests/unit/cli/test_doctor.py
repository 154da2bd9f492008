"""`sentinair doctor`."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sentinair.cli import doctor_agent, doctor_host
from sentinair.cli.doctor_findings import Finding
from sentinair.cli.places import Places
from sentinair.cli.status_text import Role
from sentinair.errors import PermissionFault
from sentinair.model.ports import Probe
from tests.unit.cli.conftest import Program


def by_name(lines: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {line["check"]: line for line in lines}


def examined(program: Program) -> dict[str, dict[str, Any]]:
    """The doctor's findings; its exit status must fit them."""
    status = program("doctor", "--json")
    found = by_name([json.loads(line) for line in program.out.splitlines()])
    assert status == int(any(line["level"] == "fail" for line in found.values()))
    return found


def test_a_stopped_agent_fails_with_a_remedy(recorded: Program) -> None:
    found = examined(recorded)
    assert found["engine"]["level"] == "fail"
    assert "start it" in found["engine"]["remedy"]
    assert found["python"]["level"] == found["config"]["level"] == found["state"]["level"] == "ok"
    assert found["record"]["level"] == "ok"
    assert found["checkpoint"]["level"] == "warn"  # that record is from 2023
    assert found["gaps"] == {
        "check": "gaps",
        "level": "warn",
        "text": "1 not yet restored",
        "remedy": "`sentinair status` names them",
    }
    assert found["clock"]["level"] == "ok"
    assert found["sockets"]["level"] == "warn"


def test_every_line_that_is_not_ok_says_what_to_do(program: Program) -> None:
    found = examined(program)
    assert all(line["level"] == "ok" or line["remedy"] for line in found.values())
    assert found["state"]["level"] == "fail"
    assert found["record"]["level"] == "fail"
    assert "disk" not in found


def test_an_engine_without_senders_is_no_healthy_agent(running: Program) -> None:
    found = examined(running)
    assert found["engine"]["level"] == "ok"
    assert found["sensor"]["level"] == found["execs"]["level"] == "fail"
    assert found["files"]["level"] == "fail"
    assert running("doctor") == 1
    assert all(len(line) <= 80 or "/tmp/" in line for line in running.out.splitlines())
    assert "-> " in running.out


def test_faults_of_the_configuration_are_counted(program: Program) -> None:
    (program.config / "files.yaml").write_text("files:\n  a: 1\n  b: 2\n")
    found = examined(program)
    assert "(and 1 more)" in found["config"]["text"]


def only(findings: Any) -> Finding:
    (one,) = findings
    assert isinstance(one, Finding)
    return one


def test_a_state_directory_that_is_too_open_or_none_fails(tmp_path: Path) -> None:
    places = Places(tmp_path, tmp_path)
    tmp_path.chmod(0o777)
    assert only(doctor_agent.state_directory(places)).remedy == f"chmod 2750 {tmp_path}"
    file = tmp_path / "file"
    file.touch()
    assert only(doctor_agent.state_directory(Places(tmp_path, file))).level == "fail"
    tmp_path.chmod(0o700)
    assert only(doctor_agent.state_directory(places)).level == "ok"


def test_a_missing_reserve_is_told(recorded: Program) -> None:
    (recorded.state / "reserve").unlink(missing_ok=True)
    found = by_name(recorded_findings(recorded))
    assert found["reserve"]["level"] == "warn"


def recorded_findings(program: Program) -> list[dict[str, Any]]:
    places = Places(program.config, program.state)
    return [msgspec.to_builtins(one) for one in doctor_agent.disk(places)]


def test_a_nearly_full_disk_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_agent, "LOW_BYTES", 1 << 62)
    assert only(doctor_agent.disk(Places(tmp_path, tmp_path))).level == "fail"


def test_a_clock_behind_the_record_was_set_back() -> None:
    assert only(doctor_host.clock(None)).level == "ok"
    assert only(doctor_host.clock(time.time_ns())).level == "ok"
    ahead = only(doctor_host.clock(time.time_ns() + 100 * 10**9))
    assert ahead.level == "fail"
    assert "set back" in ahead.text


def test_a_closed_directory_on_the_way_is_named(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    for step in (tmp_path, *tmp_path.parents):
        if str(step).startswith("/tmp/"):
            step.chmod(0o755)
    assert doctor_host.closed_step(inner / "file") is None
    tmp_path.chmod(0o700)
    assert doctor_host.closed_step(inner / "file") == tmp_path


def test_a_small_queue_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_host, "WANTED_QUEUE", 1 << 40)
    assert "sysctl" in only(doctor_host.queue()).remedy
    monkeypatch.setattr(doctor_host, "WANTED_QUEUE", 1)
    assert only(doctor_host.queue()).level == "ok"


def test_missing_users_rights_and_age_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_host, "ROLE_USERS", ("root",))
    assert only(doctor_host.role_users()).level == "ok"
    monkeypatch.setattr(doctor_host, "ROLE_USERS", ("root", "nobody-of-that-name"))
    assert "nobody-of-that-name" in only(doctor_host.role_users()).text
    monkeypatch.setattr(doctor_host, "NEEDED", {})
    assert only(doctor_host.capabilities()).level == "ok"
    monkeypatch.setattr(doctor_host, "NEEDED", {63: "MADE_UP"})
    assert "without MADE_UP" in only(doctor_host.capabilities()).text
    monkeypatch.setattr(doctor_host, "OLDEST", (99, 0))
    assert only(doctor_host.python()).level == "fail"


def test_an_ability_that_fails_warns_where_something_stands_in_for_it() -> None:
    works = Probe("x", works=True, reason="works", limits=("but not all",))
    assert doctor_host._ability(works, "").text == "works; but not all"
    fails = Probe("x", works=False, reason="no")
    assert doctor_host._ability(fails, "polling").level == "warn"
    assert doctor_host._ability(fails, "").level == "fail"


def test_the_engine_and_its_senders_are_told_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer: dict[str, Any] = {
        "roles": {"sensor": {"state": "running", "pid": 7}, "execs": {"state": "running"}},
        "monitoring": {"file_monitor": True, "process_monitor": True},
        "roles_separated": True,
    }
    monkeypatch.setattr(doctor_agent, "call", lambda path, method: answer)
    places = Places(tmp_path, tmp_path)
    assert {one.level for one in doctor_agent.engine(places)} == {"ok"}
    answer["not_writing"] = "disk full"
    assert [one.check for one in doctor_agent.engine(places) if one.level == "fail"] == ["engine"]


def test_an_engine_one_may_not_ask_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, method: str) -> object:
        raise PermissionFault("you may not ask the engine", remedy="use sudo")

    monkeypatch.setattr(doctor_agent, "call", refuse)
    assert only(doctor_agent.engine(Places(tmp_path, tmp_path))).level == "warn"


def test_a_part_that_is_not_watched_is_a_warning_with_its_remedy() -> None:
    found = doctor_agent._role("sensor", Role("running", 7, "file: not watched: /root (no)"))
    assert (found.level, found.text) == ("warn", "pid 7, file: not watched: /root (no)")
    assert "as root" in found.remedy
    assert doctor_agent._role("sensor", Role("running", 7)).level == "ok"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_who_may_not_enter_the_state_gets_all_the_findings(recorded: Program) -> None:
    recorded.state.chmod(0o700)
    for above in recorded.state.parents[:4]:
        above.chmod(above.stat().st_mode | 0o005)
    os.seteuid(65534)
    try:
        found = examined(recorded)
    finally:
        os.seteuid(0)
    assert "reserve" not in found
    assert found["record"]["level"] == "fail"
    assert "clock" in found
