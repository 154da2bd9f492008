from __future__ import annotations

import pytest

from sentinair.alerts.build import build
from sentinair.alerts.explain import explain, explain_json, process_of
from sentinair.alerts.file_change import change_lines
from sentinair.alerts.timeline import lines, rendered, timeline
from sentinair.model.alert import Alert, Detection, Joined
from sentinair.model.event import CREATE, OPEN, RENAME, WRITE, Event, FileEvent, ProcessEvent
from sentinair.model.process import Process

SEC = 10**9
AT = 1_700_000_000 * SEC


def _file(at: int, path: bytes, actions: int, old: bytes | None = None) -> FileEvent:
    return FileEvent(
        seen_ns=at, mono_ns=at - AT + 900 * SEC, path=path, actions=actions, pid=7, old_path=old
    )


def _program(
    at: int, action: str, pid: int, *words: bytes, code: int | None = None
) -> ProcessEvent:
    process = Process(pid=pid, argv=words or None, exe=b"/bin/x", ppid=7)
    return ProcessEvent(seen_ns=at, mono_ns=0, action=action, process=process, exit_code=code)


@pytest.fixture
def alert() -> Alert:
    found = Detection(
        rule_id="r", title="T", description="D", category="c", severity="high", confidence=0.5,
        source="sigma", matches=(), why=(), next_steps=(),
    )  # fmt: skip
    who = Process(pid=7, start=1000, exe=b"/bin/bash", argv=(b"bash",))
    return build(
        found, Joined(_file(AT, b"/x", WRITE), who), alert_id="a", event_id=5, now_ns=AT, host="h",
        users={},
    )  # fmt: skip


def _events() -> list[tuple[int, Event]]:
    setid = ProcessEvent(
        seen_ns=AT + 2 * SEC,
        mono_ns=0,
        action="setid",
        process=Process(pid=7),
        old_uid=0,
        new_uid=33,
    )
    return [
        (9, _program(AT + 300 * SEC, "exit", 7, code=9)),
        (1, _program(AT - 7200 * SEC * 2, "exec", 7, b"bash")),
        (5, _file(AT, b"/x", WRITE)),
        (3, _file(AT - SEC, b"/new", RENAME, b"/old")),
        (4, _file(AT - SEC // 2, b"/both", CREATE | WRITE)),
        (6, _program(AT + SEC, "exec", 8, b"rm", b"-r", b"a b")),
        (7, setid),
        (8, _program(AT + 20 * SEC, "exit", 8, code=256)),
        (10, _file(AT + 400 * SEC, b"/etc/shadow", OPEN)),
    ]


def test_what_else_a_process_did_is_told_in_order_with_times_against_the_alert(
    alert: Alert,
) -> None:
    found = timeline(alert, 7, _events(), whole=True)
    told = [" ".join(line.split()) for line in lines(alert, found)]
    assert told == [
        "-4 h became bash",
        "-1.000 s renamed /old to /new",
        "-0.500 s created and wrote /both",
        "0 what this alert tells",
        "+1.000 s started 8: rm -r 'a b'",
        "+2.000 s changed its user from 0 to 33",
        "+20.0 s 8 ended, with status 1",
        "+5 min it ended, by signal 9",
        "+7 min opened /etc/shadow",
    ]
    text = explain(alert, found)
    assert "What else it did" in text
    assert explain_json(alert, found)["timeline"]["steps"][1]["offset_secs"] == -1.0
    assert rendered(alert, found)["whole"] is True


def test_a_list_that_may_lack_something_says_so(alert: Alert) -> None:
    told = lines(alert, timeline(alert, 7, [], whole=False))
    assert told == ["There may be more: only what lies nearest to the alert was looked at."]
    assert lines(alert, timeline(alert, 7, [], whole=True)) == [
        "Nothing else of this process is kept."
    ]


def test_the_process_of_an_alert_is_known_by_pid_and_start(alert: Alert) -> None:
    assert process_of(alert) == (7, 1000, AT - 890 * SEC)


def _state(**changes: object) -> dict[str, object]:
    return {
        "type": "file", "mode": "0755", "uid": 0, "gid": 0, "size": 12, "inode": 5,
        "modified": "2026-01-01T00:00:00.000000Z", **changes,
    }  # fmt: skip


def test_a_file_is_shown_before_and_after() -> None:
    changed = {"before": _state(), "after": _state(mode="4755", size=14, inode=6)}
    assert change_lines(changed, ("write",)) == [
        "mode: 0755 → 4755",
        "size: 12 → 14 bytes",
        "the name stands for another file now: it was replaced, not changed in place",
        "as before: owner, group",
    ]
    written = {"before": _state(), "after": _state(modified="2026-02-02T00:00:00.000000Z")}
    assert change_lines(written, ("write",))[0].startswith("last written: 2026-01-01")
    assert change_lines({"before": _state(), "after": _state()}, ("write",))[0].startswith(
        "before and after: a file with mode 0755"
    )


@pytest.mark.parametrize(
    ("before", "after", "actions", "absent", "told"),
    [
        (None, _state(), ("create",), False, ("it was not there", "a file with mode 0755")),
        (None, _state(), ("write",), False, ("not known", "a file with")),
        (_state(), None, ("delete",), True, ("a file with mode 0755", "gone when looked at")),
        (None, None, ("write",), False, ("not known", "could not be looked at")),
    ],
)
def test_a_state_that_is_not_known_is_said_so(
    before: object, after: object, actions: tuple[str, ...], absent: bool, told: tuple[str, str]
) -> None:
    found = change_lines({"before": before, "after": after}, actions, absent=absent)
    assert all(piece in line for piece, line in zip(told, found, strict=True))
