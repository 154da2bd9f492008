"""Which files are hashed when."""

from __future__ import annotations

from sentinair.monitors.hashing import Quiet


def test_a_file_waits_until_it_has_been_quiet_and_each_change_puts_it_off() -> None:
    quiet = Quiet(0.5)
    quiet.changed(b"/a", 1.0)
    quiet.changed(b"/b", 1.1)
    quiet.changed(b"/a", 1.4)
    assert quiet.next_due() == 1.6
    assert quiet.take(1.5, 10) == []
    assert quiet.take(1.7, 10) == [b"/b"]
    assert quiet.take(2.0, 10) == [b"/a"]
    assert quiet.next_due() is None


def test_a_file_that_is_gone_is_not_hashed() -> None:
    quiet = Quiet(0.5)
    quiet.changed(b"/a", 1.0)
    quiet.gone(b"/a")
    quiet.gone(b"/never")
    assert quiet.take(9.0, 10) == []


def test_no_more_are_taken_than_asked_for_and_no_more_wait_than_allowed() -> None:
    quiet = Quiet(0.0, limit=3)
    for name in (b"/a", b"/b", b"/c", b"/d"):
        quiet.changed(name, 1.0)
    assert (len(quiet), quiet.dropped) == (3, 1)
    assert quiet.take(2.0, 2) == [b"/b", b"/c"]
    assert quiet.take(2.0, 2) == [b"/d"]
