"""What stands around a message, by the options of a syslog sink."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from sentinair.sinks.syslog.options import SyslogOptions
from tests.harness.entries import record_entry


@pytest.fixture
def in_japan(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as inner:
        inner.setenv("TZ", "JST-9")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_japan")
def test_an_rfc_3164_message_has_this_hosts_local_time_and_one_of_rfc_5424_utc() -> None:
    entry = record_entry(1)  # 2026-11-18T11:06:40Z
    old = SyslogOptions(form="rfc3164").envelope("1").wrap(entry, b"x")
    new = SyslogOptions().envelope("1").wrap(entry, b"x")
    assert b"Nov 18 20:06:40 " in old
    assert b" 2026-11-18T11:06:40." in new


@pytest.mark.usefixtures("in_japan")
@pytest.mark.parametrize("time_ns", [-(10**30), 10**30])
def test_a_time_that_this_zone_has_not_is_still_a_time(time_ns: int) -> None:
    entry = record_entry(time_ns // 10**9)
    assert SyslogOptions(form="rfc3164").envelope("1").wrap(entry, b"x").endswith(b": x")
