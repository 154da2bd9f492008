"""A sink that refuses, hangs, or has more before it than it can take."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.harness.agent import wait_for
from tests.harness.backlog import fill
from tests.integration.forwarder.conftest import Outlet, first_seen


def letters(outlet: Outlet) -> list[dict[str, Any]]:
    found: Any = outlet.agent.ask("sinks.letters", name="lines")["letters"]
    return list(found)


def test_an_entry_always_refused_becomes_a_dead_letter_and_the_others_go_on(tmp_path: Path) -> None:
    outlet = Outlet(tmp_path)
    fill(outlet.agent.state, 500)
    outlet.fault("refuse", '"number 250"')
    with outlet.agent as agent:
        outlet.wait_for_all()
        came = wait_for(lambda: len(letters(outlet)) == 1, 20.0)
        assert came is not None
        (letter,) = letters(outlet)
        assert letter["tries"] == 5
        assert outlet.missing() == {letter["seq"]}

        def is_told() -> bool:
            return any(a.rule_id == "sentinair-sink-refused" for a in agent.stored.alerts())

        assert wait_for(is_told, 20.0) is not None
        shown = agent.cli("sinks", "list", "lines", "--json")
        assert json.loads(shown.stdout)["dead_letters"][0]["seq"] == letter["seq"]
        verified = agent.cli("verify", str(agent.state))
        assert verified.returncode == 0, verified.stdout + verified.stderr

        outlet.mend("refuse")
        assert agent.cli("sinks", "replay", "lines").returncode == 0
        assert wait_for(lambda: letters(outlet) == [], 20.0) is not None
        assert outlet.missing() == set()
        verified = agent.cli("verify", str(agent.state))
        assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_dead_letter_outlives_every_process(tmp_path: Path) -> None:
    outlet = Outlet(tmp_path)
    fill(outlet.agent.state, 50)
    outlet.fault("refuse", '"number 25"')
    with outlet.agent as agent:
        assert wait_for(lambda: len(letters(outlet)) == 1, 20.0) is not None
        for pid in agent.roles().values():
            os.kill(pid, signal.SIGKILL)
        old = outlet.seqs()[-1]
        came = wait_for(lambda: outlet.seqs()[-1] > old, 30.0, pause_secs=0.2)
        assert came is not None
        assert len(letters(outlet)) == 1


def test_a_sink_that_takes_nothing_at_all_is_left_alone_more_and_more(tmp_path: Path) -> None:
    outlet = Outlet(tmp_path)
    fill(outlet.agent.state, 300)
    outlet.fault("refuse", '"stream"')
    with outlet.agent:
        assert wait_for(lambda: outlet.sink()["state"] == "unhealthy", 30.0) is not None
        assert wait_for(lambda: len(letters(outlet)) >= 5, 30.0) is not None
        assert len(letters(outlet)) < 20
        assert outlet.seqs() == []


def test_a_sink_that_hangs_neither_holds_up_the_engine_nor_a_stop(tmp_path: Path) -> None:
    outlet = Outlet(tmp_path)
    outlet.fault("hang")
    with outlet.agent as agent:
        (outlet.watched / "seen").touch()
        assert wait_for(lambda: agent.stored.holds("file", b"/seen", 0), 20.0) is not None
        began = time.monotonic()
        assert agent.stop() == 0
        assert time.monotonic() - began < 10
    outlet.mend("hang")
    with outlet.agent:
        outlet.wait_for_all()
    assert outlet.missing() == set()


def test_a_stop_with_a_backlog_ends_in_time_and_the_rest_follows(tmp_path: Path) -> None:
    outlet = Outlet(tmp_path, batch=50)
    fill(outlet.agent.state, 10_000)
    outlet.fault("slow", "0.1")
    with outlet.agent as agent:
        assert wait_for(lambda: len(outlet.seqs()) >= 100, 20.0) is not None
        began = time.monotonic()
        assert agent.stop() == 0
        assert time.monotonic() - began < 10
        assert len(outlet.seqs()) < 10_000
    outlet.mend("slow")
    with outlet.agent:
        outlet.wait_for_all(60)
    assert outlet.missing() == set()
    assert outlet.seqs() == sorted(set(outlet.seqs())), "nothing came twice"


def test_a_paused_sink_stays_paused_over_a_restart(outlet: Outlet) -> None:
    with outlet.agent as agent:
        outlet.wait_for_all()
        assert agent.cli("sinks", "pause", "lines").returncode == 0
    before = outlet.seqs()
    with outlet.agent as agent:
        assert outlet.sink()["paused"] is True
        assert agent.cli("sinks", "test", "lines", "--wait", "1").returncode == 1
        assert outlet.seqs() == before
        assert agent.cli("sinks", "resume", "lines").returncode == 0
        assert agent.cli("sinks", "test", "lines").returncode == 0
        outlet.wait_for_all()
        assert "sink lines" in agent.cli("doctor").stdout
    assert outlet.missing() == set()


def test_records_are_delivered_again_for_a_receiver_that_lost_them(outlet: Outlet) -> None:
    with outlet.agent as agent:
        outlet.wait_for_all()
        outlet.file.write_bytes(b"")
        assert agent.cli("sinks", "replay", "lines", "--after", "1").returncode == 0
        outlet.wait_for_all()
    assert outlet.missing() == {1}
    assert first_seen(outlet.seqs()) == sorted(set(outlet.seqs()))


def test_events_have_a_cursor_of_their_own(tmp_path: Path) -> None:
    outlet = Outlet(tmp_path, events=["file"], records=["alert.*"])
    with outlet.agent as agent:
        (outlet.watched / "one").touch()
        assert wait_for(lambda: agent.stored.holds("file", b"/one", 0), 20.0) is not None

        def has_it() -> bool:
            return any(
                row["kind"] == "file" and "/one" in row["data"]["path"] for row in outlet.rows()
            )

        assert wait_for(has_it, 20.0) is not None
    kinds = {(row["stream"], row["kind"]) for row in outlet.rows()}
    assert {stream for stream, _ in kinds} <= {"event", "record"}
    assert {kind for stream, kind in kinds if stream == "event"} == {"file"}
    assert outlet.seqs("event") == sorted(set(outlet.seqs("event")))


@pytest.mark.skipif(os.geteuid() != 0, reason="the state directory is watched by fanotify, as root")
def test_what_the_forwarder_writes_below_the_state_makes_no_event_and_no_alert(
    tmp_path: Path,
) -> None:
    outlet = Outlet(tmp_path, source="fanotify", inside=True)
    with outlet.agent as agent:
        outlet.wait_for_all()
        os.kill(agent.roles()["forwarder"], signal.SIGKILL)
        assert agent.cli("sinks", "test", "lines").returncode in (0, 74)
        assert wait_for(lambda: "forwarder" in agent.roles(), 10.0) is not None
        assert wait_for(lambda: outlet.sink()["behind"] < 5, 20.0) is not None
        tried = wait_for(lambda: agent.cli("sinks", "test", "lines").returncode == 0, 20.0)
        assert tried is not None  # the new forwarder has said hello by then
        (outlet.watched / "last").touch()
        assert wait_for(lambda: agent.stored.holds("file", b"/last", 0), 20.0) is not None
        assert not agent.stored.holds("file", outlet.file.name.encode(), 0)
        assert [
            (a.title, a.filename, a.process, a.details["event"])
            for a in agent.stored.alerts()
            if a.category == "tamper"
        ] == []
        (outlet.file.parent / "by-somebody-else").touch()

        def is_told() -> bool:
            return any(a.category == "tamper" for a in agent.stored.alerts())

        assert wait_for(is_told, 20.0) is not None
    with outlet.agent as agent:  # the first listing of the new life finds what was written last
        outlet.wait_for_all()
        assert not agent.stored.holds("file", outlet.file.name.encode(), 0)
