from __future__ import annotations

import shutil

import pytest

from sentinair.codecs.json_file import JsonFileCodec
from sentinair.codecs.ndjson import NdjsonCodec
from sentinair.model.entry import Entry
from sentinair.model.ports import Codec
from tests.harness.expected import cut_text, escaped, unsafe
from tests.harness.file_expected import FIELDS, json_alert
from tests.harness.hostile import hostile_entries
from tests.harness.outside_readers import jq
from tests.unit.codecs.test_ndjson import strict

WRITTEN_NS = 1_795_167_841_003_000_123


def written(codec: Codec, entries: list[Entry]) -> bytes:
    bodies = [body for entry in entries if (body := codec.encode(entry))]
    return codec.begin(WRITTEN_NS) + codec.between().join(bodies) + codec.end(len(bodies))


def test_a_file_has_the_shape_of_the_guide() -> None:
    entries = list(hostile_entries(1_200))
    raised = [entry for entry in entries if entry.alert is not None]
    file = strict(written(JsonFileCodec(), entries))
    assert list(file) == ["export_time", "export_source", "version", "alerts", "alert_count"]
    assert file["export_time"] == "2026-11-20T09:44:01.003000Z"
    assert (file["export_source"], file["version"]) == ("Sentinair", "1.0")
    assert file["alert_count"] == len(file["alerts"]) == len(raised) == 1_000
    for alert, entry in zip(file["alerts"], raised, strict=True):
        assert [name for name in alert if name in FIELDS] == FIELDS
        assert alert == json_alert(entry)


def test_no_raw_control_byte_is_in_a_file() -> None:
    lines = written(JsonFileCodec(), list(hostile_entries(600, seed=3))).decode().split("\n")
    assert [unsafe(line) for line in lines if unsafe(line)] == []
    assert len(lines) == 500 + 3


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq")
def test_jq_reads_what_was_written() -> None:
    entries = list(hostile_entries(600, seed=4))
    raw = written(JsonFileCodec(), entries)
    read = jq(raw, ".alerts[] | [.id, .title, .description_hex, .status]")
    shapes = [json_alert(entry) for entry in entries if entry.alert is not None]
    assert read == [
        [shape["id"], shape["title"], shape.get("description_hex"), shape["status"]]
        for shape in shapes
    ]


def test_what_is_no_alert_has_no_place_in_it() -> None:
    others = [entry for entry in hostile_entries(24) if entry.alert is None]
    assert len(others) == 4
    assert [JsonFileCodec().encode(entry) for entry in others] == [b""] * 4
    assert strict(written(JsonFileCodec(), others)) == {
        "export_time": "2026-11-20T09:44:01.003000Z",
        "export_source": "Sentinair",
        "version": "1.0",
        "alerts": [],
        "alert_count": 0,
    }


def test_a_long_text_is_cut_with_length_and_hash_where_that_is_asked() -> None:
    for entry in hostile_entries(120):
        if entry.alert is None or not entry.alert.title:
            continue
        title = strict(JsonFileCodec(longest=60).encode(entry))["title"]
        assert title == cut_text(escaped(entry.alert.title), 60)


def test_the_whole_record_says_the_same_of_an_alert() -> None:
    entry = next(hostile_entries(1))
    whole = strict(NdjsonCodec().encode(entry))["alert"]
    short = strict(JsonFileCodec().encode(entry))
    assert short == {name: whole[name] for name in short}
