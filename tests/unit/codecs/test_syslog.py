from __future__ import annotations

import hashlib
import json
import os
import re
import warnings
from datetime import timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sentinair.codecs.csv_rows import CsvCodec
from sentinair.codecs.ndjson import NdjsonCodec
from sentinair.codecs.summary import severity_of, summary
from sentinair.codecs.syslog import (
    DATAGRAM_BYTES,
    LEAST_BYTES,
    Rfc3164,
    Rfc5424,
    lf_terminated,
    octet_counted,
    priority,
)
from sentinair.errors import UsageFault
from sentinair.model.entry import Entry
from tests.harness.expected import escaped
from tests.harness.hostile import hostile_entries
from tests.harness.syslog_expected import (
    LEVELS,
    LOCAL0,
    cut,
    head_3164,
    head_5424,
    host_3164,
    message_5424,
    msgid,
)
from tests.harness.syslog_readers import frames, read_3164, read_5424

VECTORS = Path(os.environ.get("SENTINAIR_TEST_DATA", "/nowhere"), "formats", "syslog")
NEEDS_DATA = pytest.mark.skipif(
    not VECTORS.is_dir(), reason="needs SENTINAIR_TEST_DATA, the folder that holds formats/syslog"
)
ENTRY = Entry(
    host="host1",
    chain="5a" * 16,
    stream="event",
    seq=7,
    kind="gap",
    time_ns=1_793_699_041_003_000_123,  # 2026-11-03T09:44:01
    version="1.0.0",
)
make = partial(msgspec.structs.replace, ENTRY)


def vectors(name: str) -> Any:
    return json.loads((VECTORS / name).read_bytes())


def wrapped(syslog: Rfc5424 | Rfc3164, count: int, seed: int) -> list[tuple[Entry, bytes, bytes]]:
    codec = NdjsonCodec()
    found = []
    for entry in hostile_entries(count, seed):
        body = codec.encode(entry)
        found.append((entry, body, syslog.wrap(entry, body)))
    return found


@NEEDS_DATA
def test_the_readers_of_these_tests_read_the_examples_of_the_standards() -> None:
    known = vectors("rfc5424_vectors.json")
    for vector in known["valid"]:
        assert read_5424(vector["frame"].encode()) == vector["fields"]
    for vector in known["invalid"]:
        assert read_5424(vector["frame"].encode()) is None, vector["name"]
    for vector in vectors("rfc3164_vectors.json"):
        found = read_3164(vector["frame"].encode())
        assert ("fields" in vector) == (found is not None)
        assert (vector.get("fields") or {}).items() <= (found or {}).items()


def test_any_entry_is_one_rfc_5424_message_that_says_where_it_belongs() -> None:
    for entry, body, message in wrapped(Rfc5424(procid="4242"), 1_200, 1):
        assert len(message) <= 8096
        found = read_5424(message)
        assert found is not None, message
        assert found == message_5424(entry, body, 8096 - head_5424(entry, "4242"))


def test_a_strict_parser_of_others_reads_every_message() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports what newer Pythons deprecate
        parser = pytest.importorskip(
            "syslog_rfc5424_parser", reason="needs syslog-rfc5424-parser, see scripts/test"
        )
    read = 0
    for entry, body, message in wrapped(Rfc5424(max_bytes=DATAGRAM_BYTES), 600, 2):
        if escaped(entry.host).endswith("\\") or escaped(entry.chain).endswith("\\"):
            continue  # it takes the last quote of "a\\\\" for an escaped one
        read += 1
        found = parser.SyslogMessage.parse(message.decode())
        assert (found.msgid or "-") == msgid(entry)  # fmt: skip
        assert found.sd["sentinair@32473"]["seq"] == str(entry.seq)
        head = len(message) - len(found.msg.encode())
        assert found.msg == cut(body, DATAGRAM_BYTES - head).decode()
    assert read > 500


def test_any_entry_is_one_rfc_3164_message() -> None:
    for entry, body, message in wrapped(Rfc3164(procid="4242", max_bytes=8096), 1_200, 3):
        assert len(message) <= 8096
        found = read_3164(message)
        assert found is not None, message
        assert (found["facility"], found["tag"], found["pid"]) == (LOCAL0, "Sentinair", "4242")
        assert found["severity"] == LEVELS.get(summary(entry).severity, 4)
        assert found["host"] == host_3164(entry.host)
        assert found["msg"].encode() == cut(body, 8096 - head_3164(entry, "4242"))


@NEEDS_DATA
def test_an_rfc_3164_message_is_the_one_that_receivers_confirmed() -> None:
    frame = vectors("rfc3164_vectors.json")[2]["frame"].encode()
    assert Rfc3164(tag="sentinair", procid="4242").wrap(make(host="host1.lan"), b"x") == frame


def test_an_rfc_3164_message_takes_local_time_and_can_go_without_host_or_tag() -> None:
    zone = timezone(timedelta(hours=-10))
    assert Rfc3164(zone=zone).wrap(ENTRY, b"x") == b"<132>Nov  2 23:44:01 host1 Sentinair: x"
    assert Rfc3164(host=False).wrap(ENTRY, b"x") == b"<132>Nov  3 09:44:01 Sentinair: x"
    assert Rfc3164(tag="").wrap(ENTRY, b"CEF:0|") == b"<132>Nov  3 09:44:01 host1 CEF:0|"
    for odd, shown in (
        ("pc_", "pc"),
        ("a-.b", "a"),
        ("_", "unknown"),
        ("", "unknown"),
        ("1.2.", "1.2"),
    ):
        assert f" {shown} Sentinair: x".encode() in Rfc3164().wrap(make(host=odd), b"x")
    assert b" 192.0.2.7 Sent" in Rfc3164().wrap(make(host="192.0.2.7"), b"x")
    assert b"Dec 31 23:59:59 " in Rfc3164().wrap(make(time_ns=10**30), b"x")
    assert b"Jan  1 00:00:00 " in Rfc3164().wrap(make(time_ns=-(10**30)), b"x")
    year_one = make(time_ns=-62_135_596_800 * 10**9)
    assert b"Jan  1 00:00:00 " in Rfc3164(zone=zone).wrap(year_one, b"x")


def test_the_body_begins_with_a_mark_only_where_that_is_asked() -> None:
    body = "ünï".encode()
    assert Rfc5424().wrap(ENTRY, body).endswith(b"] " + body)
    assert Rfc5424(bom=True).wrap(ENTRY, body).endswith(b"] \xef\xbb\xbf" + body)


def test_the_enterprise_number_is_the_administrators() -> None:
    assert b" [sentinair@99 stream=" in Rfc5424(pen=99).wrap(ENTRY, b"")


def test_a_host_that_no_header_takes_stands_whole_in_the_structured_data() -> None:
    found = read_5424(Rfc5424().wrap(make(host='wö"s]\\ 1'), b""))
    assert found is not None
    assert found["host"] == "w__s___1"
    assert found["sd"]["sentinair@32473"]["host"] == 'wö"s]\\ 1'


def test_a_datagram_is_cut_in_its_body_with_length_and_hash_and_within_no_character() -> None:
    for body in (b"x" * 5_000, "é".encode() * 2_500, b"y" + "💥".encode() * 1_000, b"\xff" * 5_000):
        for most in range(LEAST_BYTES, LEAST_BYTES + 9):
            for syslog in (Rfc5424(max_bytes=most), Rfc3164(max_bytes=most)):
                message = syslog.wrap(ENTRY, body)
                assert most - 4 < len(message) <= most
                digest = hashlib.sha256(body).hexdigest()[:16]
                assert message.endswith(f"…[{len(body)} bytes, sha256 {digest}]".encode())
                if body[0] != 0xFF:
                    message.decode()


def test_the_header_gives_way_where_a_small_datagram_has_no_room_for_a_body() -> None:
    far = make(host="h" * 255, kind="k" * 32)
    some = Rfc5424(max_bytes=LEAST_BYTES)
    found = read_5424(some.wrap(far, b"x" * 1000))
    assert found is not None
    assert (found["host"], found["sd"]) == ("h" * 255, {})
    least = Rfc5424(app="a" * 48, procid="1" * 128, max_bytes=LEAST_BYTES)
    found = read_5424(least.wrap(far, b"x" * 1000))
    assert found is not None
    assert (found["host"], found["procid"], found["sd"]) == ("-", "1" * 128, {})
    assert len(least.wrap(far, b"x" * 1000)) == LEAST_BYTES


@pytest.mark.parametrize("syslog", [Rfc5424(), Rfc3164(max_bytes=8096)])
def test_no_body_forges_a_message_or_splits_a_frame(syslog: Rfc5424 | Rfc3164) -> None:
    evil = b"a\n<13>1 - - - - - - forged\r\n\x00\x1b[2J\x7f5 x\tb\n"
    messages = [syslog.wrap(make(host="a\nb", kind="k\n", chain="\n"), evil)] * 3
    assert all(message.endswith(rb"\x0a") and b"\x7f" not in message for message in messages)
    assert all(b"x\tb" in message for message in messages)  # LEEF separates by it
    assert list(frames(b"".join(map(octet_counted, messages)))) == messages
    assert b"".join(map(lf_terminated, messages)).split(b"\n") == [*messages, b""]


def test_a_stream_of_hostile_messages_is_taken_apart_again() -> None:
    messages = [message for _, _, message in wrapped(Rfc5424(max_bytes=65_000), 240, 4)]
    assert list(frames(b"".join(map(octet_counted, messages)))) == messages
    assert b"".join(map(lf_terminated, messages)).split(b"\n") == [*messages, b""]


def test_a_frame_by_line_feed_holds_none_whatever_it_is_given() -> None:
    assert lf_terminated(b"a\nb\r\x00\tc") == b"a\\x0ab\\x0d\\x00\tc\n"


def test_rows_of_csv_go_through_syslog_as_well() -> None:
    for entry in hostile_entries(120, seed=6):
        body = CsvCodec().encode(entry)
        found = read_5424(Rfc5424(max_bytes=1_000_000).wrap(entry, body))
        assert found is not None
        assert found["msg"] == body.decode()


def test_the_priority_is_facility_and_severity() -> None:
    tamper = make(kind="tamper", stream="record")
    assert severity_of(tamper) == summary(tamper).severity == "critical"
    assert priority("local0", tamper) == 130
    assert priority("kern", tamper) == 2
    assert priority("local7", make(kind="file")) == 190
    for kind in ("gap", "tamper", "file"):
        assert severity_of(make(kind=kind)) == ("low" if kind == "file" else "medium")
    heartbeat = make(kind="heartbeat", stream="record")
    assert severity_of(heartbeat) == summary(heartbeat).severity


def test_a_number_beyond_64_bits_is_said_in_hexadecimal() -> None:
    found = read_5424(Rfc5424().wrap(make(seq=2**70), b""))
    assert found is not None
    assert found["sd"]["sentinair@32473"]["seq"] == hex(2**70)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: Rfc5424(facility="local8"), "syslog facility: 'local8' is none of kern"),
        (lambda: Rfc5424(app="two words"), "syslog app: 'two words' is not 1 to 48"),
        (lambda: Rfc5424(procid=""), "syslog procid: '' is not 1 to 128"),
        (lambda: Rfc5424(pen=-1), "syslog pen: -1"),
        (lambda: Rfc5424(max_bytes=479), "syslog max_bytes: 479 is less than 480"),
        (lambda: Rfc3164(facility=""), "syslog facility"),
        (lambda: Rfc3164(tag="a-b"), "syslog tag: 'a-b'"),
        (lambda: Rfc3164(tag="a" * 33), "syslog tag"),
        (lambda: Rfc3164(procid="1]:"), "syslog procid"),
        (lambda: Rfc3164(max_bytes=0), "syslog max_bytes"),
    ],
)
def test_a_setting_that_no_header_takes_is_refused(wrong: Any, says: str) -> None:
    with pytest.raises(UsageFault, match=re.escape(says)):
        wrong()
