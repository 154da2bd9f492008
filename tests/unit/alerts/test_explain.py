from __future__ import annotations

import json

import msgspec

from sentinair.alerts.build import build
from sentinair.alerts.explain import explain, explain_json
from sentinair.codecs.alert_json import render
from sentinair.model.alert import Alert, Detection, Joined, Match, Note
from sentinair.model.event import ATTRIB, FileEvent, FileState, GapEvent, ProcessEvent
from sentinair.model.process import Parent, Process

WHO = Process(
    pid=7,
    start=99,
    exe=b"/usr/bin/bash",
    argv=(b"bash", b"-c", b"x\x1b[2J"),
    cwd=b"/root",
    uid=0,
    auid=1000,
    masked=True,
    deleted=True,
    parents=(Parent(3, 50, b"/usr/sbin/sshd", (b"sshd: u",)), Parent(1, None, None)),
)
FOUND = Detection(
    rule_id="r-1",
    title="Setuid program appeared",
    description="It runs as root.",
    category="privilege",
    severity="high",
    confidence=0.8,
    source="sigma",
    matches=(Match("SetUid", "true", "equals true"),),
    why=("Because of this.",),
    next_steps=("Do one thing.", "Do another."),
    techniques=("T1548.001",),
    rule_author="Sentinair",
    rule_license="Apache-2.0",
)


def _alert(joined: Joined) -> Alert:
    return build(
        FOUND, joined, alert_id="0190-abc", event_id=3, now_ns=5, host="h", users={0: "root"}
    )


def _file(process: Process | None = WHO) -> Alert:
    state = FileState(0o104755, 0, 0, 12, 5, 1, 0, 0)
    event = FileEvent(
        seen_ns=0, mono_ns=0, path=b"/root/sh", old_path=b"/root/s", actions=ATTRIB, state=state
    )
    return _alert(Joined(event, process))


def test_an_alert_reads_like_a_colleague_would_tell_it() -> None:
    text = explain(_file())
    for piece in (
        "Setuid program appeared",
        "high severity, very likely true (80%), open",
        "/root/sh (attrib)",
        "it was /root/s before",
        "mode 4755",
        "seen once, 1970-01-01 00:00:00 UTC",
        "SetUid is true",
        "rule r-1 by Sentinair, Apache-2.0",
        "ATT&CK T1548.001, Abuse Elevation Control Mechanism: Setuid and Setgid",
        "7: bash -c x\\x1b[2J [/usr/bin/bash], started 1970-01-01T00:00:00Z",
        "from 3: 'sshd: u' [/usr/sbin/sshd]",
        "from 1: command unknown",
        "as user root, signed in as uid 1000",
        "file has been deleted",
        "secrets in command lines were replaced",
        "Because of this.",
        "1. Do one thing.",
        "2. Do another.",
        "sentinair alerts ack 0190-abc",
    ):
        assert piece in text.replace("\n    ", " ").replace("  ", " ") or piece in text, piece
    assert "\x1b" not in text


def test_an_explanation_survives_the_store() -> None:
    alert = _file()
    again = msgspec.json.decode(msgspec.json.encode(alert), type=Alert)
    assert explain(again) == explain(alert)
    assert explain_json(again) == explain_json(alert)


def test_the_same_is_there_as_json() -> None:
    shape = explain_json(_file())
    json.dumps(shape)
    assert [step["pid"] for step in shape["process_chain"]] == [7, 3, 1]
    (match,) = shape["matched"]
    assert (match["field"], match["op"], match["literal"]) == ("SetUid", "equals", "true")
    assert match["found"] == "true"
    assert shape["technique_names"]["T1548.001"].endswith("Setuid and Setgid")
    assert shape["file"]["after"]["mode"] == "4755"
    assert shape["timeline"] is None
    assert shape["rule"]["author"] == "Sentinair"


def test_the_chain_says_when_each_process_began() -> None:
    event = FileEvent(
        seen_ns=1_700_000_000_000_000_000, mono_ns=60_000_000_000, path=b"/x", actions=ATTRIB
    )
    alert = _alert(Joined(event, WHO))
    chain = explain_json(alert)["process_chain"]
    # booted a minute before it was seen; 99 and 50 ticks of 10 ms after that
    assert chain[0]["started"] == "2023-11-14T22:12:20.990000Z"
    assert chain[1]["started"] == "2023-11-14T22:12:20.500000Z"
    assert "started" not in chain[2]
    assert "started 2023-11-14T22:12:20Z" in " ".join(explain(alert).split())


def test_an_unknown_writer_is_said_to_be_unknown() -> None:
    text = explain(_file(None))
    assert "It is not known" in text
    assert explain_json(_file(None))["process_chain"] == []


def test_a_process_alert_shows_command_and_folder() -> None:
    process = Process(pid=7, exe=b"/memfd:x", argv=(b"x" * 900,), cwd=b"/tmp", memfd=True)
    event = ProcessEvent(seen_ns=0, mono_ns=0, action="exec", process=process)
    text = explain(_alert(Joined(event, None)))
    assert "process 7 (exec): xxx" in " ".join(text.split())
    assert "x…" in text
    assert "in the folder /tmp" in text
    assert "never had a name" in text


def test_a_gap_alert_needs_no_process() -> None:
    event = GapEvent(
        seen_ns=0, mono_ns=0, gap_id=b"12345678", source="fanotify", reason="overflow", lost=None,
        since_ns=0, until_ns=1,
    )  # fmt: skip
    alert = _alert(Joined(event, None))
    assert "Setuid" in explain(alert)
    assert (alert.pid, alert.user, alert.filename) == (None, None, None)


def test_an_answered_alert_says_by_whom_and_offers_what_is_left() -> None:
    replace = msgspec.structs.replace
    alert = replace(
        _file(), status="resolved", acknowledged_by="ann", acknowledged_at_ns=0, comment="fixed",
        count=3, last_seen_ns=1_000_000_000, confidence=0.1,
    )  # fmt: skip
    text = explain(alert)
    assert "answered by ann at 1970-01-01 00:00:00 UTC" in text
    assert "comment: fixed" in text
    assert "seen 3 times" in text
    assert "seldom true" in text
    assert "alerts reopen" in text
    assert "alerts ack" not in text


def test_a_file_that_was_gone_is_said_to_be_gone() -> None:
    event = FileEvent(seen_ns=0, mono_ns=0, path=b"/x", actions=ATTRIB, absent=True)
    assert "it was gone when looked at" in explain(_alert(Joined(event, None)))


def test_an_alert_as_json_has_the_promised_fields() -> None:
    shape = render(_file())
    json.dumps(shape)
    promised = (
        "id timestamp severity category title description source details status acknowledged_by "
        "acknowledged_at rule_id rule_author rule_license confidence count first_seen last_seen user "
        "filename pid process host techniques tactics why next_steps seq"
    )
    assert set(promised.split()) <= set(shape)
    assert shape["timestamp"] == "1970-01-01T00:00:00.000000Z"
    assert shape["acknowledged_at"] is None
    answered = msgspec.structs.replace(_file(), acknowledged_at_ns=1_000_000_000)
    assert render(answered)["acknowledged_at"] == "1970-01-01T00:00:01.000000Z"


def test_who_has_it_and_what_was_noted_stands_above() -> None:
    alert = msgspec.structs.replace(
        _file(),
        assignee="ann",
        notes=(Note(0, "uid 0 (root)", "looked at it"),),
        escalated_at_ns=0,
        reopened_at_ns=0,
        held_since_ns=0,
        rule_link="https://example.org/r",
    )
    text = explain(alert)
    for piece in (
        "assigned to ann",
        "note by uid 0 (root), 1970-01-01 00:00:00 UTC: looked at it",
        "nobody had answered it by",
        "opened again",
        "its notice was held",
        "more on it: https://example.org/r",
    ):
        assert piece in text
    assert explain_json(alert)["held"] is True


def test_an_alert_of_an_older_version_is_told_by_what_it_has() -> None:
    alert = _file()
    old = msgspec.structs.replace(
        alert, details={key: value for key, value in alert.details.items() if key != "file"}
    )
    assert "it has mode 4755, owner 0, group 0, 12 bytes" in explain(old)
    gone = FileEvent(seen_ns=0, mono_ns=0, path=b"/x", actions=ATTRIB, absent=True)
    details = {k: v for k, v in _alert(Joined(gone, None)).details.items() if k != "file"}
    assert "it was gone when looked at" in explain(msgspec.structs.replace(alert, details=details))


def test_an_alert_of_a_rule_without_advice_says_what_helps_with_any() -> None:
    bare = msgspec.structs.replace(FOUND, next_steps=())
    file = FileEvent(seen_ns=0, mono_ns=0, path=b"/etc/x", actions=ATTRIB)
    ran = ProcessEvent(seen_ns=0, mono_ns=0, action="exec", process=WHO)
    for event, asked in ((file, "whose file it is"), (ran, "whose program it is")):
        alert = build(
            bare, Joined(event, WHO), alert_id="a", event_id=1, now_ns=5, host="h", users={}
        )
        assert asked in " ".join(alert.next_steps)
        assert "What to do now\n  1. " in explain(alert)


def test_a_program_found_running_is_said_to_have_been_there_before() -> None:
    event = ProcessEvent(seen_ns=0, mono_ns=0, action="inventory", process=WHO)
    text = " ".join(explain(_alert(Joined(event, None))).split())
    assert "process 7 (running already when the agent looked): bash" in text


def test_how_to_be_spared_its_like_names_the_program() -> None:
    text = " ".join(explain(_file()).split())
    assert "suppressions add --like 0190-abc --program /usr/bin/bash --for 30d" in text
    assert "suppressions add --like 0190-abc --path /root/sh" in explain(_file(None))


def test_nobody_is_shown_how_to_be_spared_what_is_grave() -> None:
    for grave in ({"severity": "critical"}, {"source": "gap"}, {"details": {"drill": True}}):
        alert = msgspec.structs.replace(_file(), **grave)
        assert "suppressions" not in explain(alert)


def test_half_a_confidence_is_no_likelihood() -> None:
    assert "possibly true (50%)" in explain(msgspec.structs.replace(_file(), confidence=0.5))
