"""What config/siem tells Logstash is true of what our codecs send.

It does not run here: its file is read as its manual says, and tried on real output.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from sentinair.codecs.ecs import EcsCodec
from sentinair.codecs.ndjson import NdjsonCodec
from sentinair.codecs.siem import SEVERITIES
from sentinair.codecs.syslog import Rfc5424
from tests.harness.hostile import hostile_entries
from tests.harness.siem_content import (
    LOGSTASH,
    dotted,
    entries,
)

NDJSON, ECS = NdjsonCodec(), EcsCodec()


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
