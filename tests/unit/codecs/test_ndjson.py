from __future__ import annotations

import json
import math
import shutil
from typing import Any

import msgspec
import pytest

from sentinair.codecs.ndjson import NdjsonCodec
from sentinair.codecs.summary import summary
from sentinair.model.alert import Note
from sentinair.model.entry import Entry
from sentinair.model.ports import Codec
from tests.harness.expected import cut_text, escaped, json_entry, unsafe
from tests.harness.hostile import hostile_entries
from tests.harness.outside_readers import jq
from tests.harness.readback import doubles

ENTRIES = 2_400
NEEDS_JQ = pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq")


def refuse(constant: str) -> float:
    raise AssertionError(f"{constant} is no JSON")


def strict(line: bytes) -> Any:
    return json.loads(line.decode(), parse_constant=refuse, object_pairs_hook=once)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names))
    return dict(pairs)


def written(codec: Codec, entries: list[Entry]) -> bytes:
    lines = codec.between().join(codec.encode(entry) for entry in entries)
    return codec.begin(0) + lines + codec.end(len(entries))


@pytest.mark.slow
def test_any_entry_is_one_line_with_all_that_it_said() -> None:
    entries = list(hostile_entries(ENTRIES))
    lines = written(NdjsonCodec(), entries).split(b"\n")
    assert lines.pop() == b""
    assert len(lines) == len(entries)
    for entry, line in zip(entries, lines, strict=True):
        assert unsafe(line.decode()) == []
        assert strict(line) == json_entry(entry)


@NEEDS_JQ
def test_jq_reads_what_was_written() -> None:
    entries = list(hostile_entries(600, seed=2))
    lines = jq(written(NdjsonCodec(), entries))
    assert [doubles(line) for line in lines] == [doubles(json_entry(entry)) for entry in entries]


def test_bytes_that_were_no_utf8_come_back() -> None:
    raw = b"/srv/\xff\xfe\n\x1b[2J"
    entry = one(data={"path": raw.decode("utf-8", "surrogateescape"), "argv": ["ok", "\udc80"]})
    data = strict(NdjsonCodec().encode(entry))["data"]
    assert data["path"] == r"/srv/\xff\xfe\x0a\x1b[2J"
    assert bytes.fromhex(data["path_hex"]) == raw
    assert [bytes.fromhex(word) for word in data["argv_hex"]] == [b"ok", b"\x80"]


def test_a_name_taken_already_is_not_overwritten() -> None:
    entry = one(data={"a": "\n", "a_hex": "mine", "b\n": 1, "b\\x0a": 2})
    data = strict(NdjsonCodec().encode(entry))["data"]
    assert data["a"] == "\\x0a"
    assert data["a_hex"] == "mine"
    assert data["a_hex_"] == "0a"
    assert [data["b\\x0a"], data["b\\x0a_"]] == [1, 2]


def test_a_long_text_is_cut_with_length_and_hash_where_that_is_asked() -> None:
    text = "é\n" * 1000
    entry = one(data={"path": text, "short": "\n"})
    data = strict(NdjsonCodec(longest=100).encode(entry))["data"]
    assert data == {"path": cut_text(escaped(text), 100), "short": "\\x0a", "short_hex": "0a"}
    assert strict(NdjsonCodec().encode(entry))["data"]["path"] == escaped(text)


def test_numbers_that_are_none_are_null_and_large_ones_whole() -> None:
    entry = one(data={"n": [math.nan, math.inf, -math.inf, 2**64, 10**400]})
    assert strict(NdjsonCodec().encode(entry))["data"]["n"] == [None, None, None, 2**64, 10**400]
    huge = one(data={"n": 10**5000}, time_ns=-(10**5000))
    line = strict(NdjsonCodec().encode(huge))
    assert hex(10**5000) in summary(huge).message
    assert int(line["data"]["n"], 16) == 10**5000
    assert int(line["time_ns"], 16) == -(10**5000)


def test_what_is_nested_without_end_is_said_to_be() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    line = NdjsonCodec().encode(one(data={"deep": deep}))
    assert b"[more than 200 levels deep]" in line
    strict(line)


def test_an_alert_with_data_of_its_own_keeps_both() -> None:
    alert = next(hostile_entries(1)).alert
    assert alert is not None
    alert = msgspec.structs.replace(alert, notes=(Note(10**30, "a", "b"), Note(0, "c", "d")))
    for time_ns in (0, 10**30):
        line = strict(NdjsonCodec().encode(one(alert=alert, data={"by": "x"}, time_ns=time_ns)))
        assert line["data"] == {"by": "x"}
        assert line["alert"]["notes"][0] == {
            "time": None,
            "by": "a",
            "text": "b",
            "time_ns": 10**30,
        }
        assert line["alert"]["notes"][1]["time"] == "1970-01-01T00:00:00.000000Z"
        assert line.get("time_ns") == (time_ns or None)


def test_a_file_of_nothing_is_empty() -> None:
    assert written(NdjsonCodec(), []) == b""


def one(**fields: Any) -> Entry:
    defaults: dict[str, Any] = {
        "host": "h", "chain": "0" * 32, "stream": "record", "seq": 1, "kind": "start", "time_ns": 0, "version": "1.0.0",
    }  # fmt: skip
    return Entry(**(defaults | fields))
