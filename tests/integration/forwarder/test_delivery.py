"""The record reaches a sink whole and in order, whoever dies meanwhile."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.harness.agent import wait_for
from tests.harness.backlog import fill
from tests.integration.forwarder.conftest import Outlet, first_seen


def test_records_reach_the_sink_in_order(outlet: Outlet) -> None:
    with outlet.agent:
        for number in range(20):
            (outlet.watched / str(number)).touch()
        outlet.wait_for_all()
    assert outlet.missing() == set()
    assert outlet.seqs() == sorted(outlet.seqs())
    assert {"start", "events.batch"} <= {row["kind"] for row in outlet.rows()}
    assert len({row["chain"] for row in outlet.rows()}) == 1


def test_a_restart_goes_on_where_the_sink_stopped(outlet: Outlet) -> None:
    with outlet.agent:
        outlet.wait_for_all()
    before = len(outlet.seqs())
    with outlet.agent:
        outlet.wait_for_all()
    assert len(outlet.seqs()) > before
    assert outlet.missing() == set()
    assert outlet.seqs() == sorted(set(outlet.seqs())), "nothing came twice"


@pytest.mark.parametrize("role", ["forwarder", "engine"])
def test_a_killed_role_loses_no_record(outlet: Outlet, role: str) -> None:
    with outlet.agent as agent:
        for life in range(5):
            for number in range(50):
                (outlet.watched / f"{life}-{number}").touch()
            old = agent.roles()[role]
            time.sleep(0.05 * life)
            os.kill(old, signal.SIGKILL)
            came = wait_for(lambda old=old: agent.roles().get(role, old) != old, 20.0)  # type: ignore[misc]
            assert came is not None
        assert wait_for(lambda: outlet.sink()["state"] == "healthy", 20.0) is not None
        outlet.wait_for_all()
    assert outlet.missing() == set()
    assert first_seen(outlet.seqs()) == sorted(set(outlet.seqs()))


@pytest.mark.slow
def test_a_sink_that_is_away_while_20000_records_queue_gets_them_all(tmp_path: Path) -> None:
    outlet = Outlet(tmp_path)
    fill(outlet.agent.state, 20_000)
    outlet.fault("away")
    with outlet.agent as agent:
        assert wait_for(lambda: outlet.sink()["failures"] > 0, 20.0) is not None
        before = agent.pss_mb()["forwarder"]
        outlet.mend("away")
        assert agent.cli("sinks", "test", "lines").returncode == 0
        outlet.wait_for_all(60.0)
        assert agent.pss_mb()["forwarder"] - before < 32
    assert outlet.missing() == set()
    assert first_seen(outlet.seqs()) == sorted(set(outlet.seqs()))
