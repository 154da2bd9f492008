"""The real agent and the terminals of people: what is critical is on their screens within seconds."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentinair.roles.separation import PLACES, why_not_separated
from sentinair.sinks.notice.motd import place
from tests.harness.agent import ROOT, Agent, wait_for
from tests.harness.sink_file import REGISTERED
from tests.unit.sinks.notice.conftest import Desk, desk

__all__ = ["desk"]

pytestmark = pytest.mark.root
RULE = """title: Planted
id: 1d6f0a4e-6d5c-4bd4-9a43-2f3e1a2b3c4d
status: test
description: A file that a test plants.
author: Sentinair
level: critical
logsource: {product: linux, category: file_event}
detection:
  planted: {TargetFilename|contains: /planted}
  condition: planted
"""


@contextlib.contextmanager
def agent_of(desk: Desk, user: int | None = None) -> Iterator[Agent]:
    """Its folder lies where role users can reach it."""
    sink = {
        "name": "notice",
        "kind": "notice",
        "codec": "none",
        "begin": "now",
        "records": ["alert.*", "gap", "gap.*", "heartbeat"],
        "options": {"devices": str(desk.devices), "logins": str(desk.logins)},
    }
    folder = desk.devices.parent / f"{desk.devices.name}-agent"
    folder.mkdir(mode=0o755)
    (folder / "watched").mkdir()
    made = Agent(
        folder / "agent",
        watch=[folder / "watched"],
        config={"sinks": {"to": [sink]}, "files": {"source": "inotify"}},
        user=user,
        path=[REGISTERED],
    )
    made.folder.chmod(0o755)
    (made.config / "rules" / "planted.yml").write_text(RULE)
    if user is not None:
        os.chown(made.config / "rules" / "planted.yml", user, user)
    try:
        with made:
            yield made
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    folder.rmdir()


def plant(agent: Agent) -> None:
    """Something critical, of a hostile name."""
    (agent.watch[0] / "planted\x1b[2J\nforged").touch()


def delivers(agent: Agent) -> bool:
    answer = json.loads(agent.cli("sinks", "list", "--json").stdout.splitlines()[0])
    return bool(answer["state"] == "healthy")


def test_a_critical_alert_is_on_the_screens_within_seconds_and_in_the_message_of_the_day(
    desk: Desk,
) -> None:
    screen, quiet, stopped = desk.pty(), desk.pty(mode=0o600), desk.pty()
    stopped.fill()
    with agent_of(desk) as agent:
        assert wait_for(lambda: delivers(agent), 20.0) is not None
        plant(agent)
        seen = bytearray()

        def heard() -> bool:
            seen.extend(screen.read())
            return b"critical alert: " in seen

        assert wait_for(heard, 20.0) is not None, agent.output
        (line,) = [x for x in bytes(seen).splitlines() if b"planted" in x]
        assert rb"planted\x1b[2J\x0aforged" in line
        assert quiet.read() == b""
        motd = place(agent.state)
        assert wait_for(motd.exists, 10.0) is not None
        assert "planted" in motd.read_text()
        assert motd.stat().st_mode & 0o777 == 0o644

        for one in agent.stored.alerts():
            assert agent.cli("alerts", "ack", one.id).returncode == 0
        gone = wait_for(lambda: not motd.exists(), 10.0)
        assert gone is not None, motd.read_text()


def test_a_test_of_the_sink_is_on_the_screens(desk: Desk) -> None:
    screen = desk.pty()
    with agent_of(desk) as agent:
        assert agent.cli("sinks", "test", "notice").returncode == 0
        assert b"this is a test" in screen.read()
        doctor = agent.cli("doctor", "--json").stdout.splitlines()
        found = {line["check"]: line["level"] for line in map(json.loads, doctor)}
        assert found["notice"] == "ok"
        assert found["motd"] == "warn", "this agent is not installed"


def test_separated_roles_reach_terminals_by_their_group(desk: Desk) -> None:
    if why := why_not_separated(desk.devices / "state"):
        pytest.skip(why)
    screen = desk.pty()
    with agent_of(desk) as agent:
        assert agent.ask("status")["roles_separated"]
        status = Path(f"/proc/{agent.roles()['forwarder']}/status").read_text()
        assert "CapEff:\t0000000000000000" in status
        assert agent.cli("sinks", "test", "notice").returncode == 0
        assert b"this is a test" in screen.read()
    assert PLACES["forwarder"].groups == ("sentinair-read", "tty")


def test_of_an_ordinary_user_only_the_own_terminals_hear_it_and_the_doctor_says_so(
    desk: Desk,
) -> None:
    mine, other = desk.pty(owner=1000), desk.pty(owner=1001)
    with agent_of(desk, user=1000) as agent:
        assert agent.cli("sinks", "test", "notice").returncode == 0
        assert b"this is a test" in mine.read()
        assert other.read() == b""
        words = [sys.executable, "-m", "sentinair.cli.main", "--config", str(agent.config)]
        done = subprocess.run(
            [*words, "--state", str(agent.state), "doctor", "--json"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(REGISTERED)))},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            user=1000,
            group=1000,
            extra_groups=[],
        )
        lines = map(json.loads, done.stdout.splitlines())
        (line,) = [one for one in lines if one["check"] == "notice"]
        assert line["level"] == "warn"
        assert "terminals of uid 1000 only" in line["text"]


def test_an_end_is_said_in_the_message_of_the_day(desk: Desk) -> None:
    with agent_of(desk) as agent:
        assert wait_for(lambda: delivers(agent), 20.0) is not None
        plant(agent)
        motd = place(agent.state)
        assert wait_for(motd.exists, 20.0) is not None
        os.kill(agent.roles()["forwarder"], signal.SIGTERM)
        came = wait_for(lambda: "Not kept since then" in motd.read_text(), 10.0)
        assert came is not None
        came = wait_for(lambda: "Not kept since then" not in motd.read_text(), 20.0)
        assert came is not None, "the new forwarder keeps it again"
