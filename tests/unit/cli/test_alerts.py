"""`sentinair alerts …` on a real record."""

from __future__ import annotations

import msgspec
import pytest

from sentinair.cli.alerts import standing, what
from sentinair.cli.output import short_id_chars
from tests.harness.ledger import alert as ledger_alert
from tests.unit.cli.conftest import Program


def test_alerts_are_listed_newest_first(recorded: Program) -> None:
    lines = recorded.lines("alerts", "list")
    assert len(lines) == 6
    times = [line["timestamp"] for line in lines]
    assert times == sorted(times, reverse=True)
    assert times[0].endswith("Z")
    assert recorded("alerts", "list") == 0
    rows = recorded.out.splitlines()
    assert rows[0].startswith("ID ")
    assert len(rows) == 7


def test_a_limit_says_that_there_is_more(recorded: Program) -> None:
    assert recorded("alerts", "list", "--limit", "2") == 0
    assert recorded.out.splitlines()[-1].startswith("The newest 2;")
    assert len(recorded.lines("alerts", "list", "--limit", "2")) == 2
    assert len(recorded.lines("alerts", "list", "--limit", "0")) == 6
    assert recorded("alerts", "list", "--limit", "6") == 0
    assert "The newest" not in recorded.out


def test_alerts_are_chosen_by_time_severity_status_and_source(recorded: Program) -> None:
    everything = recorded.lines("alerts", "list")
    severities = {line["severity"] for line in everything}
    for severity in ("low", "medium", "high", "critical"):
        chosen = recorded.lines("alerts", "list", "--severity", severity)
        assert chosen == [line for line in everything if line["severity"] == severity]
    both = [word for severity in severities for word in ("--severity", severity)]
    assert recorded.lines("alerts", "list", *both) == everything
    assert not recorded.lines("alerts", "list", "--status", "resolved")
    assert recorded.lines("alerts", "list", "--source", "sigma") == everything
    assert not recorded.lines("alerts", "list", "--source", "\udcff")
    middle = everything[3]["timestamp"]
    assert recorded.lines("alerts", "list", "--until", middle) == everything[4:]
    assert recorded.lines("alerts", "list", "--since", middle) == everything[:4]


def test_no_alerts_is_said(recorded: Program) -> None:
    assert recorded("alerts", "list", "--since", "1s") == 0
    assert recorded.out == "No alerts.\n"


def test_one_alert_is_shown_whole_by_the_beginning_of_its_id(recorded: Program) -> None:
    whole = recorded.lines("alerts", "list")[0]
    assert recorded.lines("alerts", "show", whole["id"][:13]) == [whole]
    assert recorded("alerts", "show", whole["id"].upper()) == 0
    assert whole["title"] in recorded.out
    assert "/etc/passwd" in recorded.out
    assert "confidence" in recorded.out


def test_an_alert_explains_itself(recorded: Program) -> None:
    whole = recorded.lines("alerts", "list")[0]
    assert recorded("alerts", "explain", whole["id"]) == 0
    assert "The file is one that decides who may log in." in recorded.out
    assert recorded.lines("alerts", "explain", whole["id"])[0]["id"] == whole["id"]


@pytest.mark.parametrize("wrong", ["ffffffff", "x", "%", "\udcff", "1" * 50, ""])
def test_an_unknown_alert_is_a_usage_fault(recorded: Program, wrong: str) -> None:
    for command in ("show", "explain"):
        assert recorded("alerts", command, wrong) == 2
        assert len(recorded.err.splitlines()) == 1
        assert "alert" in recorded.err


def test_without_a_record_listing_says_what_to_do(program: Program) -> None:
    assert program("alerts", "list") == 74
    assert "there is no ledger" in program.err
    assert len(program.err.splitlines()) == 1


def test_an_answer_needs_the_engine(recorded: Program) -> None:
    whole = recorded.lines("alerts", "list")[0]["id"]
    assert recorded("alerts", "ack", whole) == 69
    assert "not running" in recorded.err


def test_answers_go_into_the_record(running: Program) -> None:
    first, second = (line["id"] for line in running.lines("alerts", "list")[:2])
    answered = running.lines("alerts", "ack", first[:14], second, "--comment", "seen\udcff")
    assert [line["status"] for line in answered] == ["acknowledged", "acknowledged"]
    assert answered[0]["comment"] == "seen\\xff"
    assert answered[0]["acknowledged_by"]
    assert running("alerts", "show", first) == 0
    assert "answered by" in running.out
    assert running("alerts", "resolve", first) == 0
    assert running.out == f"{first}: resolved\n"
    assert running.lines("alerts", "reopen", first)[0]["status"] == "open"
    assert running.lines("alerts", "false-positive", first)[0]["status"] == "false_positive"
    stored = {line["id"]: line["status"] for line in running.lines("alerts", "list")}
    assert stored[first] == "false_positive"
    assert stored[second] == "acknowledged"


def test_an_alert_that_cannot_take_the_answer_does_not_keep_others_from_theirs(
    running: Program,
) -> None:
    first, second = (line["id"] for line in running.lines("alerts", "list")[:2])
    assert running("alerts", "ack", first) == 0
    assert running("alerts", "ack", first) == 2
    assert len(running.err.splitlines()) == 1
    assert running("alerts", "ack", first, "ffffffff", second) == 2
    assert running.out == f"{second}: acknowledged\n"
    assert len(running.err.splitlines()) == 2


def test_ids_are_cut_only_as_far_as_they_differ() -> None:
    same = "01900000-0000-7000-8000-00000000000"
    assert short_id_chars(["01900000-0000-7", "01900000-0001-7"]) == 13
    assert short_id_chars([f"{same}1", f"{same}2"]) == 36
    assert short_id_chars([]) == 13


def test_notes_and_assignment_are_shown_with_the_alert(running: Program) -> None:
    first = running.lines("alerts", "list")[0]["id"]
    assert running("alerts", "note", first[:14], "asked the night\x1b shift") == 0
    assert running.out == f"{first}: noted\n"
    assert running("alerts", "assign", first, "bob") == 0
    assert running.out == f"{first}: assigned to bob\n"
    assert running("alerts", "show", first) == 0
    assert "asked the night\\x1b shift" in running.out
    assert "assigned to" in running.out
    assert running.lines("alerts", "assign", first, "-")[0]["assignee"] is None
    assert running("alerts", "assign", first, "-") == 0
    assert running.out == f"{first}: assigned to nobody\n"
    assert running("alerts", "note", first, " ") == 2


def test_an_escalated_alert_says_so_as_long_as_it_is_open() -> None:
    one = msgspec.structs.replace(
        ledger_alert(1, severity="critical"), escalated_at_ns=5, gathered=True, count=7
    )
    assert standing(one) == "open (escalated)"
    assert standing(msgspec.structs.replace(one, status="resolved")) == "resolved"
    assert what(one) == f"{one.title}: 7 more"
