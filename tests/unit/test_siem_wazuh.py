"""What config/siem tells Wazuh is true of what our codecs send.

It does not run here: its files are read as its manual says, and tried on real output.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import pytest

from sentinair.codecs.ndjson import NdjsonCodec
from sentinair.codecs.summary import severity_of
from sentinair.codecs.syslog import Rfc3164
from sentinair.model.entry import Entry
from tests.harness.siem_content import (
    entries,
    flat,
    os_regex,
    wazuh,
)

NDJSON = NdjsonCodec()


def rules() -> list[ET.Element]:
    return list(wazuh("sentinair_rules.xml").iter("rule"))


def test_wazuhs_rules_are_numbered_as_its_users_may() -> None:
    numbers = [int(one.attrib["id"]) for one in rules()]
    assert len(set(numbers)) == len(numbers)
    assert all(100_000 <= one <= 120_000 for one in numbers)
    for one in rules():
        assert 0 <= int(one.attrib["level"]) <= 15
        before = [
            int(word) for parent in one.iter("if_sid") for word in (parent.text or "").split(",")
        ]
        assert set(before) < set(numbers)
        assert all(word < int(one.attrib["id"]) for word in before)  # read from the top
        assert one.find("description") is not None


def test_wazuhs_decoder_takes_our_syslog_lines() -> None:
    decoders = {one.attrib["name"]: one for one in wazuh("sentinair_decoders.xml").iter("decoder")}
    program = decoders["sentinair"].findtext("program_name")
    child = decoders["sentinair-json"]
    assert (child.findtext("parent"), child.findtext("plugin_decoder")) == (
        "sentinair",
        "JSON_Decoder",
    )
    assert program
    for one in entries():
        body = NDJSON.encode(one)
        line = Rfc3164(procid="77", max_bytes=1 << 20).wrap(one, body).decode()
        header = re.match(r"<\d+>\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ (\w+)(?:\[\d+\])?: ", line)
        assert header
        assert os_regex(program).search(header[1])
        assert json.loads(line[header.end() :]) == json.loads(body)


def verdict(one: Entry, decoder: str) -> tuple[int, int]:
    """(id, level) of the rule that speaks, as Wazuh finds it: the gravest child first, then its children."""
    fields = flat(json.loads(NDJSON.encode(one)))
    found, parents = (0, 0), {""}
    while True:
        order = sorted(rules(), key=lambda rule: -int(rule.attrib["level"]))
        fitting = next((rule for rule in order if _fits(rule, fields, decoder, parents)), None)
        if fitting is None:
            return found
        found = int(fitting.attrib["id"]), int(fitting.attrib["level"])
        parents = {fitting.attrib["id"]}


def _fits(rule: ET.Element, fields: dict[str, str], decoder: str, parents: set[str]) -> bool:
    above = rule.findtext("if_sid")
    if above is None:
        if parents != {""} or rule.findtext("decoded_as") != decoder:
            return False
    elif not parents & set(above.split(",")):
        return False
    return all(
        os_regex(one.text or "").search(fields.get(one.attrib["name"], "\n")) is not None
        for one in rule.iter("field")
    )


@pytest.mark.parametrize("decoder", ["json", "sentinair"])
def test_wazuhs_level_is_that_of_the_severity(decoder: str) -> None:
    levels = {"low": 3, "medium": 7, "high": 10, "critical": 13}
    loud = ("alert.raised", "alert.reopened", "alert.escalated")
    seen = set()
    for one in entries():
        number, level = verdict(one, decoder)
        seen.add(number)
        assert number, one.kind
        if one.alert is not None:
            drill = "drill" in one.alert.details
            wanted = levels[one.alert.severity] if one.kind in loud and not drill else 3
            assert level == wanted, (one.kind, number)
        elif one.stream == "event":
            assert level == 0
        elif severity_of(one) != "low":
            assert level == levels[severity_of(one)], one.kind
        else:
            assert level <= 3, one.kind
    assert 117015 in seen


def test_wazuh_takes_nobody_elses_json_for_ours() -> None:
    fields = {"timestamp": "x", "event_type": "alert", "alert.severity": "1", "stream": "record"}
    assert not any(_fits(one, fields, "json", {""}) for one in rules())
