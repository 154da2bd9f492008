"""What config/siem and the guides say to receivers that do not run here is true of what our codecs send: what they share."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentinair.codecs.cef import CefCodec
from sentinair.codecs.ecs import EcsCodec
from sentinair.codecs.leef import LeefCodec
from sentinair.settings.load import load
from tests.harness.agent import ROOT
from tests.harness.siem_content import (
    LOGSTASH,
    conf,
    dotted,
    entries,
    keys_of,
    ndjson_keys,
    qradar,
    wazuh,
)
from tests.harness.siem_readers import read_cef, read_leef

CEF, LEEF, ECS = CefCodec(), LeefCodec(), EcsCodec()
_OWN_PLACES = {
    "log.syslog.priority",
    "log.syslog.appname",
    "log.syslog.msgid",
}  # ECS's, of syslog itself


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
