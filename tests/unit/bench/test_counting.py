"""What campaigns count by: lines in a receiver's file, and fields that were read back."""

from __future__ import annotations

import json
from pathlib import Path

from tests.harness.readback import Readback, doubles, flat
from tests.harness.received import count, first_seq, last_seq, ranges


def _line(seq: int, message: str = "m") -> bytes:
    sd = f'[sentinair@32473 stream="record" seq="{seq}" chain="c" host="h"]'
    return json.dumps({"sd": sd, "msg": message}).encode() + b"\n"


def test_what_is_missing_repeated_unlike_torn_or_out_of_order_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "received.json"
    lines = [_line(1), _line(2), _line(4), _line(3), _line(2), _line(4, "other"), b'{"sd":"', _line(7)]  # fmt: skip
    path.write_bytes(b"".join(lines))
    told = count(path, range(1, 10))
    assert (told.lines, told.torn, told.unique) == (7, 1, 4)
    assert (told.repeated, told.unlike, told.out_of_order) == (2, 1, 1)
    assert told.missing == (5, 6, 7, 8, 9)
    assert ranges(told.missing) == ["5-9"]
    assert ranges([1, 3, 4]) == ["1-1", "3-4"]


def test_the_last_and_the_next_whole_line_are_found_behind_a_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "received.json"
    assert last_seq(path) == 0
    path.write_bytes(_line(1) + _line(2) + b'{"sd":"torn')
    assert last_seq(path) == 2
    size = path.stat().st_size
    assert first_seq(path, size) == 0
    path.write_bytes(path.read_bytes() + _line(5) + _line(6))
    assert first_seq(path, size) == 6
    assert first_seq(path, 0) == 1


def test_a_field_that_changed_came_or_went_is_a_difference() -> None:
    back = Readback(2)
    cut = "x…[70000 bytes, sha256 0123456789abcdef]"
    back.compare(1, {"a": "1", "b": cut, "c": None}, {"a": "2", "b": cut, "d": "new"})
    assert (back.records, back.fields, back.differences, back.cuts) == (1, 4, 3, 1)
    back.read(1)
    assert back.differences == 4
    back.leave_out()
    back.read(1)
    assert back.differences == 4
    assert back.examples[-1] == "1 records of 2 alerts"


def test_a_value_is_compared_leaf_by_leaf() -> None:
    assert dict(flat({"a": [1, {"b": None}], "c": {}})) == {
        ("a", 0): 1, ("a", 1, "b"): None, ("c",): {},
    }  # fmt: skip
    assert doubles([10**400, -(10**400), True, "x"]) == [1.7976931348623157e308, -1.7976931348623157e308, True, "x"]  # fmt: skip
