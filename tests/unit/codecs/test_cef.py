from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sentinair.codecs.cef import CefCodec
from sentinair.codecs.cef_usual import RULES, UsualAlerts
from sentinair.errors import UsageFault
from tests.harness.hostile import COUNT, PIECES, hostile_entries
from tests.harness.outside_readers import jc_cef, lacking, lognormalizer
from tests.harness.siem_expected import cef_fields
from tests.harness.siem_readers import NEEDS_FORMATS, read_cef, table
from tests.harness.usual_entries import alert_entry, event_entry

CEF = CefCodec()
UNSAFE: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
needs_table = pytest.mark.skipif("SENTINAIR_TEST_DATA" not in os.environ, reason=NEEDS_FORMATS)
needs_lognormalizer = pytest.mark.skipif(
    shutil.which("lognormalizer") is None, reason="needs lognormalizer (Debian liblognorm-utils)"
)
needs_jc = pytest.mark.skipif(lacking("jc") is not None, reason="needs jc")


def test_an_ordinary_alert_is_this_line() -> None:
    assert CEF.encode(alert_entry()).decode() == (
        "CEF:0|ZehraSec|Sentinair|0.1.0|be7acc74-5e48-4f27-ab36-06bc8636cc65|SSH server settings changed|10|"
        "rt=1795167841008 externalId=0193f0a2-7c1e-7abc-8def-000000000007 dvchost=ws-17.lan"
        " deviceExternalId=5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a cn2Label=Sequence cn2=7"
        " ZehraSecSentinairStream=record"
        " ZehraSecSentinairLink=c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3"
        " cat=file act=raised outcome=success suser=root sproc=/usr/bin/vim.basic spid=4242 fname=00007.conf"
        " filePath=/etc/ssh/sshd_config.d/00007.conf start=1795167841003 end=1795167841005 cnt=1"
        " cn1Label=Confidence cn1=70 cs1Label=ATT&CK techniques cs1=T1098.004"
        " cs2Label=Why cs2=The path /etc/ssh/sshd_config.d/00007.conf starts with /etc/ssh/"
        " cs3Label=Rule author cs3=Sentinair cs4Label=Rule licence cs4=Apache-2.0 cs6Label=Status cs6=open"
        " msg=A program changed how this host lets people in over SSH."
    )


def test_an_event_names_its_stream_and_sequence() -> None:
    header, fields = read_cef(CEF.encode(event_entry()).decode())
    assert header[4:] == ["event.file", "File activity", "3"]
    assert (fields["externalId"], fields["cn2"], fields["ZehraSecSentinairStream"]) == ("event-7", "7", "event")  # fmt: skip
    assert (fields["act"], fields["outcome"], fields["suid"]) == ("write", "success", "0")
    assert json.loads(fields["msg"])["path"] == fields["filePath"]
    assert fields.keys().isdisjoint({"start", "end", "cnt", "cn1", "cn1Label", "suser"})


def test_a_confidence_of_nought_is_sent_with_its_label() -> None:
    _, fields = read_cef(CEF.encode(alert_entry(confidence=0.0)).decode())
    assert (fields["cn1"], fields["cn1Label"]) == ("0", "Confidence")


@pytest.mark.parametrize("confidence", [float("nan"), float("inf"), -0.1, 1.1])
def test_what_is_no_confidence_is_not_sent_and_neither_is_its_label(confidence: float) -> None:
    _, fields = read_cef(CEF.encode(alert_entry(confidence=confidence)).decode())
    assert fields.keys().isdisjoint({"cn1", "cn1Label"})


def test_addresses_go_where_their_version_goes_and_nothing_else_is_one() -> None:
    entry = event_entry(data={"src": "192.0.2.7", "dst": "2001:DB8::5"})
    _, fields = read_cef(CEF.encode(entry).decode())
    assert (fields["src"], fields["c6a3"], fields["c6a3Label"]) == ("192.0.2.7", "2001:db8::5", "Destination IPv6 address")  # fmt: skip
    assert fields.keys().isdisjoint({"dst", "c6a2", "c6a2Label"})
    entry = event_entry(data={"src": "fe80::1%eth0", "dst": "1.2.3.4 act=allowed"})
    _, fields = read_cef(CEF.encode(entry).decode())
    assert fields["c6a2"] == "fe80::1"
    assert fields.keys().isdisjoint({"src", "dst", "c6a3"})


@pytest.mark.parametrize("severity", ["", "High", "low\n", "high|"])
def test_an_unknown_severity_is_unknown(severity: str) -> None:
    assert read_cef(CEF.encode(alert_entry(severity=severity)).decode())[0][6] == "Unknown"


@pytest.mark.parametrize("time_ns", [-1, -(10**30), 253_402_300_800 * 10**9, 10**30])
def test_a_time_that_no_receiver_takes_is_left_out(time_ns: int) -> None:
    entry = replace(alert_entry(first_seen_ns=time_ns, last_seen_ns=time_ns), time_ns=time_ns)
    _, fields = read_cef(CEF.encode(entry).decode())
    assert fields.keys().isdisjoint({"rt", "start", "end"})


def test_a_number_that_its_field_cannot_hold_is_left_out() -> None:
    _, fields = read_cef(CEF.encode(alert_entry(count=2**31, pid=-1)).decode())
    assert fields.keys().isdisjoint({"cnt", "spid"})
    _, fields = read_cef(CEF.encode(alert_entry(count=2**31 - 1, pid=0)).decode())
    assert (fields["cnt"], fields["spid"]) == ("2147483647", "0")


@pytest.mark.parametrize("length", [511, 512, 513, 100_000])
def test_a_long_title_says_how_long_it_was_and_its_hash(length: int) -> None:
    title = "ü" * (length // 2) + "x" * (length % 2)  # so many bytes
    name = read_cef(CEF.encode(alert_entry(title=title)).decode())[0][5]
    if length <= 512:
        assert name == title
        return
    kept, _, mark = name.partition("…")
    assert title.startswith(kept)
    assert mark == f"[{length} bytes, sha256 {hashlib.sha256(title.encode()).hexdigest()[:16]}]"
    assert 510 <= len(name.encode()) <= 512


def test_a_long_id_has_a_mark_that_fits() -> None:
    _, fields = read_cef(CEF.encode(alert_entry(id="i" * 41)).decode())
    digest = hashlib.sha256(b"i" * 41).hexdigest()[:16]
    assert fields["externalId"] == f"{'i' * 16}…[41 {digest}]"
    assert len(fields["externalId"].encode()) == 40


def test_version_1_has_the_technique_in_its_own_field() -> None:
    line = CefCodec(version=1).encode(alert_entry(techniques=("T1105", "T1059"))).decode()
    header, fields = read_cef(line)
    assert header[0] == "1"
    assert (fields["frameworkName"], fields["threatAttackID"], fields["cs1"]) == ("MITRE ATT&CK", "T1105", "T1105 T1059")  # fmt: skip
    without = CefCodec(version=1).encode(alert_entry(techniques=())).decode()
    assert "frameworkName" not in without
    old = CEF.encode(alert_entry(techniques=("T1105", "T1059"))).decode()
    assert read_cef(old)[1].keys() == fields.keys() - {"frameworkName", "threatAttackID"}


def test_another_version_is_refused_with_the_choice() -> None:
    with pytest.raises(UsageFault, match="CEF has no version 2; choose 0 or 1"):
        CefCodec(version=2)


_TEXTS = ("title", "rule_id", "id", "category", "status", "description", "user", "process", "filename", "rule_author", "rule_license", "rule_link", "comment", "acknowledged_by")  # fmt: skip


@pytest.mark.parametrize("name", _TEXTS)
def test_the_short_cut_says_of_each_odd_text_what_the_long_way_says(name: str) -> None:
    taken, usual = 0, UsualAlerts()
    for piece in PIECES:
        change: dict[str, Any] = {name: piece}
        entry = alert_entry(**change)
        assert entry.alert is not None
        line = usual.line(entry, entry.alert)
        taken += line is not None
        assert line in (None, CEF.any_entry(entry)), piece
    assert len(PIECES) // 8 < taken < len(PIECES)  # or this proves nothing


_TEXT = st.none() | st.sampled_from(PIECES) | st.text(max_size=5) | st.sampled_from(["x" * 40, "x" * 41, "x" * 101, "y" * 513, "y" * 1024])  # fmt: skip
_CHANGES = {
    "title": _TEXT.map(str), "rule_id": _TEXT.map(str), "id": _TEXT.map(str), "category": _TEXT.map(str),
    "status": _TEXT.map(str), "description": _TEXT.map(str), "user": _TEXT, "process": _TEXT, "filename": _TEXT,
    "rule_author": _TEXT, "rule_link": _TEXT, "comment": _TEXT, "acknowledged_by": _TEXT, "why": st.tuples(_TEXT.map(str)),
    "pid": st.none() | st.integers(), "count": st.integers(), "confidence": st.floats(), "last_seen_ns": st.integers(),
    "details": st.fixed_dictionaries({"event": st.fixed_dictionaries({"data": st.fixed_dictionaries({}, optional={"sha256": _TEXT, "src": _TEXT})})}),
}  # fmt: skip


@given(st.sampled_from(sorted(_CHANGES)).flatmap(lambda name: st.tuples(st.just(name), _CHANGES[name])))  # fmt: skip
def test_one_odd_field_is_told_by_the_short_cut_as_by_the_long_way(change: tuple[str, Any]) -> None:
    entry = alert_entry(**dict([change]))
    assert CEF.encode(entry) == CEF.any_entry(entry)


@given(st.lists(st.tuples(st.sampled_from(sorted(_CHANGES)), st.integers(0, 3)), min_size=2, max_size=12), st.data())  # fmt: skip
def test_what_the_short_cut_keeps_of_a_rule_never_speaks_for_another_alert(
    order: list[tuple[str, int]], data: st.DataObject
) -> None:
    codec = CefCodec()
    for name, rule in order:
        change = {"rule_id": f"rule-{rule}", name: data.draw(_CHANGES[name])}
        entry = alert_entry(rule, **change)
        assert codec.encode(entry) == CEF.any_entry(entry)


def test_the_host_the_chain_and_the_version_may_change_between_alerts_of_one_rule() -> None:
    codec, first = CefCodec(), alert_entry()
    for change in ({}, {"host": "other"}, {"chain": "6b" * 16}, {"version": "0.2.0"}, {}):
        entry = replace(first, **change)
        assert codec.encode(entry) == codec.any_entry(entry)


def test_of_more_rules_than_are_kept_each_alert_still_says_its_own() -> None:
    usual = UsualAlerts()
    for number in (*range(RULES + 3), 0, RULES - 1):
        entry = alert_entry(number, rule_id=f"rule-{number}", title=f"Title {number}")
        assert entry.alert is not None
        line = usual.line(entry, entry.alert)
        assert line is not None
        assert line == CEF.any_entry(entry)
        assert len(usual.rules) <= RULES


def test_a_hash_that_is_no_text_is_told_as_the_long_way_tells_it() -> None:
    odds: tuple[object, ...] = (0, False, [], {}, 7, None, "")
    for odd in odds:
        entry = alert_entry(details={"event": {"data": {"sha256": odd}}})
        assert CEF.encode(entry) == CEF.any_entry(entry)


class Told(msgspec.Struct, frozen=True):
    """One hostile alert, its line, and what a reader must get of it."""

    seq: int
    line: str
    header: list[str]
    fields: dict[str, str]


@pytest.fixture(scope="module")
def told() -> list[Told]:
    entries = [entry for entry in hostile_entries(COUNT) if entry.alert is not None]
    assert len(entries) == 10_000
    return [Told(entry.seq, CEF.encode(entry).decode(), *cef_fields(entry)) for entry in entries]


@pytest.mark.slow
def test_each_hostile_alert_reads_back_as_the_table_says(told: list[Told]) -> None:
    for one in told:
        assert UNSAFE.search(one.line) is None, one.seq
        assert read_cef(one.line) == (one.header, one.fields), one.seq


@pytest.mark.slow
@needs_lognormalizer
def test_lognormalizer_reads_each_hostile_alert_as_the_table_says(
    told: list[Told],
) -> None:
    read = lognormalizer([one.line for one in told])
    for one, (header, fields) in zip(told, read, strict=True):
        assert fields == one.fields, one.seq
        assert header == one.header[1:], one.seq


@pytest.mark.slow
@needs_jc
def test_jc_reads_hostile_alerts_as_the_table_says_where_it_can(told: list[Told]) -> None:
    asked = [one for one in told[:800] if not set("\\|=") & set("".join(one.header))]
    read = jc_cef([one.line for one in asked])
    keys = ("rt", "dvchost", "cat", "act", "suser", "sproc", "filePath", "msg")
    compared = 0
    for one, (header, found) in zip(asked, read, strict=True):
        assert header == one.header[1:], one.seq
        for key in keys:
            wanted = one.fields.get(key, "")
            if not set("\r\n\\") & set(wanted):
                # it leaves an escaped = as it is written
                assert str(found.get(key, "")) == wanted.replace("=", "\\="), (one.seq, key)
                compared += 1
    assert compared > 500


def _all_keys() -> set[str]:
    keys: set[str] = set()
    for entry in hostile_entries(800):
        keys |= read_cef(CEF.encode(entry).decode())[1].keys()
        keys |= read_cef(CefCodec(version=1).encode(entry).decode())[1].keys()
    return keys


@needs_table
def test_each_key_is_the_dictionarys_or_plainly_ours_and_none_is_a_consumers() -> None:
    dictionary = table("cef/extension_dictionary.csv")
    named_in_its_chapter = {"c6a2", "c6a2Label"}  # which the table forgot
    names = dictionary.keys() | {row["full_name"] for row in dictionary.values()}
    for key in _all_keys() - named_in_its_chapter:
        if key.startswith("ZehraSecSentinair"):
            assert key.isalnum()
            assert key not in names
        else:
            assert dictionary[key]["audience"] != "consumer"


@needs_table
@pytest.mark.parametrize("version", [0, 1])
def test_no_value_is_longer_than_the_dictionary_allows_and_no_number_of_another_kind(version: int) -> None:  # fmt: skip
    dictionary = table("cef/extension_dictionary.csv")
    codec = CefCodec(version=version)
    for entry in hostile_entries(800, seed=3):
        header, fields = read_cef(codec.encode(entry).decode())
        for text, limit in zip(header[1:6], (63, 63, 31, 1023, 512), strict=True):
            assert 0 < len(text.encode()) <= limit
        for key, value in fields.items():
            assert value
            row = dictionary.get(key)
            if row is None:
                continue
            if row["type"] == "string" and row["length"].isdigit():
                assert len(value.encode()) <= int(row["length"]), (entry.seq, key)
            if row["type"] in ("integer", "long", "timestamp"):
                assert 0 <= int(value) < 2 ** {"integer": 31, "long": 63, "timestamp": 48}[row["type"]]  # fmt: skip
            if row["since"] != "0.1":
                assert version == 1


def test_no_custom_field_comes_without_its_label_nor_a_label_without_its_field() -> None:
    for entry in hostile_entries(800):
        fields = read_cef(CEF.encode(entry).decode())[1]
        labels = {key.removesuffix("Label") for key in fields if key.endswith("Label")}
        assert labels == {key for key in fields if key[:2] in ("cn", "cs", "c6") and key[2:] and key[-1].isdigit()}  # fmt: skip
