"""Suppressions and closed alerts as the ledger tells them."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from sentinair.errors import DataFault
from sentinair.model.record import Record
from sentinair.model.suppression import (
    Suppression,
    SuppressionCounted,
    SuppressionRemoved,
    Tally,
)
from sentinair.settings.types import Retention
from sentinair.store.read import Reader
from sentinair.store.suppressions import suppressions
from sentinair.store.verify.report import verify
from sentinair.store.writer import Store
from tests.harness.ledger import alert, changed, open_store, raised, stamp

DAY = 86_400


def wish(number: int) -> Suppression:
    return Suppression(
        id=f"id-{number}", rule="r", reason="known", author="ann", created_ns=1, expires_ns=9
    )


def told(state: Path) -> list[Suppression]:
    with Reader.open(state) as reader:
        return suppressions(reader)


def write(store: Store, *records: Record, secs: float = 0) -> None:
    store.commit(stamp(secs), (), (), records)


def test_suppressions_are_read_back_with_their_last_counts_and_their_end(
    store: Store, state: Path
) -> None:
    assert told(state) == []
    write(store, *(Record("suppression.added", wish(n)) for n in range(3)))
    for count in (4, 5):
        tallies = (Tally("id-0", count, 7), Tally("id-1", 2, 8))
        write(store, Record("suppression.counted", SuppressionCounted(tallies)))
    write(store, Record("suppression.removed", SuppressionRemoved("id-1", "bob", 6, 3, 9)))
    assert told(state) == [
        replace(wish(0), count=5, last_ns=7),
        replace(wish(1), count=3, last_ns=9, ended_ns=6, ended_by="bob"),
        wish(2),
    ]


def test_many_suppressions_are_read_in_pages(store: Store, state: Path) -> None:
    write(store, *(Record("suppression.added", wish(n)) for n in range(450)))
    assert len(told(state)) == 450


def test_suppressions_outlive_a_restart_and_retention(state: Path) -> None:
    store = open_store(state)
    write(store, Record("suppression.added", wish(1)))
    old = alert(1, status="resolved")
    store.commit(stamp(), (), raised(alert(1)))
    store.commit(stamp(), (), [changed("alert.resolved", old)])
    store.close(stamp(1))
    again = open_store(state, 900 * DAY)
    while again.retain(stamp(900 * DAY), Retention(alerts_days=1, critical_days=1)):
        pass
    assert again.alert(old.id) is None
    again.close(stamp(901 * DAY))
    assert told(state) == [wish(1)]
    assert verify(state, None).ok


def test_a_record_that_is_none_of_a_suppression_is_a_fault(store: Store, state: Path) -> None:
    write(store, Record("suppression.added", {"id": 5}))
    with pytest.raises(DataFault, match="is no record of a suppression"):
        told(state)


def test_new_kinds_of_alert_records_are_verified_as_all_others(store: Store, state: Path) -> None:
    one = alert(1)
    store.commit(stamp(), (), raised(one))
    for number, kind in enumerate(("alert.noted", "alert.assigned", "alert.escalated")):
        later = replace(one, escalated_at_ns=number)
        store.commit(stamp(number), (), [changed(kind, later, None)])
    assert verify(state, None).ok
    found = store.alert(one.id)
    assert found is not None
    assert found.escalated_at_ns == 2


def test_alerts_closed_lately_are_found_the_longest_closed_first(store: Store) -> None:
    for number, (status, secs) in enumerate(
        (("resolved", 10), ("false_positive", 20), ("resolved", 30), ("resolved", 40))
    ):
        one = alert(number)
        store.commit(stamp(secs), (), raised(one))
        done = replace(one, status=status, closed_at_ns=stamp(secs).time_ns)
        store.commit(stamp(secs), (), [changed(f"alert.{status}", done)])
    reopened = replace(alert(2), status="open")
    store.commit(stamp(50), (), [changed("alert.reopened", reopened)])
    since = stamp(15).time_ns
    assert [(one.id[:8], one.status) for one in store.closed_alerts(since, 10)] == [
        ("00000001", "false_positive"),
        ("00000003", "resolved"),
    ]
    assert [one.id[:8] for one in store.closed_alerts(0, 1)] == ["00000003"]
    assert store.closed_alerts(stamp(99).time_ns, 10) == []
