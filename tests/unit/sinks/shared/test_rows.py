"""What of an entry stands in its row."""

from __future__ import annotations

import json

import msgspec
import pytest

from sentinair.sinks.shared.rows import MAX_ROW, AlertRow, EventRow, row_of
from tests.harness.entries import CHAIN, alert_entry, event_entry, record_entry
from tests.harness.hostile import hostile_entries
from tests.harness.ledger import alert


def test_an_alert_has_the_columns_of_the_contract_and_all_else_in_its_details() -> None:
    row = row_of(
        alert_entry(9, 4, count=3, severity="critical", user="root", status="acknowledged")
    )
    assert isinstance(row, AlertRow)
    one = alert(4)
    assert (row.id, row.timestamp, row.title) == (one.id, one.time_ns / 1e9, one.title)
    assert (row.severity, row.status) == ("critical", "acknowledged")
    details = json.loads(row.details)
    assert details["number"] == 4
    more = details["alert"]
    assert (more["count"], more["user"], more["seq"], more["chain"]) == (3, "root", 9, CHAIN)
    assert more["kind"] == "alert.raised"
    assert not {"id", "title", "details"} & set(more)


def test_an_event_is_named_by_its_chain_since_its_number_begins_again_with_a_new_one() -> None:
    row = row_of(event_entry(7))
    assert isinstance(row, EventRow)
    assert (row.id, row.event_type, row.source) == (f"{CHAIN}-7", "file", "fanotify")
    assert json.loads(row.data)["path"] == "/etc/7"
    other = row_of(event_entry(7, chain="0" * 32))
    assert isinstance(other, EventRow)
    assert other.id != row.id


def test_a_record_that_is_of_no_alert_has_no_row() -> None:
    assert row_of(record_entry(1)) is None


def test_hostile_entries_become_rows_that_sqlite_and_json_take() -> None:
    for entry in hostile_entries(1500):
        row = row_of(entry)
        if row is None:
            continue
        for value in msgspec.structs.astuple(row):
            if isinstance(value, str):
                assert value.encode().find(b"\0") == -1
                assert all(ord(letter) >= 32 and ord(letter) != 127 for letter in value)
        text = row.details if isinstance(row, AlertRow) else row.data
        assert isinstance(json.loads(text, parse_constant=pytest.fail), dict)


def test_a_row_beyond_all_measure_is_no_row() -> None:
    with pytest.raises(ValueError, match="a row takes"):
        row_of(alert_entry(1, 1, description="x" * MAX_ROW))


def test_a_time_beyond_all_numbers_is_unknown() -> None:
    row = row_of(msgspec.structs.replace(event_entry(1), time_ns=10**400))
    assert isinstance(row, EventRow)
    assert row.timestamp is None
