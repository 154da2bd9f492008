"""`sentinair config …`."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from sentinair.cli.main import main
from sentinair.settings.compiled import read_compiled

Said = pytest.CaptureFixture[str]


@pytest.fixture
def at(tmp_path: Path) -> list[str]:
    (tmp_path / "config").mkdir(mode=0o755)
    (tmp_path / "config" / "rules").mkdir(mode=0o755)
    (tmp_path / "state" / "run").mkdir(parents=True)
    return ["--config", str(tmp_path / "config"), "--state", str(tmp_path / "state")]


def write(at: list[str], name: str, text: str) -> Path:
    path = Path(at[1]) / name
    path.write_text(text)
    path.chmod(0o644)
    return path


def test_a_configuration_without_fault_is_said_to_be(at: list[str], capsys: Said) -> None:
    write(at, "files.yaml", "files:\n  hash_quiet_ms: 300\n")
    assert main([*at, "config", "check"]) == 0
    assert "no fault; 1 values given" in capsys.readouterr().out
    assert main([*at, "config", "check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["faults"] == 0


def test_a_broken_rule_is_named_beside_a_broken_setting(at: list[str], capsys: Said) -> None:
    broken = write(at, "rules/broken.yml", "title: x\n")
    assert main([*at, "config", "check"]) == 78
    assert f"{broken}:1: the key detection is missing" in capsys.readouterr().err
    write(at, "files.yaml", "files:\n  wach: [/etc]\n")
    assert main([*at, "config", "check"]) == 78
    said = capsys.readouterr().err
    assert "did you mean watch" in said
    assert "the key detection is missing" in said


def test_every_fault_is_named_at_once_with_its_line(at: list[str], capsys: Said) -> None:
    write(at, "files.yaml", "files:\n  hash_quiet_ms: soon\n  wach: [/etc]\n")
    assert main([*at, "config", "check"]) == 78
    said = capsys.readouterr().err
    assert "files.yaml:2" in said
    assert "files.yaml:3" in said
    assert "watch" in said
    assert "Traceback" not in said


def test_a_missing_directory_is_one_line(at: list[str], capsys: Said) -> None:
    assert main(["--config", "/nowhere/at all", *at[2:], "config", "check"]) == 78
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_show_says_where_each_value_comes_from(at: list[str], capsys: Said) -> None:
    write(at, "files.yaml", "files:\n  hash_quiet_ms: 300\n  watch:\n    - /srv\n")
    overrides = Path(at[3]) / "overrides.json"
    overrides.write_bytes(
        msgspec.json.encode({"version": 1, "values": {"alerts.merge_window_secs": 60}})
    )
    overrides.chmod(0o640)
    assert main([*at, "config", "show", "--json"]) == 0
    shown = {one["key"]: one for one in map(json.loads, capsys.readouterr().out.splitlines())}
    assert shown["files.hash_quiet_ms"]["value"] == 300
    assert shown["files.hash_quiet_ms"]["origin"].endswith("files.yaml:2")
    assert shown["files.watch"]["value"] == ["/srv"]
    assert "files.yaml:" in shown["files.watch"]["origin"]
    assert shown["files.source"]["origin"] == "default"
    assert shown["alerts.merge_window_secs"]["value"] == 60
    assert shown["alerts.merge_window_secs"]["origin"].startswith("override: ")


def test_show_takes_the_beginning_of_a_name(at: list[str], capsys: Said) -> None:
    assert main([*at, "config", "show", "files."]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("files.", "  - ")) for line in lines)
    assert any(line.startswith("  - /etc") for line in lines)
    assert main([*at, "config", "show", "api.ssl"]) == 0
    assert capsys.readouterr().out == "api.ssl  true (default)\n"
    assert main([*at, "config", "show", "nothing"]) == 2
    assert "no setting begins with 'nothing'" in capsys.readouterr().err


def test_set_changes_one_value_and_keeps_comments(at: list[str], capsys: Said) -> None:
    path = write(at, "files.yaml", "# mine\nfiles:\n  hash_quiet_ms: 300  # short\n")
    assert main([*at, "config", "set", "files.hash_quiet_ms", "700"]) == 0
    assert path.read_text() == "# mine\nfiles:\n  hash_quiet_ms: 700  # short\n"
    said = capsys.readouterr().out
    assert "files.yaml:3: files.hash_quiet_ms is 700 (was 300)" in said
    assert "restart" in said
    assert main([*at, "config", "set", "files.hash_deadline_secs", "30", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["old"] is None


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [("files.hash_quiet_ms", "soon", 78), ("files.hash_quiet", "1", 2), ("files.watch", "/x", 2)],
)
def test_set_refuses_what_would_be_wrong(
    at: list[str], capsys: Said, key: str, value: str, status: int
) -> None:
    path = write(at, "files.yaml", "files: {}\n")
    assert main([*at, "config", "set", key, value]) == status
    assert path.read_text() == "files: {}\n"
    assert capsys.readouterr().err.startswith("sentinair: ")


def test_compile_writes_what_the_senders_read(at: list[str], capsys: Said, tmp_path: Path) -> None:
    write(at, "files.yaml", "files:\n  hash_quiet_ms: 300\n")
    assert main([*at, "config", "compile"]) == 0
    compiled = read_compiled(Path(at[3]) / "run" / "sensor.msgpack")
    assert compiled.files.hash_quiet_ms == 300
    assert compiled.state == at[3]
    assert main([*at, "config", "compile", "--out", str(tmp_path / "x")]) == 0
    assert read_compiled(tmp_path / "x") == compiled
    assert main([*at, "config", "compile", "--out", str(tmp_path / "none" / "x")]) == 74
    assert "there is no such directory" in capsys.readouterr().err
