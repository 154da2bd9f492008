"""What config/siem tells Logstash, Splunk, QRadar and Wazuh is true of what our codecs send.

None of the four runs here: their files are read as their manuals say, and tried on real output.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sentinair.codecs.cef import CefCodec
from sentinair.codecs.ecs import EcsCodec
from sentinair.codecs.leef import LeefCodec
from sentinair.codecs.ndjson import NdjsonCodec
from sentinair.codecs.siem import SEVERITIES
from sentinair.codecs.summary import severity_of
from sentinair.codecs.syslog import Rfc3164, Rfc5424
from sentinair.detect.gaps import LOST
from sentinair.detect.gaps import detector as gap_detector
from sentinair.detect.ground import Ground
from sentinair.detect.sigma.files import read_rules
from sentinair.detect.sinks import SinkDetector
from sentinair.model.alert import Joined
from sentinair.model.entry import Entry
from sentinair.model.event import KINDS, SinkEvent
from sentinair.model.record import RECORD_KINDS
from sentinair.settings.load import load
from tests.harness.agent import ROOT
from tests.harness.hostile import hostile_entries
from tests.harness.ordinary import AT_NS, EVENTS
from tests.harness.siem_content import (
    SIEM,
    conf,
    entries,
    flat,
    keys_of,
    moment,
    ndjson_keys,
    os_regex,
    qradar,
    wazuh,
)
from tests.harness.siem_readers import read_cef, read_leef

NDJSON, CEF, LEEF, ECS = NdjsonCodec(), CefCodec(), LeefCodec(), EcsCodec()
Wrap = Callable[[Entry, bytes], bytes]
ENVELOPES = [
    pytest.param(lambda _, body: body, id="bare"),
    pytest.param(Rfc5424(max_bytes=4 << 20).wrap, id="rfc5424"),
    pytest.param(Rfc3164(procid="77", max_bytes=4 << 20).wrap, id="rfc3164"),
]
LOGSTASH = (SIEM / "logstash" / "sentinair.conf").read_text("utf-8")
_OWN_PLACES = {
    "log.syslog.priority",
    "log.syslog.appname",
    "log.syslog.msgid",
}  # ECS's, of syslog itself


def dotted(reference: str) -> str:
    """[event][id] as event.id."""
    return ".".join(re.findall(r"[^\[\]]+", reference))


# -- all -------------------------------------------------------------------------------------------------------------


def cef_keys() -> set[str]:
    return {key for one in entries() for key in read_cef(CEF.encode(one).decode())[1]}


def leef_keys() -> set[str]:
    return {key for one in entries() for key in read_leef(LEEF.encode(one).decode())[2]}


def ecs_keys() -> set[str]:
    return {key for one in entries() for key in keys_of(json.loads(ECS.encode(one)))}


def named_by_splunk(stanza: str, header: str) -> set[str]:
    """The fields that aliases and evaluations start from; header: how those of our own are called."""
    settings = conf("props.conf")[stanza]
    found = set(re.findall(r"(\S+) AS ", settings["FIELDALIAS-sentinair"]))
    for name, text in settings.items():
        if name.startswith("EVAL-"):
            bare = re.sub(r'"[^"]*"', "", text)
            found |= set(re.findall(r"[A-Za-z_]\w*(?![\w(])", bare)) - {"case", "true"}
    return {one for one in found if not one.startswith(header)}


def test_every_field_that_a_receiver_is_told_of_is_sent() -> None:
    assert {one["leef_key"] for one in qradar("properties.csv")} <= leef_keys()
    assert named_by_splunk("sentinair:cef", "cef_") <= cef_keys()
    assert named_by_splunk("sentinair:ndjson", "vendor_") <= ndjson_keys()
    fields = {one.get("name") for one in wazuh("sentinair_rules.xml").iter("field")}
    shown = {
        name
        for one in wazuh("sentinair_rules.xml").iter("description")
        for name in re.findall(r"\$\(([\w.]+)\)", one.text or "")
    }
    assert {"kind", "alert.severity", "alert.details.drill"} <= fields
    assert (fields | shown) <= ndjson_keys()
    read = {dotted(one) for one in re.findall(r"\[@metadata\]\[entry\]((?:\[\w+\])+)", LOGSTASH)}
    assert len(read) > 20
    assert read <= ndjson_keys()
    written = re.findall(r'"((?:\[(?!@)\w+\])+)"', LOGSTASH)
    assert {dotted(one) for one in written} - ecs_keys() <= _OWN_PLACES


def sinks_of_the_guides() -> Iterator[tuple[str, str]]:
    """Each sink that a guide writes out, as a whole sinks.yaml."""
    for page in sorted((ROOT / "docs").glob("siem-*.md")):
        for block in re.findall(r"(?:^ {4}.*\n|^\n)+", page.read_text("utf-8"), re.MULTILINE):
            text = textwrap.dedent(block)
            if text.lstrip().startswith("sinks:"):
                yield page.name, text
            elif text.lstrip().startswith("- name:"):
                yield page.name, "sinks:\n  to:\n" + textwrap.indent(text, "    ")


def test_each_sink_of_the_guides_is_accepted(tmp_path: Path) -> None:
    found = dict(sinks_of_the_guides())
    assert set(found) >= {"siem-rsyslog.md", "siem-logstash.md"}
    for name, text in found.items():
        (tmp_path / "sinks.yaml").write_text(text)
        assert load(tmp_path).sinks.to[0].name, name


@pytest.mark.parametrize(
    ("codec", "codec_options", "options"),
    [
        (
            "ndjson",
            "{longest: 2000}",
            "{protocol: tcp, form: rfc3164, framing: lf, max_bytes: 60000}",
        ),
        ("cef", "{}", "{protocol: tls, framing: lf, ca_file: tls/ca.pem}"),
        ("leef", "{}", "{protocol: tls, framing: lf, ca_file: tls/ca.pem}"),
    ],
)
def test_what_the_guides_say_of_a_sink_in_words_is_accepted(
    tmp_path: Path, codec: str, codec_options: str, options: str
) -> None:
    sink = f"{{name: a, kind: syslog, codec: {codec}, codec_options: {codec_options}, options: {options}}}"
    (tmp_path / "sinks.yaml").write_text(f"sinks:\n  to: [{sink}]\n")
    assert load(tmp_path).sinks.to[0].codec == codec


def test_the_sink_that_ships_as_a_comment_is_accepted(tmp_path: Path) -> None:
    shipped = (ROOT / "config" / "sinks.yaml").read_text("utf-8")
    head, _, rest = shipped.partition("    # - name: siem")
    text = head + ("    # - name: siem" + rest).replace("    # ", "    ")
    (tmp_path / "sinks.yaml").write_text(text)
    made = load(tmp_path).sinks.to
    assert (made[0].name, made[-1].name) == ("drop", "siem")
    assert made[-1].options["key_file"] == f"{tmp_path}/tls/agent.key"


# -- Logstash --------------------------------------------------------------------------------------------------------


def test_logstash_can_be_configured_so() -> None:
    parser = pytest.importorskip(
        "logstash_pipeline_parser", reason="needs logstash-pipeline-parser"
    )
    sections = parser.Pipeline(LOGSTASH).parse()
    assert [name for name, _ in sections] == ["input", "filter", "output"]
    assert [name for name, _ in sections[0][1]] == ["file", "file", "tcp"]
    with pytest.raises(parser.tree.ParseError):
        parser.Pipeline(LOGSTASH[:-3]).parse()


def copies() -> dict[str, str]:
    """From which field of the full record to which of ECS."""
    pairs = re.findall(r'"\[@metadata\]\[entry\]((?:\[\w+\])+)" => "([^"]+)"', LOGSTASH)
    return {dotted(source): dotted(target) for source, target in pairs}


def at(shape: Any, path: str) -> Any:
    for name in path.split("."):
        shape = shape.get(name) if isinstance(shape, dict) else None
    return shape


def test_logstash_makes_of_the_full_record_what_our_own_ecs_says() -> None:
    made = copies()
    assert len(made) > 20
    lists = {"alert.why", "alert.rule_author"}  # ECS has them joined, or in a list
    compared = 0
    for one in entries():
        if one.alert is None:
            continue
        full, ecs = json.loads(NDJSON.encode(one)), json.loads(ECS.encode(one))
        for source, target in made.items():
            if source not in lists and at(full, source) is not None:
                assert at(full, source) == at(ecs, target), (source, target)
                compared += 1
        assert ecs["event"]["id"] == f"{full['chain']}-{full['stream']}-{full['seq']}"
        assert full["time"] == ecs["event"]["created"]
    assert compared > 300


def test_logstash_gives_severities_the_numbers_that_ecs_has() -> None:
    found = re.search(r"dictionary => \{([^}]*)\}", LOGSTASH)
    assert found
    assert dict(re.findall(r'"(\w+)" => "(\d+)"', found[1])) == SEVERITIES


def test_logstash_reads_each_of_our_syslog_messages_however_hostile() -> None:
    pattern = re.search(r'match => \{ "message" => "([^"]+)" \}', LOGSTASH)
    assert pattern
    known = {"NONNEGINT": r"(?:[0-9]+)", "NOTSPACE": r"\S+", "GREEDYDATA": r".*"}

    def expanded(match: re.Match[str]) -> str:
        name = dotted(match[2] or "").replace(".", "_").replace("@", "")
        return f"(?P<{name}>{known[match[1]]})" if name else known[match[1]]

    reads = re.compile(re.sub(r"%\{(\w+)(?::([^}]+))?\}", expanded, pattern[1]))
    envelope, tried = Rfc5424(max_bytes=4 << 20), 0
    for one in [*entries(), *hostile_entries(400)]:
        body = NDJSON.encode(one)
        match = reads.match(envelope.wrap(one, body).decode())
        assert match, one.seq
        assert match["metadata_line"] == body.decode()
        tried += 1
    assert tried > 400


# -- Splunk ----------------------------------------------------------------------------------------------------------


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


# -- QRadar ----------------------------------------------------------------------------------------------------------


def test_the_map_for_qradar_is_made_from_what_ships(tmp_path: Path) -> None:
    script = ROOT / "scripts" / "build-qradar-map"
    subprocess.run([sys.executable, script, tmp_path], check=True)
    for name in ("qid.txt", "events.csv"):
        made = (tmp_path / name).read_text("utf-8")
        assert made == (SIEM / "qradar" / name).read_text("utf-8"), "run scripts/build-qradar-map"


def own_rule_ids() -> Iterator[str]:
    """Texts of the package that name a rule of the agent's own."""
    for path in (ROOT / "sentinair").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant):
                text = str(node.value.value)
                named = getattr(node.target, "id", "")
                if (
                    text.startswith("sentinair-") and "alerts" in str(path.parent) + named.lower()
                ) or (text.startswith("sentinair-") and path.parent.name in ("detect", "model")):
                    yield text


def test_qradar_knows_every_rule_kind_and_severity() -> None:
    known = {
        (one["event_id"], one["event_category"]): one["severity"] for one in qradar("events.csv")
    }
    read = read_rules(ROOT / "config" / "rules")
    for rule in read.rules:
        if rule.id not in read.silent:
            assert known[rule.id, rule.category] == SEVERITIES[rule.severity], rule.file
    for one in read.correlations:
        assert known[one.head.id, one.category] == SEVERITIES[one.head.severity]
    ids = {event_id for event_id, _ in known}
    assert set(RECORD_KINDS) <= ids
    assert {f"event.{kind}" for kind in KINDS} <= ids
    own = set(own_rule_ids())
    assert LOST in own
    assert len(own) >= 6
    assert own <= ids
    assert set(known.values()) == set(SEVERITIES.values())


def test_each_leef_line_of_the_agents_own_finds_its_place_in_qradar() -> None:
    known = {
        (one["event_id"], one["event_category"]): one["severity"] for one in qradar("events.csv")
    }
    for one in entries():
        if one.alert is None:
            head, _, fields = read_leef(LEEF.encode(one).decode())
            assert known[head[4], fields["cat"]] == fields["sev"]


def test_what_the_agents_own_detectors_say_is_what_qradar_is_told() -> None:
    rows = {one["event_id"]: one for one in qradar("events.csv")}
    gaps = gap_detector(
        Ground(rules_dir=ROOT / "config" / "rules", state_dir=Path("/var/lib/sentinair"))
    )
    said = [
        *gaps.judge(Joined(EVENTS["gap"][0], None, 1)),
        *gaps.judge(Joined(EVENTS["tamper"][0], None, 1)),
    ]
    for what in ("refused", "unhealthy"):
        event = SinkEvent(seen_ns=AT_NS, mono_ns=1, sink="s", what=what, count=1, why="w")
        said += SinkDetector().judge(Joined(event, None, 1))
    assert len(said) == 4
    for one in said:
        row = rows[one.rule_id]
        assert (row["event_category"], row["qid_name"]) == (one.category, one.title)
        if one.rule_id != LOST:  # its severity depends on what was lost
            assert row["severity"] == SEVERITIES[one.severity]


def test_qradar_can_import_the_names() -> None:
    rows = [
        line.split(",") for line in (SIEM / "qradar" / "qid.txt").read_text("utf-8").splitlines()
    ]
    table = qradar("events.csv")
    assert len(rows) == len(table)
    for line, event in zip(rows, table, strict=True):
        number, name, described, severity, category = line
        assert number == ""  # a new one
        assert 0 < len(name) <= 255
        assert event["event_id"] in described
        assert (name, severity, category) == (
            event["qid_name"],
            event["severity"],
            event["low_level_category"],
        )
    assert '"' not in (SIEM / "qradar" / "events.csv").read_text(
        "utf-8"
    )  # the guide splits at commas
    names = [row[1] for row in rows]
    assert len(set(names)) == len(names)


# -- Wazuh -----------------------------------------------------------------------------------------------------------


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
