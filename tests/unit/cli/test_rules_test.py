"""`sentinair rules test`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sentinair.cli.main import main

Said = pytest.CaptureFixture[str]
RULE = """\
title: Tool run
id: 6f1d3b9e-8a53-4a4e-9d0e-0c5a5e8f1a11
level: medium
logsource: {product: linux, category: process_creation}
detection:
  tool:
    Image|endswith: /tool
  root:
    Uid: 0
  condition: tool
sentinair:
  adjust:
    - {condition: root, level: low}
  examples:
    match:
      - {Image: /usr/bin/tool, level: medium}
      - {Image: /usr/bin/tool, Uid: 0, level: low}
    ignore:
      - {Image: /usr/bin/other}
"""


@pytest.fixture
def at(tmp_path: Path) -> list[str]:
    (tmp_path / "config" / "rules").mkdir(parents=True, mode=0o755)
    return ["--config", str(tmp_path / "config"), "--state", str(tmp_path / "state")]


def write(at: list[str], text: str, name: str = "rules/tool.yml") -> Path:
    path = Path(at[1]) / name
    path.write_text(text)
    path.chmod(0o644)
    return path


def test_rules_that_do_what_they_say_are_said_to(at: list[str], capsys: Said) -> None:
    write(at, RULE)
    assert main([*at, "rules", "test"]) == 0
    assert capsys.readouterr().out == "1 rules, 3 examples: every example holds\n"


def test_each_example_that_fails_is_named_by_file_and_line(at: list[str], capsys: Said) -> None:
    wrong = RULE.replace("/usr/bin/other", "/opt/tool").replace(
        "Uid: 0, level: low", "Uid: 0, level: high"
    )
    path = write(at, wrong.replace("- {Image: /usr/bin/tool, level: medium}", "- {Image: /bin/x}"))
    assert main([*at, "rules", "test"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{path}:16: Tool run: must match, and does not",
        f"{path}:17: Tool run: must be high, and is low",
        f"{path}:19: Tool run: must not match, and does: Image endswith /tool",
        "1 rules, 3 examples: 3 of 3 examples fail",
    ]


def test_a_named_file_is_tested_alone(at: list[str], capsys: Said) -> None:
    write(at, RULE.replace("/usr/bin/other", "/opt/tool"))
    mine = write(at, RULE.partition("sentinair:")[0], "mine.yml")
    assert main([*at, "rules", "test", str(mine)]) == 0
    assert "0 examples: every example holds; 1 without examples" in capsys.readouterr().out


def test_placeholders_of_the_configuration_count_for_a_named_file(
    at: list[str], capsys: Said
) -> None:
    write(at, "tools: [/tool, /other]\n", "rules/placeholders.yml")
    mine = write(
        at, RULE.replace("Image|endswith: /tool", "Image|endswith|expand: '%tools%'"), "mine.yml"
    )
    assert main([*at, "rules", "test", str(mine)]) == 1
    assert f"{mine}:19: Tool run: must not match" in capsys.readouterr().out


def test_programs_read_one_object_an_example(at: list[str], capsys: Said) -> None:
    path = write(at, RULE.replace("/usr/bin/other", "/opt/tool"))
    assert main([*at, "rules", "test", "--json"]) == 1
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["fault"] is None for one in told] == [True, True, False]
    assert told[1] == {
        "rule_id": "6f1d3b9e-8a53-4a4e-9d0e-0c5a5e8f1a11",
        "title": "Tool run",
        "file": str(path),
        "line": 17,
        "wanted": "match",
        "wanted_severity": "low",
        "matched": True,
        "severity": "low",
        "fault": None,
    }


def test_a_broken_file_is_a_fault_of_the_configuration(at: list[str], capsys: Said) -> None:
    path = write(at, RULE.replace("condition: tool", "condition: tol"))
    assert main([*at, "rules", "test"]) == 78
    assert main([*at, "rules", "test", str(path)]) == 78
    assert capsys.readouterr().err.count(f"{path}:10: condition: there is no selection 'tol'") == 2


def test_a_file_that_is_not_there_is_said_so(at: list[str], capsys: Said) -> None:
    assert main([*at, "rules", "test", "/nowhere/x.yml"]) == 74
    assert "/nowhere/x.yml: there is no such file" in capsys.readouterr().err
