"""Receivers restarted while the real forwarder sends: what is sent again leaves nothing out."""

from __future__ import annotations

import os

import pytest

from tests.harness.campaigns import broken
from tests.harness.receivers import rsyslog_missing, syslog_ng_missing

WHY = rsyslog_missing() or syslog_ng_missing()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(WHY is not None, reason=f"{WHY}"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: the agent as it is installed"),
]


def test_receivers_that_are_restarted_again_and_again_miss_no_record() -> None:
    assert broken("receivers") == []
