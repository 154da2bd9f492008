"""What leaves the host, read back by parsers that nobody here wrote: the campaigns at their small size."""

from __future__ import annotations

import pytest

from tests.harness.campaigns import broken

pytestmark = pytest.mark.slow


def test_hostile_alerts_come_back_as_the_manual_says_from_every_codec() -> None:
    assert broken("hostile") == []


def test_random_events_come_back_and_no_frame_is_longer_than_its_sink_allows() -> None:
    assert broken("random_events") == []
