"""`sentinair suppressions …` on a real record, with the engine and without it."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import Program, engine

ADD = ("suppressions", "add", "--reason", "backup of the night", "--for", "1d")


def test_a_suppression_is_added_listed_and_removed(recorded: Program) -> None:
    with engine(recorded):
        assert recorded(*ADD, "--rule", "rule-7", "--program", "/opt/b*/**", "--user", "ann") == 0
        assert "rule rule-7, program /opt/b*/**, user ann; until " in recorded.out
        (one,) = recorded.lines("suppressions", "list")
        assert (one["active"], one["count"], one["reason"]) == (True, 0, "backup of the night")
        assert one["author"].startswith("uid ")
        assert recorded("suppressions", "list") == 0
        assert "HELD BACK" in recorded.out
        assert "rule rule-7" in recorded.out
    (one,) = recorded.lines("suppressions", "list")  # from the record
    with engine(recorded):
        assert recorded("suppressions", "remove", one["id"][:13].upper()) == 0
        assert ", 0 held back" in recorded.out
        assert recorded.lines("suppressions", "list") == []
        assert recorded("suppressions", "list") == 0
        assert recorded.out == "No suppressions.\n"
        (ended,) = recorded.lines("suppressions", "list", "--all")
        assert (ended["active"], ended["ended_by"]) == (False, one["author"])
        assert recorded("suppressions", "list", "--all") == 0
        assert "(ended)" in recorded.out


def test_the_rule_of_an_alert_is_suppressed_by_its_alert(running: Program) -> None:
    alert = running.lines("alerts", "list")[0]
    (made,) = running.lines(*ADD, "--like", alert["id"], "--path", "/etc/*")
    assert (made["rule"], made["path"]) == (alert["rule_id"], "/etc/*")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--rule", "r", "--like", "0190"), "--rule and --like name two rules"),
        (("--path", "/a\udcff"), "--path is not UTF-8"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_the_engine_is_asked(
    recorded: Program, words: tuple[str, ...], why: str
) -> None:
    assert recorded(*ADD, *words) == 2
    assert why in recorded.err


def test_a_wish_that_is_too_wide_or_without_end_is_refused(running: Program) -> None:
    assert running(*ADD, "--user", "root") == 2
    assert "must name a rule, a path or a program" in running.err
    assert running("suppressions", "add", "--rule", "r", "--reason", "x") == 2
    assert "--for" in running.err
    assert running("suppressions", "add", "--rule", "r", "--reason", "x", "--for", "soon") == 2
    assert "is no length of time" in running.err
    assert running("suppressions", "add", "--rule", "r", "--reason", "x", "--for", "53w") == 2
    assert "at most 366 days" in running.err
    assert running("suppressions", "remove", "zz\udcff") == 2
    assert len(running.err.splitlines()) == 1


def test_adding_needs_the_engine(recorded: Program) -> None:
    assert recorded(*ADD, "--rule", "r") == 69
    assert recorded("suppressions", "remove", "x") == 69
    assert recorded.lines("suppressions", "list") == []
