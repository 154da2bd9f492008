from __future__ import annotations

import hashlib
import os
import shutil

import msgspec
import pytest
from msgspec.structs import replace

from sentinair.codecs.leef import LeefCodec
from sentinair.errors import UsageFault
from tests.harness.hostile import COUNT, hostile_entries
from tests.harness.outside_readers import miller_leef
from tests.harness.siem_expected import escaped_but, leef_fields
from tests.harness.siem_readers import NEEDS_FORMATS, read_leef, table
from tests.harness.usual_entries import alert_entry, event_entry

LEEF = LeefCodec()
needs_table = pytest.mark.skipif("SENTINAIR_TEST_DATA" not in os.environ, reason=NEEDS_FORMATS)
needs_miller = pytest.mark.skipif(shutil.which("mlr") is None, reason="needs mlr (Debian miller)")

OURS = {
    "fileName", "filePath", "fileHash", "processName", "processId", "action", "outcome", "externalId", "chain",
    "stream", "sequence", "link", "firstSeen", "lastSeen", "count", "confidence", "techniques", "why", "ruleAuthor",
    "ruleLicence", "ruleLink", "status", "answeredBy", "comment", "title", "msg",
}  # fmt: skip


def test_an_ordinary_alert_is_this_line() -> None:
    assert LEEF.encode(alert_entry()).decode().split("\t") == [
        "LEEF:2.0|ZehraSec|Sentinair|0.1.0|be7acc74-5e48-4f27-ab36-06bc8636cc65|x09|devTime=1795167841008",
        "sev=10", "cat=file", "usrName=root", "resource=ws-17.lan", "fileName=00007.conf",
        "filePath=/etc/ssh/sshd_config.d/00007.conf", "processName=/usr/bin/vim.basic", "processId=4242",
        "action=raised", "outcome=success", "externalId=0193f0a2-7c1e-7abc-8def-000000000007",
        "chain=5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a", "stream=record", "sequence=7", f"link={'c3' * 32}",
        "firstSeen=1795167841003", "lastSeen=1795167841005", "count=1", "confidence=70", "techniques=T1098.004",
        "why=The path /etc/ssh/sshd_config.d/00007.conf starts with /etc/ssh/", "ruleAuthor=Sentinair",
        "ruleLicence=Apache-2.0", "status=open", "title=SSH server settings changed",
        "msg=A program changed how this host lets people in over SSH.",
    ]  # fmt: skip


def test_version_1_names_no_delimiter() -> None:
    old = LeefCodec(version="1.0").encode(alert_entry()).decode()
    assert old == LEEF.encode(alert_entry()).decode().replace("LEEF:2.0", "LEEF:1.0").replace("|x09|", "|")  # fmt: skip
    assert read_leef(old)[1:] == read_leef(LEEF.encode(alert_entry()).decode())[1:]


@pytest.mark.parametrize(("delimiter", "named"), [("^", "^"), (";", ";"), ("␝", "x241D")])
def test_another_delimiter_is_named_and_no_value_holds_it(delimiter: str, named: str) -> None:
    codec = LeefCodec(delimiter=delimiter)
    for entry in hostile_entries(600):
        line = codec.encode(entry).decode()
        assert line.split("|")[5] == named
        header, found, attributes = read_leef(line)
        assert found == delimiter
        if entry.alert is not None:
            assert (header[3:], attributes) == leef_fields(entry, delimiter)
    line = codec.encode(alert_entry(title=f"a{delimiter}b=c\td|e^f", description="x" * 5_000)).decode()  # fmt: skip
    attributes = read_leef(line)[2]
    assert attributes["title"] == "a b=c d e f"
    assert attributes["msg"].endswith(f"[5000 bytes, sha256 {hashlib.sha256(b'x' * 5_000).hexdigest()[:16]}]")  # fmt: skip


@pytest.mark.parametrize("delimiter", ["", "ab", "a", "7", " ", "=", "|", "\\", "\n", "\x1f", "[", "…", "é", "\U0001f4a5"])  # fmt: skip
def test_a_delimiter_that_would_break_lines_is_refused(delimiter: str) -> None:
    with pytest.raises(UsageFault, match="cannot be delimited by .*take the tab"):
        LeefCodec(delimiter=delimiter)


def test_another_version_and_a_delimiter_for_1_0_are_refused() -> None:
    with pytest.raises(UsageFault, match="LEEF has no version '3.0'"):
        LeefCodec(version="3.0")
    with pytest.raises(UsageFault, match="LEEF 1.0 cannot be delimited by"):
        LeefCodec(version="1.0", delimiter="^")


@pytest.mark.parametrize(
    ("seconds", "sent"), [(999_999_999, False), (1_000_000_000, True), (9_999_999_999, True), (10**10, False)]
)  # fmt: skip
def test_only_a_time_of_13_digits_is_sent_as_devtime(seconds: int, sent: bool) -> None:
    entry = replace(alert_entry(), time_ns=seconds * 10**9)
    attributes = read_leef(LEEF.encode(entry).decode())[2]
    assert attributes.get("devTime") == (f"{seconds}000" if sent else None)


def test_an_unknown_severity_is_not_sent_as_another() -> None:
    assert "sev" not in read_leef(LEEF.encode(alert_entry(severity="High")).decode())[2]


def test_an_event_has_either_kind_of_address() -> None:
    entry = event_entry(data={"src": "192.0.2.7", "dst": "2001:DB8::5%eth0", "action": "x"})
    attributes = read_leef(LEEF.encode(entry).decode())[2]
    assert (attributes["src"], attributes["dst"], attributes["externalId"]) == ("192.0.2.7", "2001:db8::5", "event-7")  # fmt: skip


class Told(msgspec.Struct, frozen=True):
    """One hostile alert, its line, and what a reader must get of it."""

    seq: int
    line: str
    header: list[str]
    attributes: dict[str, str]


@pytest.fixture(scope="module")
def told() -> list[Told]:
    entries = [entry for entry in hostile_entries(COUNT) if entry.alert is not None]
    assert len(entries) == 10_000
    return [Told(entry.seq, LEEF.encode(entry).decode(), *leef_fields(entry)) for entry in entries]


@pytest.mark.slow
def test_each_hostile_alert_reads_back_as_the_table_says(told: list[Told]) -> None:
    for one in told:
        assert escaped_but(one.line, "\t") == one.line, one.seq
        header, delimiter, attributes = read_leef(one.line)
        assert (header[3:], delimiter, attributes) == (one.header, "\t", one.attributes), one.seq


@pytest.mark.slow
@needs_miller
def test_miller_reads_each_hostile_alert_as_the_table_says(told: list[Told]) -> None:
    # The header is cut at its pipes, of which no value can have one.
    bodies = []
    for one in told:
        *header, body = one.line.split("|")
        assert header == ["LEEF:2.0", "ZehraSec", "Sentinair", *one.header, "x09"], one.seq
        bodies.append(body)
    for one, found in zip(told, miller_leef(bodies), strict=True):
        assert found == one.attributes, one.seq


@needs_table
def test_each_key_is_ibms_or_one_of_ours_and_none_is_a_reserved_one() -> None:
    predefined = table("leef/predefined_attributes.csv")
    assert OURS.isdisjoint(predefined)
    for entry in hostile_entries(800):
        attributes = read_leef(LEEF.encode(entry).decode())[2]
        for key, value in attributes.items():
            assert value
            if key in OURS:
                continue
            assert predefined[key]["reserved"] == "False"
            if predefined[key]["limits"].isdigit():
                assert len(value.encode()) <= int(predefined[key]["limits"])
        if "sev" in attributes:
            assert 1 <= int(attributes["sev"]) <= 10
