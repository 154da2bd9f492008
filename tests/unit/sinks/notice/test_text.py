"""What a notice says: nothing in it can drive a terminal, forge a second line or grow without end."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinair.model.standing import Loss, Standing
from sentinair.sinks.notice.text import (
    LINE,
    alert_line,
    blind_line,
    loss_told,
    message,
    more_line,
    plain,
    sees_line,
    trial_line,
)
from tests.harness.ledger import BEGAN_NS, alert

ANY = st.text(st.characters(), max_size=400)
TIMES = st.integers(-(1 << 63), (1 << 63) - 1)
SAFE = re.compile(r"[ -~]*")
HOSTILE = "\x1b]0;x\x07\r\nSentinair \x9b31m\u202e雛é\udc9b\x7f\u2028"


@given(ANY, ANY, ANY, TIMES)
def test_a_line_is_printable_ascii_of_bounded_length(
    title: str, name: str, why: str, when: int
) -> None:
    one = alert(1, severity="critical", title=title, filename=name, id=why, last_seen_ns=when)
    loss = Loss("a", title, why, 1 << 62, when)
    for line in (
        alert_line("alert.raised", one, objects=True),
        alert_line("alert.escalated", one, objects=False),
        blind_line(when, loss_told(loss)),
        blind_line(when, why),
        sees_line(when, loss_told(loss)),
        more_line(when, 1 << 62),
        trial_line(when, name),
    ):
        assert SAFE.fullmatch(line)
        assert len(line) <= LINE


@given(ANY, ANY, TIMES, st.integers(1, 1 << 62))
def test_a_message_is_printable_ascii_and_has_a_bounded_number_of_lines(
    title: str, name: str, when: int, count: int
) -> None:
    one = alert(1, severity="critical", title=title, filename=name, last_seen_ns=when)
    found = Standing(count, (one,) * 30)
    text = message(when, found, [name] * 30, objects=True)
    assert text is not None
    lines = text.split("\n")
    assert len(lines) <= 30
    assert all(SAFE.fullmatch(line) and len(line) <= LINE for line in lines)


def test_what_would_drive_a_terminal_is_shown_instead() -> None:
    told = plain(HOSTILE, 400)
    assert told == (r"\x1b]0;x\x07\x0d\x0aSentinair \x9b31m\u202e\u96db\xe9\x9b\x7f\u2028")
    assert plain(told, 400) == told


def test_an_alert_names_what_it_is_of_and_how_to_learn_more() -> None:
    one = alert(7, severity="critical", title="Bad", filename="/etc/shadow", secs=0)
    said = alert_line("alert.raised", one, objects=True)
    assert said == (
        f"Sentinair 2027-01-15T08:00:00Z critical alert: Bad: /etc/shadow -> sentinair alerts explain {one.id}"
    )
    assert "/etc" not in alert_line("alert.raised", one, objects=False)
    assert "again critical alert" in alert_line("alert.reopened", one, objects=True)
    assert "still unanswered: " in alert_line("alert.escalated", one, objects=True)
    drilled = alert(8, details={"drill": True})
    assert " drill: critical alert" in alert_line("alert.raised", drilled, objects=True)


def test_a_long_name_is_cut_and_the_way_to_more_is_not() -> None:
    one = alert(7, title="t" * 1000, filename="/" + "x" * 100_000)
    assert alert_line("alert.raised", one, objects=True).endswith(one.id)


def test_a_loss_says_who_lost_how_much_since_when_and_why() -> None:
    lost = Loss("00", "fanotify", "overflow", 12, BEGAN_NS)
    assert loss_told(lost) == (
        "fanotify lost 12 events since 2027-01-15T08:00:00Z: the kernel's queue was full"
    )
    assert "unknown number" in loss_told(Loss("00", "x", "own", None, BEGAN_NS))


def test_no_message_where_nothing_is_open() -> None:
    assert message(BEGAN_NS, Standing(), [], objects=True) is None


def test_a_message_lists_the_newest_and_counts_the_rest() -> None:
    found = Standing(25, tuple(alert(n, title=f"T{n}") for n in range(10)))
    text = message(BEGAN_NS, found, ["w" * 500, *"abcdefghijklm"], objects=True)
    assert text is not None
    assert "critical alerts unanswered: 25" in text
    assert "T9" in text
    assert "and 15 more\n" in text
    assert text.count("BLIND: ") == 10
    assert "and 4 more gaps" in text


@pytest.mark.parametrize("room", [3, 4, 10, 90])
def test_a_cut_text_fits_its_room_and_says_that_it_was_cut(room: int) -> None:
    assert plain("x" * 200, room) == "x" * (room - 3) + "..."
    assert plain("x" * room, room) == "x" * room
