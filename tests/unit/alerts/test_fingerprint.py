from __future__ import annotations

import os
import subprocess
import sys

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sentinair.alerts.fingerprint import fingerprint
from sentinair.model.alert import Joined, Match
from sentinair.model.event import Event
from sentinair.model.process import Process
from tests.harness.strategies import events, processes
from tests.unit.alerts.alerting import detection, joined

_WORDS = st.lists(st.text(max_size=5), max_size=4, unique=True)


@given(events, st.none() | processes, _WORDS)
def test_the_order_of_fields_and_the_way_through_the_wire_change_no_fingerprint(
    event: Event, process: Process | None, group: list[str]
) -> None:
    found = detection(group=tuple(group), matches=tuple(Match(g, g, g) for g in group))
    mark = fingerprint(found, Joined(event, process))
    turned = replace(found, group=tuple(reversed(group)), matches=found.matches[::-1])
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=type(event))
    who = None if process is None else replace(process, pid=process.pid + 1, argv=None, cwd=b"/q")
    assert fingerprint(turned, Joined(again, who)) == mark
    assert fingerprint(replace(found, severity="low"), Joined(event, process)) != mark


def test_another_process_makes_the_same_fingerprint() -> None:
    code = (
        "from tests.unit.alerts.test_fingerprint import told; import sys; sys.stdout.write(told())"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == told()


def told() -> str:
    found = detection(group=("User\nann", "TargetFilename\n/etc/passwd"))
    return fingerprint(found, joined()) + fingerprint(detection(), joined())


def test_program_and_path_tell_alerts_apart_unless_the_rule_groups_otherwise() -> None:
    one = joined(process=Process(pid=1, exe=b"/bin/a"))
    other_exe = joined(process=Process(pid=2, exe=b"/bin/b"))
    other_pid = joined(process=Process(pid=3, exe=b"/bin/a"))
    plain, grouped = detection(), detection(group=("x",))
    assert fingerprint(plain, one) == fingerprint(plain, other_pid)
    assert fingerprint(plain, one) != fingerprint(plain, other_exe)
    assert fingerprint(plain, one) != fingerprint(plain, joined(b"/etc/group", process=one.process))
    assert fingerprint(grouped, one) == fingerprint(grouped, other_exe)
    assert fingerprint(grouped, one) != fingerprint(detection(group=("x", "")), one)
    assert len(fingerprint(plain, one)) == 32
