from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Program, within
from tests.unit.detect.correlations import IDS, OWN, base, text

COUNTING = "type: event_count\nrules: [a]\ngroup-by: [User]\ntimespan: 10s\ncondition: {gte: 3}"


def add(program: Program, name: str, content: str | bytes) -> Path:
    path = program.config / "rules" / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(0o644)
    return path


def test_each_rule_is_listed_with_its_status_and_file(program: Program) -> None:
    add(program, "c.yml", text(COUNTING, "a"))
    bad = add(program, "bad.yml", "title: [\n")
    by_id = {one["id"]: one for one in program.lines("rules", "list")}
    assert (by_id[OWN]["status"], by_id[OWN]["kind"]) == ("on", "event_count")
    assert (by_id[IDS["a"]]["status"], by_id[IDS["a"]]["note"]) == ("counted", "counted by T")
    assert by_id[None]["status"] == "refused"
    assert by_id[None]["file"] == str(bad)
    assert by_id[None]["note"].startswith("line 2: not YAML")
    shipped = {one["status"] for id_, one in by_id.items() if id_ not in {IDS["a"], None}}
    assert shipped <= {"on", "counted"}


def test_the_list_for_people_begins_with_what_is_refused(program: Program) -> None:
    add(program, "zz.yml", "title: [\n")
    assert program("rules", "list") == 0
    head, first = program.out.splitlines()[:2]
    assert head.split() == ["STATUS", "SEVERITY", "TITLE", "ID", "FILE", "NOTE"]
    assert first.startswith("refused")
    assert "zz.yml" in first


def test_a_rule_without_examples_says_that_no_drill_proves_it(program: Program) -> None:
    add(program, "a.yml", base("a"))
    by_id = {one["id"]: one for one in program.lines("rules", "list")}
    assert by_id[IDS["a"]]["note"] == "not drilled: it has no example that must match"


def test_a_rule_that_no_event_can_match_yet_says_so(program: Program) -> None:
    add(program, "n.yml", base("a").replace("process_creation", "network_connection"))
    by_id = {one["id"]: one for one in program.lines("rules", "list")}
    found = by_id[IDS["a"]]
    assert (found["status"], found["note"]) == (
        "unfed",
        "no monitor tells of network_connection yet",
    )


def test_check_counts_what_is_good(program: Program) -> None:
    assert program("rules", "check") == 0
    assert program.out.endswith("rules, 2 correlations: no fault\n")
    (told,) = program.lines("rules", "check")
    assert told["faults"] == 0


def test_check_names_every_fault_of_every_file(program: Program) -> None:
    add(program, "one.yml", "title: [\n")
    add(program, "two.yml", "title: x\nlevel: loud\n")
    assert program("rules", "check") == 78
    assert "one.yml:2" in program.err
    assert "level must be one of" in program.err
    assert len(program.err.splitlines()) > 3
    assert program("rules", "check", "--json") == 78
    assert {"where", "what", "remedy"} == set(json.loads(program.out.splitlines()[0]))


def test_one_file_is_checked_beside_the_rules_it_counts(program: Program, tmp_path: Path) -> None:
    add(program, "a.yml", base("a"))
    add(program, "broken.yml", "title: [\n")
    file = tmp_path / "mine.yml"
    file.write_bytes(text(COUNTING, ""))
    assert program("rules", "check", str(file)) == 0
    assert program.out == "0 rules, 1 correlations: no fault\n"
    file.write_bytes(text(COUNTING.replace("[a]", "[b]"), ""))
    assert program("rules", "check", str(file)) == 78
    assert program.err.startswith(f"sentinair: {file}:")
    assert "there is no rule 'b'" in program.err
    assert "broken.yml" not in program.err


def test_the_new_form_of_a_rule_is_checked_in_place_of_the_old(
    program: Program, tmp_path: Path
) -> None:
    add(program, "a.yml", base("a"))
    file = tmp_path / "a.yml"
    file.write_text(base("a").replace("low", "high"))
    assert program("rules", "check", str(file)) == 0


def test_a_file_that_is_not_there_is_a_fault(program: Program, tmp_path: Path) -> None:
    assert program("rules", "check", str(tmp_path / "none.yml")) == 78
    assert "none.yml" in program.err


def test_reloading_needs_the_engine(program: Program) -> None:
    assert program("rules", "reload") == 69


def test_the_engine_reads_changed_rules_by_itself_and_when_asked(running: Program) -> None:
    def rules() -> dict[str, object]:
        (found,) = running.lines("status")
        assert isinstance(found["rules"], dict)
        return found["rules"]

    before = rules()
    add(running, "a.yml", base("a"))
    assert running("rules", "reload") == 0, running.err
    assert rules()["loaded"] == int(str(before["loaded"])) + 1
    bad = add(running, "bad.yml", "title: [\n")
    assert within(10, lambda: rules()["refused_count"] == 1)
    assert running("rules", "reload") == 78
    assert "bad.yml:2" in running.err
    assert "the rules read before judge on" in running.err
    assert rules()["loaded"] == int(str(before["loaded"])) + 1
    assert running("doctor") == 1
    assert "bad.yml:2" in " ".join(running.out.split())
    assert running("status") == 0
    assert "bad.yml:2" in " ".join(running.out.split())
    bad.unlink()
    assert within(10, lambda: rules()["refused_count"] == 0)


@pytest.mark.parametrize("words", [("rules", "reload", "--json")])
def test_reload_tells_programs_what_judges(running: Program, words: tuple[str, ...]) -> None:
    assert running(*words) == 0
    assert set(json.loads(running.out)) == {"loaded", "correlations", "digest"}


SILENT = """
title: x
id: 5b1f2f0e-2f7c-4a0e-9d53-0c3f6f0c8a99
level: low
logsource: {{product: linux, category: file_event}}
detection:
  one:
    {where}
    Image|endswith: /wget
  two: {{TargetFilename|startswith: [{second}]}}
  condition: {condition}
"""


@pytest.mark.parametrize(
    ("where", "second", "condition", "reason"),
    [
        ("TargetFilename|startswith: [/mnt/a/, /mnt/b/]", "/mnt/a/", "one", "/mnt/a/, /mnt/b/"),
        ("TargetFilename: /srv/*.sh", "/mnt/a/", "one or two", "/srv/, /mnt/a/"),
        ("TargetFilename|startswith: [/mnt/a/, /etc/x]", "/mnt/a/", "one", ""),
        ("TargetFilename|startswith: /home/", "/mnt/a/", "one", ""),
        ("TargetFilename|startswith: /ETC/Cron", "/mnt/a/", "one", ""),
        ("TargetFilename|endswith: /mnt/a/x", "/mnt/a/", "one", ""),
        ("TargetFilename: /mnt/a/x", "/etc/", "one or two", ""),
        ("TargetFilename: /etc/x", "/mnt/a/", "one and not two", ""),
        ("TargetFilename: /etc/x", "/mnt/a/", "one and two", "/mnt/a/"),
    ],
)
def test_a_rule_on_files_that_are_not_watched_is_said_to_be_silent(
    program: Program, where: str, second: str, condition: str, reason: str
) -> None:
    add(program, "x.yml", SILENT.format(where=where, second=second, condition=condition))
    assert program("rules", "check") == 0
    said = f"x.yml: silent: files.watch has nothing under {reason}\n"
    assert program.out.endswith(said if reason else "no fault\n")
    (told,) = program.lines("rules", "check")
    assert len(told["silent"]) == bool(reason)
    noted = [one["note"] for one in program.lines("rules", "list") if one["title"] == "x"]
    assert noted[0].startswith("silent: " if reason else "not drilled: ")
