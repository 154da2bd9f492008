"""A role's own command line."""

from __future__ import annotations

import os
import signal

import pytest

from sentinair.errors import UsageFault
from sentinair.roles.arguments import options, stop_descriptor
from sentinair.settings.registered import load, look_up


def test_pairs_are_read_by_name_in_any_order() -> None:
    words = ["--socket", "/s", "--settings", "/f"]
    assert options("execs", words, ("settings", "socket")) == {"socket": "/s", "settings": "/f"}


@pytest.mark.parametrize(
    "words", [[], ["--socket"], ["--socket", "/s", "--other", "1"], ["socket", "/s", "--x", "y"]]
)
def test_a_wrong_call_is_one_line_that_says_the_right_one(words: list[str]) -> None:
    with pytest.raises(UsageFault, match=r"--socket VALUE \[--shared VALUE\]") as caught:
        options("engine", words, ("socket",), may=("shared",))
    assert caught.value.exit_status == 2


def test_a_signal_puts_a_byte_into_the_stop_descriptor() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    awake, wake = stop_descriptor()
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        assert os.read(awake, 16) == bytes([signal.SIGTERM])
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
        os.close(awake)
        os.close(wake)


def test_the_built_in_detectors_are_registered_like_any_other() -> None:
    found = look_up("sentinair.detectors")
    assert set(found) >= {"gap", "sigma"}
    assert all(callable(load(place)) for place in found.values())


def test_a_group_nobody_registered_in_is_empty() -> None:
    assert look_up("sentinair.no-such-group") == {}
