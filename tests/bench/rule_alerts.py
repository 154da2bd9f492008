"""Alerts as they lie in a ledger: of the shipped rules, each on its own examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import cycle, islice
from typing import Final

import msgspec
from msgspec.structs import replace

from sentinair.alerts.build import build
from sentinair.detect.fields import PROCESS_CREATION, FieldsView
from sentinair.detect.sigma.detector import CompiledRule, detect
from sentinair.detect.sigma.files import read_rules
from sentinair.detect.sigma.rule import Rule
from sentinair.model.alert import Detection, Joined
from sentinair.model.entry import Entry
from sentinair.model.event import CREATE, WRITE, FileEvent, FileState, ProcessEvent
from sentinair.model.process import Parent, Process
from tests.bench.figures import ROOT
from tests.harness.usual_entries import TIME_NS, alert_entry

__all__ = ["rule_alerts"]

_PARENTS: Final = (
    Parent(4000, 980_000, b"/usr/bin/bash", (b"-bash",)),
    Parent(3998, 979_000, b"/usr/bin/login", (b"/bin/login", b"-p", b"--")),
    Parent(1, 30, b"/usr/lib/systemd/systemd", (b"/sbin/init",)),
)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entry).decode


def rule_alerts(count: int) -> list[Entry]:
    """count alerts, the rules taking turns.  No two share a text, just as they come out of the ledger one by one."""
    made = islice(cycle(_found()), count)
    return [_decode(_encode(_entry(*one, number))) for number, one in enumerate(made)]


def _found() -> Iterator[tuple[Detection, Rule, Mapping[str, str]]]:
    for rule in read_rules(ROOT / "config" / "rules").rules:
        compiled = CompiledRule(rule)
        for example in rule.examples:
            detection = detect(compiled, FieldsView(example.fields))
            if detection is not None:
                yield detection, rule, {name: values[0] for name, values in example.fields.items()}


def _entry(detection: Detection, rule: Rule, fields: Mapping[str, str], number: int) -> Entry:
    seen_ns = TIME_NS + number * 1_000_000
    alert = build(
        detection,
        _joined(rule, fields, number, seen_ns),
        alert_id=f"0193f0a2-7c1e-7abc-8def-{number:012x}",
        event_id=number,
        now_ns=seen_ns,
        host="ws-17.lan",
        users={0: "root"},
    )
    return replace(
        alert_entry(number),
        time_ns=seen_ns + 5_000_000,
        alert=alert,
        data={"by": None, "comment": None},
        link=f"{number:064x}",
    )


def _joined(rule: Rule, fields: Mapping[str, str], number: int, seen_ns: int) -> Joined:
    def raw(field: str, otherwise: str) -> bytes:
        return fields.get(field, otherwise).encode()

    image = raw("Image", "/usr/bin/vim.basic")
    process = Process(
        pid=4242 + number % 20_000,
        start=990_001 + number,
        ppid=4000,
        exe=image,
        argv=tuple(raw("CommandLine", image.decode()).split()),
        cwd=raw("CurrentDirectory", "/root"),
        uid=0,
        auid=1000,
        parents=_PARENTS,
    )
    if rule.logsource == PROCESS_CREATION:
        exec_ = ProcessEvent(seen_ns=seen_ns, mono_ns=1, action="exec", process=process)
        return Joined(exec_, process, number)
    path = raw("TargetFilename", "/etc/ssh/sshd_config")
    state = FileState(0o100644, 0, 0, 3_210, 131_072 + number, 1, seen_ns, seen_ns)
    change = FileEvent(
        seen_ns=seen_ns, mono_ns=1, path=path, actions=CREATE | WRITE, state=state, pid=process.pid,
        start=process.start,
    )  # fmt: skip
    return Joined(change, process, number)
