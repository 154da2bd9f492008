from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

import sentinair.codecs
from sentinair.codecs.xml_file import XmlCodec
from sentinair.model.entry import Entry
from sentinair.model.ports import Codec
from tests.harness.expected import unsafe
from tests.harness.file_expected import cut_bytes, plain, xml_alert, xml_read
from tests.harness.hostile import PIECES, hostile_entries

SCHEMA = Path(sentinair.codecs.__file__).with_name("alerts.xsd")
WRITTEN_NS = 1_795_167_841_003_000_123
NEEDS_XMLLINT = pytest.mark.skipif(shutil.which("xmllint") is None, reason="needs xmllint")


def written(codec: Codec, entries: list[Entry], time_ns: int = WRITTEN_NS) -> bytes:
    bodies = [body for entry in entries if (body := codec.encode(entry))]
    return codec.begin(time_ns) + codec.between().join(bodies) + codec.end(len(bodies))


def test_any_alert_says_what_it_said() -> None:
    entries = list(hostile_entries(2_400))
    raised = [entry.alert for entry in entries if entry.alert is not None]
    raw = written(XmlCodec(), entries)
    lines = raw.decode().split("\n")
    assert [unsafe(line) for line in lines if unsafe(line)] == []
    assert not {"\ufffe", "\uffff"} & set(raw.decode())
    root = ET.fromstring(raw)
    assert [child.tag for child in root] == [
        "export_time", "export_source", "version", "alerts", "alert_count",
    ]  # fmt: skip
    assert root.findtext("export_time") == "2026-11-20T09:44:01.003000Z"
    assert (root.findtext("export_source"), root.findtext("version")) == ("Sentinair", "1.0")
    assert root.findtext("alert_count") == str(len(raised)) == "2000"
    for alert, element in zip(raised, root.iterfind("alerts/alert"), strict=True):
        assert xml_read(element) == xml_alert(alert)


@NEEDS_XMLLINT
@pytest.mark.parametrize("count", [0, 1_200])
def test_a_file_is_valid_by_its_schema(tmp_path: Path, count: int) -> None:
    path = tmp_path / "alerts.xml"
    path.write_bytes(written(XmlCodec(), list(hostile_entries(count, seed=5))))
    done = lint(path)
    assert done.returncode == 0, done.stderr[-2000:]


@NEEDS_XMLLINT
def test_the_schema_refuses_what_no_file_of_ours_says(tmp_path: Path) -> None:
    path = tmp_path / "alerts.xml"
    good = written(XmlCodec(), list(hostile_entries(1)))
    for old, new in (
        (b"<timestamp", b"<timestamp>yesterday</timestamp><timestamp"),
        (b"<export_source>Sentinair", b"<export_source>Other"),
        (b"<alert>", b'<alert forged="1">'),
        (b"<alert_count>1", b"<alert_count>one"),
    ):
        path.write_bytes(good.replace(old, new))
        assert path.read_bytes() != good
        assert lint(path).returncode == 3  # xmllint(1): the file does not fit the schema


@NEEDS_XMLLINT
def test_xmllint_takes_texts_as_long_as_they_may_be(tmp_path: Path) -> None:
    path = tmp_path / "alerts.xml"
    entries = [titled(text) for text in ("\n" * 1_300_000, "é" * 2_500_000, "x" * 20_000_000)]
    path.write_bytes(written(XmlCodec(), entries))
    assert lint(path).returncode == 0
    elements = list(ET.parse(path).iterfind("alerts/alert/title"))
    assert [element.attrib for element in elements] == [{}] * 3
    titles = [element.text for element in elements]
    assert titles[0] == cut_bytes("\\x0a" * 1_300_000)
    assert titles[1] == cut_bytes("é" * 2_500_000)
    assert titles[2] == cut_bytes("x" * 20_000_000)


def test_every_character_is_legal_and_every_piece_comes_back() -> None:
    texts = [*PIECES, *("".join(map(chr, range(n, n + 0x400))) for n in range(0, 0x11000, 0x400))]
    raw = written(XmlCodec(), [titled(text) for text in texts])
    found = [element.text or "" for element in ET.fromstring(raw).iterfind("alerts/alert/title")]
    assert found == [plain(text) for text in texts]


def test_a_time_beyond_the_years_is_said_in_nanoseconds() -> None:
    raw = written(XmlCodec(), [], time_ns=10**30)
    assert ET.fromstring(raw)[0].attrib == {"ns": str(10**30)}
    assert ET.fromstring(raw)[0].text is None


def test_what_is_no_alert_has_no_place_in_it() -> None:
    others = [entry for entry in hostile_entries(24) if entry.alert is None]
    assert [XmlCodec().encode(entry) for entry in others] == [b""] * 4


def lint(path: Path) -> subprocess.CompletedProcess[bytes]:
    command = ["xmllint", "--noout", "--nonet", "--schema", str(SCHEMA), str(path)]
    return subprocess.run(command, capture_output=True, check=False)


def titled(title: str) -> Entry:
    entry = next(hostile_entries(1))
    assert entry.alert is not None
    return msgspec.structs.replace(entry, alert=msgspec.structs.replace(entry.alert, title=title))
