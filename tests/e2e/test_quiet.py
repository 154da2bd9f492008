"""Who reads the record, be it the agent itself, is never taken for somebody who changes it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from sentinair.detect.gaps import OWN_STATE
from sentinair.roles.engine.upkeep import CHECK_AFTER_NS
from tests.harness.agent import Agent, separated_agent, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: fanotify and the process connector"),
]
READERS = (
    ("alerts", "list"),
    ("events", "list", "--limit", "3"),
    ("status",),
    ("rules", "list"),
    ("verify",),
)


def _strangers(agent: Agent) -> list[str | None]:
    return [alert.filename for alert in agent.stored.alerts() if alert.rule_id == OWN_STATE]


def _read_by_all(agent: Agent) -> None:
    for words in READERS:
        done = agent.cli(*words)
        assert done.returncode == 0, done.stderr
    assert agent.process_marker() is not None


def test_the_agents_own_full_check_and_the_administrator_are_no_strangers() -> None:
    with separated_agent() as agent:
        _read_by_all(agent)
        assert _strangers(agent) == []
        secs = CHECK_AFTER_NS / 1e9 + 30
        assert wait_for(lambda: agent.stored.holds("process", b"nice", 0), secs) is not None
        # That may have been another agent's on this host: its own reads the ledger when its time has come.
        assert wait_for(lambda: agent.stored.holds("file", b"ledger.db-wal", 0), secs) is not None
        assert _strangers(agent) == []


def test_nor_where_only_root_may_enter() -> None:
    with tempfile.TemporaryDirectory(dir="/root", prefix="sentinair-quiet-") as name:
        folder = Path(name)
        (folder / "watched").mkdir()
        with Agent(folder / "agent", watch=[folder / "watched"]) as agent:
            _read_by_all(agent)
            assert _strangers(agent) == []
            ledger = folder / "agent" / "state" / "ledger.db-wal"
            os.chown(ledger, 0, 0)
            assert wait_for(lambda: _strangers(agent) == [str(ledger)], 10) is not None
