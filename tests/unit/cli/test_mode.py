"""`sentinair mode` on a real engine."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import Program


def test_a_maintenance_is_set_shown_and_ended(running: Program) -> None:
    assert running("mode") == 0
    assert "observe" in running.out
    (set_,) = running.lines("mode", "set", "maintenance", "--for", "2h", "--reason", "new disks")
    assert set_["mode"] == "maintenance"
    assert 7190 < set_["left_secs"] <= 7200
    assert running("mode", "show") == 0
    for piece in ("maintenance", "new disks", "by itself in", "uid "):
        assert piece in running.out
    assert running("status") == 0
    assert "mode maintenance" in running.out
    assert "notices held" in running.out
    assert running("mode", "set", "observe", "--reason", "done") == 0
    assert "observe" in running.out
    (shown,) = running.lines("mode", "show")
    assert (shown["mode"], shown["reason"], shown["left_secs"]) == ("observe", "done", None)


def test_protect_says_that_it_is_not_built(running: Program) -> None:
    assert running("mode", "set", "protect") == 0
    assert "not built" in running.out
    assert "observe" in running.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("maintenance",), "needs an end"),
        (("maintenance", "--for", "2h"), "needs a reason"),
        (("maintenance", "--for", "30d", "--reason", "x"), "within 7 days"),
        (("maintenance", "--for", "soon", "--reason", "x"), "no length of time"),
        (("asleep",), "is not one of"),
    ],
)
def test_a_mode_that_cannot_be_is_refused(
    running: Program, words: tuple[str, ...], said: str
) -> None:
    assert running("mode", "set", *words) == 2
    assert said in running.err


def test_the_mode_needs_the_engine(recorded: Program) -> None:
    assert recorded("mode") == 69
    assert recorded("mode", "set", "observe") == 69
