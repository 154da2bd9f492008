"""What a trusted agent survives: real faults, made by this machine, at the small size of their campaigns.

F2  a small kernel buffer: received + declared lost = sent          exec_storm
D9  a stop with events waiting in the lanes: none is missing        shutdown
S4  state, sockets, configuration of another owner, mode or kind    bad_start
R2  no inodes and no room, before the start and while running       full_disk
"""

from __future__ import annotations

from tests.harness.campaigns import NEEDS, kept

pytestmark = NEEDS


def test_a_storm_of_short_processes_is_stored_whole() -> None:
    kept("exec_storm")


def test_a_stop_hands_over_what_waits_in_the_lanes() -> None:
    kept("shutdown")


def test_a_start_that_cannot_be_trusted_is_refused_in_one_clear_line() -> None:
    kept("bad_start")


def test_a_full_disk_stops_writing_and_not_the_agent() -> None:
    kept("full_disk")
