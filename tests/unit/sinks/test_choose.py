"""Which entries go to a sink, in which form, and in what health it is."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinair.model.alert import Alert
from sentinair.model.delivery import REFUSED
from sentinair.model.entry import Entry
from sentinair.settings.sinks import FieldChange, SinkSettings
from sentinair.sinks.breaker import OPEN_AFTER
from sentinair.sinks.choose import Chooser, is_own_trouble
from sentinair.sinks.health import REFUSAL_NS, STALE_NS, Health, brief
from sentinair.sinks.mapping import change


def entry(kind: str = "heartbeat", stream: str = "record", **data: object) -> Entry:
    return Entry(
        host="h",
        chain="0" * 32,
        stream=stream,  # type: ignore[arg-type]
        seq=1,
        kind=kind,
        time_ns=1,
        version="0",
        data=data,
    )


def raised(severity: str = "high", category: str = "auth", rule: str = "r") -> Entry:
    alert = Alert(
        id="a",
        time_ns=1,
        severity=severity,
        category=category,
        title="Title",
        description="d",
        source="sigma",
        rule_id=rule,
        fingerprint="f",
        details={"event": {"path": "/etc/Passwd"}},
        first_seen_ns=1,
        last_seen_ns=1,
        user="root",
    )
    return msgspec.structs.replace(entry("alert.raised"), alert=alert)


def changed(one: Entry, *changes: FieldChange) -> Entry:
    return change(one, changes)


def test_kinds_are_chosen_by_name_and_star() -> None:
    chooser = Chooser(SinkSettings(name="s", records=("alert.*", "gap")))
    assert chooser.wants(raised())
    assert chooser.wants(entry("gap"))
    assert not chooser.wants(entry("gap.restored"))
    assert not chooser.wants(entry("file", "event"))


def test_severities_and_categories_are_asked_of_alerts_only() -> None:
    chooser = Chooser(SinkSettings(name="s", severities=("high",), categories=("auth",)))
    assert chooser.wants(raised())
    assert not chooser.wants(raised(severity="low"))
    assert not chooser.wants(raised(category="usb"))
    assert chooser.wants(entry())


def test_events_go_only_where_their_kind_is_named() -> None:
    chooser = Chooser(SinkSettings(name="s", events=("file",)))
    assert chooser.wants(entry("file", "event"))
    assert not chooser.wants(entry("process", "event"))


def test_a_test_goes_to_its_own_sink_whatever_the_filter() -> None:
    chooser = Chooser(SinkSettings(name="s", records=()))
    assert chooser.wants(entry("sink.tested", sink="s"))
    assert not chooser.wants(entry("sink.tested", sink="other"))


def test_a_test_of_another_sink_is_no_hole_where_all_records_go() -> None:
    assert Chooser(SinkSettings(name="s")).wants(entry("sink.tested", sink="other"))


def test_what_tells_of_a_sinks_trouble_is_known() -> None:
    assert is_own_trouble(entry("sink.refused"))
    assert is_own_trouble(entry("sink", "event"))
    assert is_own_trouble(raised(rule=REFUSED))
    assert not is_own_trouble(raised())
    assert not is_own_trouble(entry("gap"))


@pytest.mark.parametrize(
    ("one", "data"),
    [
        (FieldChange(do="set", field="site", to="Hall"), {"a": {"b": "X"}, "site": "Hall"}),
        (FieldChange(do="rename", field="a", to="c"), {"c": {"b": "X"}}),
        (FieldChange(do="drop", field="a"), {}),
        (FieldChange(do="lower", field="a.b"), {"a": {"b": "x"}}),
        (FieldChange(do="drop", field="nowhere"), {"a": {"b": "X"}}),
        (FieldChange(do="upper", field="a"), {"a": {"b": "X"}}),
    ],
)
def test_a_field_of_a_record_is_changed_and_the_record_is_not(
    one: FieldChange, data: dict[str, object]
) -> None:
    before = entry(a={"b": "X"})
    assert changed(before, one).data == data
    assert before.data == {"a": {"b": "X"}}


def test_an_alerts_fields_are_changed_but_not_what_identifies_it() -> None:
    after = changed(
        raised(),
        FieldChange(do="sha256", field="user"),
        FieldChange(do="set", field="details.site", to="Hall"),
        FieldChange(do="basename", field="details.event.path"),
        FieldChange(do="set", field="severity", to="low"),
        FieldChange(do="rename", field="title", to="name"),
    ).alert
    assert after is not None
    assert after.user == hashlib.sha256(b"root").hexdigest()
    assert after.details == {"event": {"path": "Passwd"}, "site": "Hall", "name": "Title"}
    assert after.severity == "high"
    assert after.title == ""


def test_health_goes_from_well_to_degraded_to_unhealthy_and_back() -> None:
    health = Health()
    assert health.state(0) == ("healthy", "")
    for number in range(1, OPEN_AFTER + 1):
        health.failed_once("gone\n", health.failures + 1)
        assert health.state(0) == ("unhealthy" if number == OPEN_AFTER else "degraded", "gone\\x0a")
    health.succeeded(3, 0, 500_000_000, 7)
    assert health.state(0)[0] == "healthy"
    assert health.word(0, None).latency_secs == 0.5


def test_a_delivery_that_does_not_end_is_stale() -> None:
    health = Health()
    health.busy_since_mono_ns = 0
    assert health.state(STALE_NS - 1)[0] == "healthy"
    assert health.state(STALE_NS)[0] == "stale"


def test_a_refusal_shows_for_ten_minutes() -> None:
    health = Health()
    health.refused_one("no", 0)
    assert health.state(REFUSAL_NS - 1)[0] == "degraded"
    assert health.state(REFUSAL_NS)[0] == "healthy"


@given(st.text())
def test_a_reason_is_one_short_safe_line(text: str) -> None:
    line = brief(text)
    assert len(line) <= 300
    assert line.isprintable() or not any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in line)
