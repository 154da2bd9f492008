"""One ledger record: its bytes, its leaf, its link."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinair.model.record import Stamp
from sentinair.store import chain
from sentinair.store.chain import EMPTY, GENESIS, Head, build, encode_data

CHAIN = "0123456789abcdef" * 2
BOOT = "f" * 32
SALT = bytes(range(16))
STAMP = Stamp(time_ns=1_700_000_000_000_000_123, mono_ns=5_000, boot=BOOT)


def test_a_body_holds_its_columns_in_the_decided_order() -> None:
    row = build(EMPTY, CHAIN, STAMP, "start", {"b": 1, "a": [None, True, "ü"]}, SALT)
    assert row.body.decode() == (
        '{"chain":"0123456789abcdef0123456789abcdef","seq":1,"kind":"start",'
        '"time_ns":1700000000000000123,"boot":"ffffffffffffffffffffffffffffffff","mono_ns":5000,'
        '"data":{"a":[null,true,"ü"],"b":1}}'
    )
    assert list(json.loads(row.body)) == [
        "chain",
        "seq",
        "kind",
        "time_ns",
        "boot",
        "mono_ns",
        "data",
    ]


def test_leaf_and_link_are_the_documented_digests() -> None:
    row = build(Head(7, b"p" * 32), CHAIN, STAMP, "stop", {}, SALT)
    assert row.seq == 8
    assert row.leaf == hashlib.sha256(b"\x00" + SALT + row.body).digest()
    assert row.link == hashlib.sha256(b"\x01" + b"p" * 32 + row.leaf).digest()


def test_the_first_record_hangs_on_zero_bytes() -> None:
    row = build(EMPTY, CHAIN, STAMP, "start", {}, SALT)
    assert EMPTY.link == GENESIS == bytes(32)
    assert row.link == chain.link_of(bytes(32), row.leaf)


def test_a_salt_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="15 bytes"):
        build(EMPTY, CHAIN, STAMP, "start", {}, SALT[:15])


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError):
        build(EMPTY, CHAIN, STAMP, "start", {"x": object()}, SALT)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_like)
def test_data_comes_back_as_it_was_and_is_canonical(data: object) -> None:
    encoded = encode_data(data)
    assert json.loads(encoded) == data
    assert encode_data(json.loads(encoded)) == encoded


@given(st.integers(0, 9), st.sampled_from(["seq", "kind", "time", "boot", "mono"]))
def test_a_prefix_binds_every_column(seq: int, column: str) -> None:
    row = build(Head(seq, GENESIS), CHAIN, STAMP, "gap", {}, SALT)
    fields = row._asdict()
    fields[column] = fields[column] + 1 if isinstance(fields[column], int) else "x"
    prefix = chain.prefix_of(
        CHAIN, fields["seq"], fields["kind"], fields["time"], fields["boot"], fields["mono"]
    )
    assert not row.body.startswith(prefix)


def test_a_number_stored_as_another_type_does_not_pass_as_that_number() -> None:
    row = build(EMPTY, CHAIN, STAMP, "gap", {}, SALT)
    for wrong in (5000.0, "5000", b"5000", None):
        prefix = chain.prefix_of(CHAIN, 1, "gap", row.time, BOOT, wrong)  # type: ignore[arg-type]
        assert not row.body.startswith(prefix)


def test_the_columns_of_an_erased_record_stay_bound_by_their_digest() -> None:
    rows = [(1, "start", 10, BOOT, 5), (2, "gap", 11, BOOT, 6)]
    digest = chain.columns_digest(rows)
    assert digest != chain.columns_digest(rows[:1])
    assert digest != chain.columns_digest([rows[0], (2, "gap", 11, BOOT, 7)])
    assert digest == chain.columns_digest(iter(rows))
