"""Every codec with those who read it, and how what they read is held to what it must be."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import msgspec

from sentinair.codecs.cef import CefCodec
from sentinair.codecs.csv_rows import CsvCodec
from sentinair.codecs.ecs import EcsCodec
from sentinair.codecs.json_file import JsonFileCodec
from sentinair.codecs.leef import LeefCodec
from sentinair.codecs.ndjson import NdjsonCodec
from sentinair.codecs.ocsf import OcsfCodec
from sentinair.codecs.prometheus import Family, Sample, exposition
from sentinair.codecs.syslog import STREAM_BYTES, Rfc5424, octet_counted
from sentinair.codecs.xml_file import XmlCodec
from sentinair.model.entry import Entry
from sentinair.model.ports import Codec
from tests.harness import outside_readers as outside
from tests.harness.expected import json_entry
from tests.harness.file_expected import COLUMNS, csv_row, formula, json_alert, xml_alert, xml_read
from tests.harness.ocsf_schema import ocsf_faults
from tests.harness.readback import Readback, doubles, flat
from tests.harness.safe_text import at, ecs_fields, expected_text, ocsf_fields
from tests.harness.siem_expected import cef_fields, leef_fields
from tests.harness.syslog_expected import head_5424, message_5424
from tests.harness.syslog_readers import frames

__all__ = ["WAYS", "Entries", "Reader", "Way"]

WRITTEN_NS = 1_795_167_841_003_000_123
PROCID = "4242"
NDJSON = NdjsonCodec()
Entries = Sequence[Entry]
Reader = Callable[[Entries, bytes, Readback], None]


class Way(msgspec.Struct, frozen=True):
    """One codec, and those who read it.  write: all alerts as one file or stream."""

    name: str
    write: Callable[[Entries], bytes]
    readers: dict[str, Reader]
    tabs: bool = False  # whether the format has tabs of its own


def _file(codec: Codec) -> Callable[[Entries], bytes]:
    def write(entries: Entries) -> bytes:
        body = codec.between().join([codec.encode(entry) for entry in entries])
        return codec.begin(WRITTEN_NS) + body + codec.end(len(entries))

    return write


def _lines(raw: bytes) -> list[str]:
    return raw.decode().split("\n")[:-1]


def _lognormalizer(entries: Entries, raw: bytes, back: Readback) -> None:
    read = outside.lognormalizer(_lines(raw))
    back.read(len(read))
    for entry, (header, extension) in zip(entries, read, strict=False):
        wanted, fields = cef_fields(entry)
        back.compare(entry.seq, _numbered(wanted[1:]) | fields, _numbered(header) | extension)


def _jc(entries: Entries, raw: bytes, back: Readback) -> None:
    """Not where a header or a value has an escape, which it reads wrong; = as it is written."""
    lines = zip(entries, _lines(raw), strict=True)
    plain = [
        (one, line) for one, line in lines if not set("\\|=") & set("".join(cef_fields(one)[0]))
    ]
    back.leave_out(len(entries) - len(plain))
    read = outside.jc_cef([line for _, line in plain])
    back.read(len(read))
    for (entry, _), (header, found) in zip(plain, read, strict=False):
        names, fields = cef_fields(entry)
        wanted = _numbered(names[1:])
        for key in ("rt", "dvchost", "cat", "act", "suser", "sproc", "filePath", "msg"):
            if not set("\r\n\\") & set(fields.get(key, "")):
                wanted[key] = fields.get(key, "").replace("=", "\\=")
        theirs = _numbered(header) | {
            key: str(found.get(key, "")) for key in wanted if not key.isdecimal()
        }
        back.compare(entry.seq, wanted, theirs)


def _numbered(header: Sequence[str]) -> dict[str, str]:
    return {str(number): text for number, text in enumerate(header)}


def _miller_leef(entries: Entries, raw: bytes, back: Readback) -> None:
    cut = [line.split("|") for line in _lines(raw)]  # no value can have a pipe
    read = outside.miller_leef([parts[-1] for parts in cut])
    back.read(len(read))
    for entry, parts, found in zip(entries, cut, read, strict=False):
        header, attributes = leef_fields(entry)
        start = ["ZehraSec", "Sentinair", *header, *(["x09"] if parts[0] == "LEEF:2.0" else [])]
        back.compare(entry.seq, _numbered(start) | attributes, _numbered(parts[1:-1]) | found)


def _rows(read: Callable[[bytes], list[dict[str, str]]]) -> Reader:
    def reader(entries: Entries, raw: bytes, back: Readback) -> None:
        rows = read(raw)
        back.read(len(rows))
        for entry, row in zip(entries, rows, strict=False):
            back.compare(entry.seq, dict(zip(COLUMNS, csv_row(entry), strict=True)), row)
            for cell in row.values():
                if formula(cell):
                    back.differ(f"{entry.seq}: a formula: {cell!r:.100}")

    return reader


def _jq(query: str, wanted: Callable[[Entry], object]) -> Reader:
    def reader(entries: Entries, raw: bytes, back: Readback) -> None:
        read = outside.jq(raw, query)
        back.read(len(read))
        for entry, found in zip(entries, read, strict=False):
            back.compare(entry.seq, dict(flat(doubles(wanted(entry)))), dict(flat(doubles(found))))

    return reader


def _some(fields: Callable[[Entry], dict[str, object]]) -> Reader:
    """Of documents with more in them the fields that carry the alert's own values."""

    def reader(entries: Entries, raw: bytes, back: Readback) -> None:
        read = outside.jq(raw)
        back.read(len(read))
        for entry, found in zip(entries, read, strict=False):
            wanted = doubles(fields(entry))
            back.compare(entry.seq, wanted, {path: doubles(at(found, path)) for path in wanted})

    return reader


def _expat(entries: Entries, raw: bytes, back: Readback) -> None:
    read = list(outside.python_xml(raw))
    back.read(len(read))
    for entry, element in zip(entries, read, strict=False):
        assert entry.alert is not None
        back.compare(entry.seq, xml_alert(entry.alert), xml_read(element))


def _xmllint(entries: Entries, raw: bytes, back: Readback) -> None:
    """By the schema, which has no more to say than that all of it is valid."""
    fault = outside.xmllint_faults(raw)
    if fault:
        back.differ(fault)
    back.records = raw.count(b"<alert>") if not fault else 0
    back.read(back.records)


def _schema(entries: Entries, raw: bytes, back: Readback) -> None:
    lines = _lines(raw)
    back.read(len(lines))
    for entry, line in zip(entries, lines, strict=False):
        faults = ocsf_faults(json.loads(line))
        back.compare(entry.seq, {"faults": []}, {"faults": faults[:3]})


def _syslog(entries: Entries) -> bytes:
    syslog = Rfc5424(procid=PROCID)
    return b"".join([octet_counted(syslog.wrap(one, NDJSON.encode(one))) for one in entries])


def _strict(entries: Entries, raw: bytes, back: Readback) -> None:
    """It takes the last quote of "a\\\\" for an escaped one, so such names are left to the receivers."""
    parse = outside.strict_5424()
    messages = list(frames(raw))
    odd = 0
    for entry, message in zip(entries, messages, strict=True):
        room = STREAM_BYTES - head_5424(entry, PROCID)
        wanted = message_5424(entry, NDJSON.encode(entry), room, PROCID)
        if any(text.endswith("\\") for text in wanted["sd"]["sentinair@32473"].values()):
            odd += 1
            continue
        found = parse(message.decode())
        names = {
            "host": found.hostname,
            "app": found.appname,
            "procid": found.procid,
            "msgid": found.msgid,
        }
        theirs = {name: str(value or "-") for name, value in names.items()}
        theirs |= {"msg": found.msg, "seq": found.sd["sentinair@32473"]["seq"]}
        ours = {name: wanted[name] for name in (*names, "msg")} | {"seq": str(entry.seq)}
        back.compare(entry.seq, ours, theirs)
    back.leave_out(odd)


def _metrics(entries: Entries) -> bytes:
    """As labels, the only place where texts reach them."""
    return exposition(
        [
            Family(
                "sentinair_hostile",
                "gauge",
                "x",
                [Sample(one.seq, _labels(one)) for one in entries],
            )
        ]
    )


def _labels(entry: Entry) -> dict[str, str]:
    assert entry.alert is not None
    alert = entry.alert
    return {
        "seq": str(entry.seq),
        "severity": alert.severity,
        "category": alert.category,
        "source": alert.source,
    }


def _promtool(entries: Entries, raw: bytes, back: Readback) -> None:
    said = outside.promtool_check(raw)
    if said:
        back.differ(said[:500])
    read = {one["seq"]: one for one in outside.promtool_labels(raw)}
    back.read(len(read))
    for entry in entries:
        wanted = {name: expected_text(text, 256) for name, text in _labels(entry).items() if text}
        found = dict(read.get(str(entry.seq), {}))
        found.pop("__name__", None)
        back.compare(entry.seq, wanted, found)


CEF_READERS: dict[str, Reader] = {"lognormalizer": _lognormalizer, "jc": _jc}
LEEF_READERS: dict[str, Reader] = {"mlr": _miller_leef}
WAYS = (
    Way("cef", _file(CefCodec()), CEF_READERS),
    Way("leef 2.0", _file(LeefCodec()), LEEF_READERS, tabs=True),
    Way("leef 1.0", _file(LeefCodec(version="1.0")), LEEF_READERS, tabs=True),
    Way("rfc5424", _syslog, {"syslog-rfc5424-parser": _strict}),
    Way("json", _file(JsonFileCodec()), {"jq": _jq(".alerts[]", json_alert)}),
    Way("ndjson", _file(NDJSON), {"jq": _jq(".", json_entry)}),
    Way("csv", _file(CsvCodec()), {"python csv": _rows(outside.python_csv), "mlr": _rows(outside.miller_csv)}),
    Way("xml", _file(XmlCodec()), {"python expat": _expat, "xmllint": _xmllint}),
    Way("ecs", _file(EcsCodec()), {"jq": _some(ecs_fields)}),
    Way("ocsf", _file(OcsfCodec()), {"jq": _some(ocsf_fields), "jsonschema": _schema}),
    Way("prometheus", _metrics, {"promtool": _promtool}),
)  # fmt: skip
