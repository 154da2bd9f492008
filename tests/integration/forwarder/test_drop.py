"""A drop that the real engine signs for."""

from __future__ import annotations

import json
from pathlib import Path

from sentinair.sinks.drop.check.lines import judge
from tests.harness.agent import wait_for
from tests.harness.backlog import Arrived, fill, lines_of
from tests.harness.roles import Roles


def station(folder: Path, **more: object) -> Roles:
    (folder / "drop").mkdir()
    options = {"directory": str(folder / "drop"), "segment_secs": 1, "complete": True}
    siem = {"name": "siem", "kind": "drop", "options": options} | more
    other = {
        "name": "other",
        "kind": "drop",
        "records": ["gap"],
        "options": {"directory": "/nowhere"},
    }
    return Roles(folder, [siem, other])


def delivered(roles: Roles, stream: str, upto: int) -> None:
    roles.start_engine()
    roles.start_forwarder()
    key = "seq" if stream == "record" else "event"
    assert wait_for(lambda: roles.sink("siem")[key] >= upto, 20.0, pause_secs=0.05) is not None, (
        roles.sink("siem")
    )


def test_records_and_events_are_signed_and_verify(tmp_path: Path) -> None:
    with station(tmp_path, events=["*"]) as roles:
        fill(roles.state, 50, events=300)
        delivered(roles, "event", 300)
        roles.stop("forwarder")
        roles.stop("engine")
        drop = judge(str(tmp_path / "drop"), str(roles.state / "keys" / "enrolment.pub"))
        assert drop.findings == []
        assert {line.stream for line in drop.lines} == {"record", "event"}
        assert Arrived(roles.state).events(lines_of(tmp_path / "drop", "event")).count == 300
        came = Arrived(roles.state).records(lines_of(tmp_path / "drop"))
        assert (came.wrong, came.count >= 50) == ([], True)


def test_a_test_of_another_sink_does_not_stop_a_complete_drop(tmp_path: Path) -> None:
    with station(tmp_path) as roles:
        fill(roles.state, 10)
        delivered(roles, "record", 10)

        def asked() -> bool:
            return int(roles.ask("sinks.test", name="other")["seq"]) > 0

        assert asked()
        seq = roles.stored.head()[1]
        came = wait_for(lambda: roles.sink("siem")["seq"] >= seq, 20.0, pause_secs=0.05)
        assert came is not None, roles.sink("siem")
        kinds = [json.loads(line)["kind"] for line in lines_of(tmp_path / "drop")]
        assert "sink.tested" in kinds
