"""The commands a person gives, on the real agent."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.agent import Agent, separated_agent, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: fanotify and the process connector"),
]


@pytest.fixture(scope="module")
def agent() -> Iterator[Agent]:
    with separated_agent() as made:
        yield made


def lines(agent: Agent, *words: str) -> list[dict[str, Any]]:
    done = agent.cli(*words, "--json")
    assert not done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_drill_raises_its_alerts_and_leaves_nothing(agent: Agent) -> None:
    done = agent.cli("drill", "--json")
    *outcomes, last = [json.loads(line) for line in done.stdout.splitlines()]
    missing = [one for one in outcomes if one["came"] is False]
    assert done.returncode == 0, missing
    score = last["score"]
    # Only one folder is watched here: programs are drilled, and few rules on files.
    proven, all_ = score["monitors"]["process"]
    assert proven >= 0.8 * all_
    assert score["monitors"]["file"][0] >= 1
    assert score["not_drilled"] == sum(bool(one["reason"]) for one in outcomes)
    assert not list(agent.watch[0].iterdir())
    raised = [
        one
        for one in lines(agent, "alerts", "list", "--limit", "0")
        if "sentinair-drill" in str(one)
    ]
    assert len(raised) >= score["came"]
    assert {one["status"] for one in raised} == {"resolved"}
    assert all(one["details"]["drill"] for one in raised)


def test_a_failing_monitor_lowers_exactly_its_techniques(agent: Agent) -> None:
    execs = agent.roles()["execs"]
    os.kill(execs, signal.SIGSTOP)
    try:
        words = ("--rule", "kernel-module-load", "--rule", "setuid-file")
        done = agent.cli("drill", "--json", *words)
    finally:
        os.kill(execs, signal.SIGCONT)
    assert done.returncode == 1
    score = json.loads(done.stdout.splitlines()[-1])["score"]
    assert score["monitors"] == {"file": [1, 1], "process": [0, 1]}
    assert score["techniques"] == {"T1547.006": [0, 1], "T1548.001": [1, 1]}


def test_a_drill_says_which_suppression_held_its_alert_back(agent: Agent) -> None:
    words = ("--rule", "kernel-module-load")
    rule = lines(agent, "drill", *words)[0]["rule"]
    options = ("--for", "1h", "--reason", "loading is planned")
    (wish,) = lines(agent, "suppressions", "add", "--rule", rule, *options)
    try:
        done = agent.cli("drill", "--json", *words)
    finally:
        assert agent.cli("suppressions", "remove", wish["id"]).returncode == 0
    assert done.returncode == 1
    outcome = json.loads(done.stdout.splitlines()[0])
    assert outcome["came"] is False
    assert outcome["reason"].startswith(f"held back by suppression {wish['id']} until ")


def test_an_alert_is_explained_answered_and_verified(agent: Agent) -> None:
    agent.cli("drill", "--keep", "--rule", "reverse-shell")
    alert = lines(agent, "alerts", "list", "--status", "open", "--severity", "critical")[0]
    told = agent.cli("alerts", "explain", alert["id"]).stdout
    assert "What happened" in told
    assert "sentinair-drill" in told
    assert agent.cli("alerts", "ack", alert["id"], "--comment", "a drill").returncode == 0
    (shown,) = lines(agent, "alerts", "show", alert["id"])
    assert shown["status"] == "acknowledged"
    assert shown["acknowledged_by"] == "uid 0 (root)"
    verified = agent.cli("verify")
    assert verified.returncode == 0, verified.stdout


def test_reading_the_record_is_no_event(agent: Agent) -> None:
    def on_the_record() -> int:
        time.sleep(0.5)  # what was read is stored within 150 ms
        listed = lines(agent, "events", "list", "--kind", "file", "--limit", "0")
        return sum("ledger.db" in one["data"]["path"] for one in listed)

    before = on_the_record()
    agent.cli("alerts", "list")
    agent.cli("events", "count")
    agent.cli("status")
    assert on_the_record() == before


def test_a_rescan_finds_nothing_where_nothing_was_missed(agent: Agent) -> None:
    (agent.watch[0] / "file").write_text("x")
    asked = lines(agent, "rescan", str(agent.watch[0]))
    assert asked[0]["asked"] is True

    def done() -> bool:
        found = lines(agent, "events", "list", "--kind", "scanned")
        return any(one["data"]["reason"] == "asked" for one in found)

    assert wait_for(done, 10) is not None


def test_a_backup_of_a_running_agent_verifies(agent: Agent) -> None:
    copy = agent.folder.parent / "copy.db"
    assert agent.cli("db", "backup", str(copy)).returncode == 0
    key = str(agent.state / "keys" / "enrolment.pub")
    verified = agent.cli("verify", str(copy), "--public-key", key)
    assert verified.returncode == 0, verified.stdout


def test_the_doctor_finds_a_sender_that_hangs(agent: Agent) -> None:
    def failed() -> set[str]:
        return {one["check"] for one in lines(agent, "doctor") if one["level"] == "fail"}

    assert wait_for(lambda: not failed(), 20, pause_secs=0.5) is not None, agent.cli(
        "doctor"
    ).stdout
    sensor = agent.roles()["sensor"]
    os.kill(sensor, signal.SIGKILL)
    assert failed() & {"sensor", "files"}
    assert wait_for(lambda: not failed(), 20, pause_secs=0.5) is not None
