"""From rules to acts: what is done here, and why the rest is not."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from sentinair.cli.drill_acts import ChildAct, FileAct, OpenAct, Program, ProgramAct
from sentinair.cli.drill_host import Host, changed
from sentinair.cli.drill_plan import Planned, plan
from sentinair.detect.sigma.files import read_rule, read_rules
from sentinair.detect.sigma.rule import Rule
from sentinair.settings.compiled import compile_settings
from sentinair.settings.types import Settings
from tests.harness.agent import ROOT
from tests.unit.cli.conftest import needs_root

TOKEN = "sentinair-drill-0123456789abcdef-0001"
RULES = read_rules(ROOT / "config" / "rules").rules
Maker = Callable[..., Planned]
FORBIDDEN = re.compile(
    r"/etc/(passwd|shadow|group|gshadow|sudoers|ld\.so\.preload|hosts|crontab|profile|fstab)"
)


def _rule(category: str, detection: str, examples: str) -> Rule:
    rule, faults = read_rule(
        f"""title: T
id: 903d787f-e4f0-41bb-891a-6c240bb04cda
level: high
logsource: {{product: linux, category: {category}}}
detection:
  s: {detection}
  condition: s
sentinair:
  examples: {{match: [{examples}]}}
""".encode(),
        "t.yml",
    )
    assert rule is not None, faults
    return rule


@pytest.fixture
def made(tmp_path: Path) -> Maker:
    """plan() with tmp_path/watched watched, and tmp_path/programs for programs."""
    watched = tmp_path / "watched"
    for folder in (watched, tmp_path / "programs"):
        folder.mkdir()
    settings = compile_settings(Settings(), tmp_path / "state", (watched,))

    def make(category: str, detection: str, examples: str) -> Planned:
        rule = _rule(category, detection, examples.replace("WATCHED", str(watched)))
        programs = tmp_path / "programs"
        return plan(rule, TOKEN, Program(TOKEN, programs), Host(settings), programs)

    return make


def test_a_program_is_drilled_by_the_arguments_of_an_example(made: Maker) -> None:
    found = made(
        "process_creation",
        "{Image|endswith: /insmod, CommandLine|contains: .ko}",
        "{Image: /sbin/insmod, CommandLine: insmod /tmp/x.ko}",
    )
    assert isinstance(found.act, ProgramAct)
    assert found.act.how.startswith("start insmod /tmp/x.ko as ")


def test_a_program_in_a_scratch_folder_is_drilled_there(made: Maker) -> None:
    found = made("process_creation", "{Image|startswith: /dev/shm/}", "{Image: /dev/shm/x}")
    assert isinstance(found.act, ProgramAct)
    assert str(found.act.home()).startswith("/dev/shm/" + TOKEN)


@needs_root
def test_a_program_whose_place_counts_is_staged_there(made: Maker) -> None:
    found = made(
        "process_creation", "{Image: /usr/bin/passwd}", "{Image: /usr/bin/passwd, CommandLine: x}"
    )
    assert found.act is not None
    assert found.act.how == "start x as /usr/bin/passwd"
    nowhere = made("process_creation", "{Image: /no/such/x}", "{Image: /no/such/x}")
    assert nowhere.act is None
    assert "nothing can be put there" in nowhere.reason


def test_a_program_that_needs_a_certain_parent_gets_one(made: Maker) -> None:
    found = made(
        "process_creation",
        "{Image|endswith: /sh, ParentImage|endswith: /nginx}",
        "{Image: /bin/sh, CommandLine: sh -c id, ParentImage: /usr/sbin/nginx}",
    )
    assert isinstance(found.act, ChildAct)
    assert found.act.how.startswith("start sh -c id from ")


def test_a_program_that_needs_a_parent_in_its_place_is_not_drilled(made: Maker) -> None:
    found = made(
        "process_creation",
        "{Image|endswith: /sh, ParentImage: /usr/sbin/nginx}",
        "{Image: /bin/sh, ParentImage: /usr/sbin/nginx}",
    )
    assert found.act is None
    assert "needs more than a program's name" in found.reason


@pytest.mark.parametrize(
    ("detection", "example", "name"),
    [
        ("{TargetFilename|startswith: D/}", "{TargetFilename: WATCHED/a.conf}", f"{TOKEN}.inert"),
        (
            "{TargetFilename|startswith: D/, TargetFilename|endswith: .service}",
            "{TargetFilename: WATCHED/a.service}",
            f"{TOKEN}.service",
        ),
        (
            "{TargetFilename|endswith: /.bashrc}",
            "{TargetFilename: WATCHED/.bashrc}",
            f"{TOKEN}/.bashrc",
        ),
        (
            "{TargetFilename|contains: /d/initrd.img-}",
            "{TargetFilename: WATCHED/d/initrd.img-6.1}",
            f"d/initrd.img-6.1-{TOKEN}",
        ),
    ],
)
def test_a_file_gets_the_most_harmless_name_the_rule_still_holds_for(
    made: Maker, tmp_path: Path, detection: str, example: str, name: str
) -> None:
    watched = tmp_path / "watched"
    found = made("file_event", detection.replace("D/", f"{watched}/"), example)
    assert isinstance(found.act, FileAct), found.reason
    assert found.act.path == watched / name


def test_setuid_and_mode_are_those_of_the_example(made: Maker) -> None:
    found = made(
        "file_event", "{SetUid: true, Action: attrib}",
        "{TargetFilename: WATCHED/x, SetUid: true, Action: attrib}",
    )  # fmt: skip
    assert isinstance(found.act, FileAct)
    assert found.act._mode & 0o4100 == 0o4100


@pytest.mark.parametrize(
    ("category", "detection", "example", "reason"),
    [
        (
            "file_event", "{TargetFilename: WATCHED/one}", "{TargetFilename: WATCHED/one}",
            "only a file like",
        ),
        (
            "file_event", "{TargetFilename|startswith: /var/}", "{TargetFilename: /var/x}",
            "/var is not watched",
        ),
        (
            "file_event", "{TargetFilename: /etc/shadow, Action: open}",
            "{TargetFilename: /nowhere/x, Action: open}", "only a file like /nowhere/x",
        ),
        (
            "file_event", "{TargetFilename: /etc/shadow, Action: open}",
            "{TargetFilename: /etc/shadow, Action: open}", "is not watched for reading",
        ),
        ("network_connection", "{DestinationPort: 1}", "{DestinationPort: 1}", "no monitor"),
        ("file_event", "{FileUid: 0}", "{FileUid: 0}", "none of its examples"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_harmlessly_is_said_with_its_reason(
    made: Maker, tmp_path: Path, category: str, detection: str, example: str, reason: str
) -> None:
    found = made(category, detection.replace("WATCHED", str(tmp_path / "watched")), example)
    assert found.act is None
    assert reason in found.reason


def test_a_rule_without_examples_is_not_drilled(made: Maker, tmp_path: Path) -> None:
    rule = msgspec.structs.replace(_rule("file_event", "{FileUid: 0}", "{FileUid: 0}"), examples=())
    host = Host(compile_settings(Settings(), tmp_path / "s"))
    assert "no example" in plan(rule, TOKEN, Program(TOKEN, tmp_path), host, tmp_path).reason


@needs_root
def test_a_file_watched_for_reading_is_opened(tmp_path: Path) -> None:
    host = Host(compile_settings(Settings(), tmp_path / "state"))

    def planned(path: str) -> Planned:
        fields = f"{{TargetFilename: {path}, Action: open}}"
        rule = _rule("file_event", fields, fields)
        return plan(rule, TOKEN, Program(TOKEN, tmp_path), host, tmp_path)

    assert isinstance(planned("/etc/shadow").act, OpenAct)
    assert "is not there" in planned("/etc/shadow/x").reason


def test_the_state_of_the_agent_is_never_drilled(tmp_path: Path) -> None:
    host = Host(compile_settings(Settings(), tmp_path / "state", (tmp_path,)))
    assert host.watched(bytes(tmp_path / "x"))
    assert not host.watched(bytes(tmp_path / "state" / "x"))
    assert host.standing(b"/etc/sentinair/rules") in (None, b"/etc/sentinair/rules")


@needs_root
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: Path(rule.file).stem)
def test_no_shipped_rule_is_drilled_by_what_changes_the_host(rule: Rule, tmp_path: Path) -> None:
    host = Host(compile_settings(Settings(), tmp_path / "state"))
    found = plan(rule, TOKEN, Program(TOKEN, tmp_path), host, tmp_path)
    assert (found.act is None) == bool(found.reason)
    if isinstance(found.act, FileAct):
        assert TOKEN in str(found.act.path)
        assert not found.act.path.exists()
        assert not FORBIDDEN.fullmatch(str(found.act.path))
        event = changed(bytes(found.act.path), 3, 0o600)
        assert TOKEN in str(host.changes(event).texts("TargetFilename"))
    elif isinstance(found.act, ProgramAct):
        assert TOKEN in os.fspath(found.act.home())


@needs_root
def test_most_shipped_rules_are_drilled_on_an_ordinary_host(tmp_path: Path) -> None:
    host = Host(compile_settings(Settings(), tmp_path / "state"))
    planned = [plan(r, TOKEN, Program(TOKEN, tmp_path), host, tmp_path) for r in RULES]
    assert sum(one.act is not None for one in planned) >= 0.75 * len(RULES)
