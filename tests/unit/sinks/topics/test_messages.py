"""What a message holds, and what a request may."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinair.errors import DataFault
from sentinair.sinks.topics.messages import MAX_LINE, TOPICS, asked, message_of, topic_of
from tests.harness.entries import alert_entry, event_entry, record_entry
from tests.harness.hostile import hostile_entries
from tests.harness.ledger import alert


def test_an_alert_message_has_the_fields_of_the_contract() -> None:
    message = json.loads(message_of(alert_entry(7, 3)))
    one = alert(3)
    assert message["topic"] == "alerts"
    assert message["seq"] == 7
    assert message["timestamp"].endswith("Z")
    assert set(message["data"]) == {"type", "alert_id", "severity", "title", "description", "timestamp"}  # fmt: skip
    assert message["data"]["type"] == "alert.raised"
    assert message["data"]["alert_id"] == one.id


def test_an_event_message_is_the_event() -> None:
    message = json.loads(message_of(event_entry(9)))
    assert (message["topic"], message["seq"]) == ("events", 9)
    assert message["data"]["event_type"] == "file"
    assert message["data"]["data"]["path"] == "/etc/9"


def test_records_of_no_alert_have_no_topic() -> None:
    assert topic_of(record_entry(1, "gap")) is None


def test_hostile_entries_are_one_bounded_line_each() -> None:
    for entry in hostile_entries(1500):
        if topic_of(entry) is None:
            continue
        line = message_of(entry)
        assert line.count(b"\n") == 1
        assert line.endswith(b"\n")
        assert len(line) <= MAX_LINE
        text = line.decode()
        assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in text[:-1])
        assert json.loads(text, parse_constant=pytest.fail)["seq"] == entry.seq


def test_data_beyond_the_longest_line_is_replaced_by_its_size() -> None:
    message = json.loads(message_of(event_entry(1, words=["x" * 8000] * 100)))
    assert message["data"]["left_out_bytes"] > 100 * 8000
    assert message["seq"] == 1


def test_a_request_names_topics() -> None:
    assert asked(b'{"subscribe": ["alerts", "metrics", "alerts"]}') == {"alerts", "metrics"}


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b'{"subscribe": []}', b'{"subscribe": ["all"]}', b'{"subscribe": ["alerts"], "x": 1}', b"[" * 4000,
     b'{"subscribe": "alerts"}', b"\xff\xfe", b"GET / HTTP/1.1", b'{"subscribe": ["alerts"' + b', "alerts"' * 9 + b"]}"],
)  # fmt: skip
def test_a_request_for_anything_else_is_refused(raw: bytes) -> None:
    with pytest.raises(DataFault, match="no request"):
        asked(raw)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading_of_requests(raw: bytes) -> None:
    try:
        assert asked(raw) <= set(TOPICS)
    except DataFault as fault:
        assert fault.remedy
