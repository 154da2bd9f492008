"""What the way out survives: real faults, at the small size of their campaigns.

D3      the forwarder and its engine killed between a record and its receipt    crash_points
        the same within a shared database, its copy, syslog and an export       crash_sinks
D5      cursors, memory, segments and manifests damaged                         queue_damage
D6      a share that is away while very much queues                             backlog
D7-D9   an entry always refused, receipts that never come, a stop               receipts
R7      a share that hangs, is stale, is full                                   hanging_share
"""

from __future__ import annotations

import os

import pytest

from tests.harness.campaigns import broken

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts, and the roles' users"),
]


def test_a_death_at_any_point_loses_nothing() -> None:
    assert broken("crash_points") == []


def test_a_death_within_any_other_way_out_loses_nothing() -> None:
    assert broken("crash_sinks") == []


def test_damage_to_what_the_forwarder_works_from_is_survived_and_told() -> None:
    assert broken("queue_damage") == []


def test_all_that_queued_while_the_share_was_away_arrives() -> None:
    assert broken("backlog") == []


def test_refusal_silence_and_a_stop_lose_nothing() -> None:
    assert broken("receipts") == []


@pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="needs /dev/fuse")
def test_a_share_that_hangs_holds_up_nobody_else() -> None:
    assert broken("hanging_share") == []
