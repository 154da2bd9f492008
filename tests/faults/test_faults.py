"""What a trusted agent survives: real faults, made by this machine, at the small size of their campaigns.

F2  a small kernel buffer: received + declared lost = sent          exec_storm
D9  a stop with events waiting in the lanes: none is missing        shutdown
S4  state, sockets, configuration of another owner, mode or kind    bad_start
R2  no inodes and no room, before the start and while running       full_disk
rm  the record itself, under the running agent: begun anew, and said
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.harness.agent import Agent, wait_for
from tests.harness.campaigns import NEEDS, broken

pytestmark = NEEDS


def test_a_storm_of_short_processes_is_stored_whole() -> None:
    assert broken("exec_storm") == []


def test_a_stop_hands_over_what_waits_in_the_lanes() -> None:
    assert broken("shutdown") == []


def test_a_start_that_cannot_be_trusted_is_refused_in_one_clear_line() -> None:
    assert broken("bad_start") == []


def test_a_full_disk_stops_writing_and_not_the_agent() -> None:
    assert broken("full_disk") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="the state directory is watched by fanotify, as root")
def test_a_record_deleted_under_the_running_agent_is_begun_anew_with_who_did_it(
    tmp_path: Path,
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    with Agent(tmp_path / "agent", watch=[tree]) as agent:
        before = agent.stored.head()
        assert before[1] > 0
        subprocess.run(["rm", *map(str, agent.state.glob("ledger.db*"))], check=True)
        (tree / "after").touch()

        def is_told() -> bool:
            try:
                alerts = agent.stored.alerts()
                after = agent.stored.holds("file", b"/after", 0)
            except sqlite3.OperationalError:  # there is no record now
                return False
            by = {alert.process for alert in alerts if alert.severity == "critical"}
            return after and {None, "/usr/bin/rm"} <= by  # the engine's own word, and the sensor's

        assert wait_for(is_told, 30.0) is not None, agent.output
