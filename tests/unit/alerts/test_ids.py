from __future__ import annotations

import pytest

from sentinair.alerts.ids import uuid7
from tests.unit.alerts.alerting import SECOND


def test_an_id_sorts_by_time_and_says_version_7() -> None:
    one, two = uuid7(SECOND, b"\xff" * 10), uuid7(2 * SECOND, b"\x00" * 10)
    assert one < two
    assert one == "00000000-03e8-7fff-bfff-ffffffffffff"
    with pytest.raises(ValueError, match="10 random bytes"):
        uuid7(0, b"")
