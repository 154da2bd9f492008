"""What config/siem tells Splunk is true of what our codecs send.

It does not run here: its files are read as its manual says, and tried on real output.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from sentinair.codecs.cef import CefCodec
from sentinair.codecs.ndjson import NdjsonCodec
from sentinair.codecs.syslog import Rfc3164, Rfc5424
from sentinair.model.entry import Entry
from tests.harness.hostile import hostile_entries
from tests.harness.siem_content import (
    conf,
    entries,
    moment,
)
from tests.harness.siem_readers import read_cef

NDJSON, CEF = NdjsonCodec(), CefCodec()
Wrap = Callable[[Entry, bytes], bytes]
ENVELOPES = [
    pytest.param(lambda _, body: body, id="bare"),
    pytest.param(Rfc5424(max_bytes=4 << 20).wrap, id="rfc5424"),
    pytest.param(Rfc3164(procid="77", max_bytes=4 << 20).wrap, id="rfc3164"),
]


@pytest.mark.parametrize("stanza", ["sentinair:ndjson", "sentinair:cef"])
def test_splunk_breaks_our_output_into_one_event_an_entry(stanza: str) -> None:
    codec = NDJSON if stanza.endswith("ndjson") else CEF
    some = [*entries(), *hostile_entries(200)]
    text = codec.between().join(codec.encode(one) for one in some) + codec.end(len(some))
    parts = re.split(conf("props.conf")[stanza]["LINE_BREAKER"], text.decode())
    assert len(parts[::2]) == len(some) + 1  # what is captured is thrown away; the last is empty
    assert parts[-1] == ""


def test_splunk_finds_the_time_of_each_entry_and_no_other() -> None:
    stanza = conf("props.conf")["sentinair:ndjson"]
    for one in [*entries(), *hostile_entries(600)]:
        line = NDJSON.encode(one).decode()
        known = json.loads(line)["time"] is not None
        wanted = one.time_ns // 1000 * 1000 if known else None
        assert moment(line, stanza) == wanted, line[:300]


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_splunk_finds_the_time_of_each_line_of_cef(envelope: Wrap) -> None:
    stanza, found = conf("props.conf")["sentinair:cef"], 0
    for one in [*entries(), *hostile_entries(600)]:
        body = CEF.encode(one)
        rt = read_cef(body.decode())[1].get("rt", "")
        if len(rt) in (0, *range(4, 14)):  # years 1970 to 2286
            wanted = int(rt) * 10**6 if rt else None
            assert moment(envelope(one, body).decode(), stanza) == wanted, body[:300]
            found += wanted is not None
    assert found > 100


def test_splunk_takes_the_host_from_the_entry() -> None:
    transforms = conf("transforms.conf")
    for name, codec in (("sentinair_ndjson_host", NDJSON), ("sentinair_cef_host", CEF)):
        found = re.search(transforms[name]["REGEX"], codec.encode(entries()[0]).decode())
        assert found
        assert found[1] == "ws-17"
        assert transforms[name]["FORMAT"] == "host::$1"


def unescaped(text: str) -> str:
    escapes = {"\\\\": "\\", "\\=": "=", "\\n": "\n", "\\r": "\r"}
    return re.sub(r"\\(.)", lambda found: escapes[found[0]], text)


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_splunk_reads_each_field_of_cef_as_another_reader_does(envelope: Wrap) -> None:
    transforms = conf("transforms.conf")
    header = re.compile(transforms["sentinair_cef_header"]["REGEX"])
    extension = re.compile(transforms["sentinair_cef_extension"]["REGEX"])
    names = ("version", "vendor", "product", "device_version", "class", "name", "severity")
    for one in [*entries(), *hostile_entries(600)]:
        line = CEF.encode(one).decode()
        head, fields = read_cef(line)
        match = header.search(envelope(one, line.encode()).decode())
        assert match
        assert [re.sub(r"\\([\\|])", r"\1", match[f"cef_{name}"]) for name in names] == head
        read = extension.findall(match["cef_extension"])
        assert {key: unescaped(text) for key, text in read} == fields


def test_what_splunk_is_told_to_do_is_there() -> None:
    props, transforms = conf("props.conf"), set(conf("transforms.conf"))
    for stanza in props.values():
        for name, text in stanza.items():
            if name.startswith(("TRANSFORMS-", "REPORT-")):
                assert set(re.split(r",\s*", text)) <= transforms
    inputs = conf("inputs.conf")
    assert {one["sourcetype"] for one in inputs.values() if "sourcetype" in one} == set(props)
    taken = re.compile(inputs["monitor:///srv/sentinair"]["whitelist"])
    assert taken.search("/srv/sentinair/h-5a-1-2.ndjson")
    for name in ("h.ecs.ndjson", "h.ocsf.ndjson", "h.ndjson.manifest", ".drop-1.part"):
        assert not taken.search(name)
