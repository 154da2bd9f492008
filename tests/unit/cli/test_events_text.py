"""One event, one line."""

from __future__ import annotations

import pytest

from sentinair.cli.events_text import summary
from sentinair.codecs.event_json import render
from sentinair.model.event import (
    CREATE,
    RENAME,
    WRITE,
    ClockEvent,
    Event,
    FileEvent,
    GapEvent,
    HashEvent,
    ProcessEvent,
    Scanned,
    WriterEvent,
)
from sentinair.model.process import FileId, Process

NANO = Process(pid=7, exe=b"/usr/bin/nano", argv=(b"nano", b"a b"), uid=0)
FILE = FileId(1, 2, 3)


def _gap(lost: int | None) -> GapEvent:
    return GapEvent(
        seen_ns=1,
        mono_ns=1,
        gap_id=b"12345678",
        source="fanotify",
        reason="overflow",
        lost=lost,
        since_ns=0,
        until_ns=1,
    )


def _scan(unreadable: tuple[bytes, ...]) -> Scanned:
    return Scanned(
        seen_ns=1,
        mono_ns=1,
        scan=1,
        scope="files",
        reason="gap",
        roots=(b"/etc",),
        gaps=(),
        directories=2,
        entries=30,
        unreadable=unreadable,
    )


@pytest.mark.parametrize(
    ("event", "process", "wanted"),
    [
        (
            FileEvent(seen_ns=1, mono_ns=1, path=b"/etc/a", actions=CREATE | WRITE),
            NANO,
            "create+write /etc/a by /usr/bin/nano (7)",
        ),
        (
            FileEvent(seen_ns=1, mono_ns=1, path=b"/b\x1b", actions=RENAME, old_path=b"/a"),
            None,
            "rename /b\\x1b from /a",
        ),
        (
            FileEvent(seen_ns=1, mono_ns=1, path=b"/a", actions=WRITE, pid=9),
            None,
            "write /a by ? (9)",
        ),
        (
            ProcessEvent(seen_ns=1, mono_ns=1, action="exec", process=NANO),
            None,
            "exec nano 'a b' (7, uid 0)",
        ),
        (
            ProcessEvent(
                seen_ns=1, mono_ns=1, action="setid", process=Process(pid=8), old_uid=5, new_uid=0
            ),
            None,
            "setid 5 to 0 ? (8)",
        ),
        (_gap(None), None, "fanotify lost an unknown number of events (overflow)"),
        (_gap(5), None, "fanotify lost 5 events (overflow)"),
        (
            HashEvent(seen_ns=1, mono_ns=1, path=b"/x", file_id=FILE, sha256=b"\xab" * 32),
            None,
            f"/x {'ab' * 32}",
        ),
        (
            HashEvent(
                seen_ns=1, mono_ns=1, path=b"/x", file_id=FILE, sha256=None, unsure="too large"
            ),
            None,
            "/x not hashed (too large)",
        ),
        (
            WriterEvent(seen_ns=1, mono_ns=1, of=3, process=NANO),
            None,
            "event 3 was by /usr/bin/nano (7)",
        ),
        (
            ClockEvent(seen_ns=1, mono_ns=1, step_ns=-1_500_000_000),
            None,
            "the clock was set by -1.500 s",
        ),
        (_scan(()), None, "files listed again (gap): 30 entries"),
        (_scan((b"/p",)), None, "files listed again (gap): 30 entries, 1 unreadable"),
    ],
)
def test_an_event_says_who_did_what_to_what(
    event: Event, process: Process | None, wanted: str
) -> None:
    assert summary(render(1, event, process, "x")) == wanted


def test_an_unknown_kind_of_event_has_no_summary() -> None:
    assert not summary({"event_type": "new", "data": {}})
